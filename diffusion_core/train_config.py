"""How to train: the settings, the learning rate they imply, the precision that is fastest."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch import nn

PREDICTION_TYPES = ("epsilon", "v_prediction", "sample")
WEIGHTINGS = ("none", "min_snr", "clamped_snr")
UNBOUNDED = ("clamped_snr", "epsilon")  # SNR 0 weighs infinitely: there eps says nothing of x0
PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True)
class TrainConfig:
    """How to train; stored as JSON with the state and the checkpoint.

    Attributes:
        num_steps: Optimiser steps in all.
        batch_size: Images a step, over all processes together.
        learning_rate: Peak of AdamW's.
        warmup_steps: It rises linearly over these first steps,
        decay_steps: stays level, and falls linearly to 0 over these last ones.
        weight_decay: AdamW's.
        grad_clip: Largest norm of the gradient.
        ema_decay: Of the averaged weights; begins low and rises with the steps.
        label_dropout: Share of labels replaced by the null label (Ho and Salimans 2022), and with
            them all attributes.
        attribute_dropout: Share in which each attribute is left out by itself.
        sparse_attributes: Share of pictures of which any number of attributes is left out, each
            number alike, so that the network also learns what little is said of.
        prediction_type: What the network's output means: epsilon, v_prediction or sample (x0).
        loss_weighting: "none", "min_snr" or "clamped_snr"; see `training.loss_weights`.
        min_snr_gamma: Their γ.
        precision: "bf16" or "fp32"; "auto" measures which is faster here.
        even_classes: Draw every class equally often, whatever its share of the pictures.
        flip: Mirror half of the pictures, left to right: for what has no left and right.
        seed: Of the weights and of every step's draws.
        save_every: Steps between saves of the state.
    """

    num_steps: int = 10_000
    batch_size: int = 64
    learning_rate: float = 1e-3
    warmup_steps: int = 500
    decay_steps: int = 2_000
    weight_decay: float = 0.0
    grad_clip: float = 1.0
    ema_decay: float = 0.9995
    label_dropout: float = 0.1
    attribute_dropout: float = 0.1
    sparse_attributes: float = 0.0
    prediction_type: str = "epsilon"
    loss_weighting: str = "none"
    min_snr_gamma: float = 5.0
    precision: str = "auto"
    even_classes: bool = False
    flip: bool = False
    seed: int = 0
    save_every: int = 500

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, in one sentence."""
        for name, choices in (
            ("prediction_type", PREDICTION_TYPES),
            ("loss_weighting", WEIGHTINGS),
            ("precision", PRECISIONS),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"There is no {name} {getattr(self, name)!r}; choose {', '.join(choices)}."
                )
        if (self.loss_weighting, self.prediction_type) == UNBOUNDED:
            raise ValueError(
                "clamped_snr has no bound where epsilon is predicted; choose min_snr, or "
                "another prediction_type."
            )
        if min(self.num_steps, self.batch_size, self.save_every) < 1:
            raise ValueError("num_steps, batch_size and save_every must be at least 1.")
        if not (self.learning_rate > 0 and self.grad_clip > 0 and self.min_snr_gamma > 0):
            raise ValueError("learning_rate, grad_clip and min_snr_gamma must be above 0.")
        if not all(
            0 <= x < 1
            for x in (
                self.ema_decay,
                self.label_dropout,
                self.attribute_dropout,
                self.sparse_attributes,
            )
        ):
            raise ValueError("ema_decay, the dropouts and sparse_attributes must lie in [0, 1).")
        if min(self.warmup_steps, self.decay_steps, self.seed) < 0 or self.seed >= 2**63:
            raise ValueError("warmup_steps, decay_steps and seed must be at least 0.")


def learning_rate_at(config: TrainConfig, step: int) -> float:
    """Warm-up, level, decay: the rate of zero-based `step` (Hu et al. 2024, "WSD").

    The level part does not depend on num_steps, so a run can be lengthened or cut short before
    its decay without changing what came before.
    """
    up = (step + 1) / config.warmup_steps if config.warmup_steps else 1.0
    down = (config.num_steps - step) / config.decay_steps if config.decay_steps else 1.0
    return config.learning_rate * min(1.0, up, down)


def fastest_precision(device: torch.device) -> str:
    """The faster of "fp32" and "bf16": on a CPU by timing a convolution and its gradient."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    if device.type != "cpu":
        return "fp32"
    took: dict[str, float] = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        try:
            x = torch.ones(32, 64, 16, 16, device=device, dtype=dtype)
            conv = nn.Conv2d(64, 64, 3, padding=1, device=device, dtype=dtype)
            for repeat in range(4):
                if repeat == 1:
                    start = time.perf_counter()  # the first round warms up
                conv(x).sum().backward()
            took[name] = float(conv.weight.grad.sum().isnan()) + time.perf_counter() - start  # type: ignore[union-attr]
        except RuntimeError:
            took[name] = math.inf
    return min(took, key=lambda name: took[name])
