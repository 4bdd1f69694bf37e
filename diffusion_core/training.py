"""Training: draw a timestep, add that much noise, ask the network what was added.

    L = E_{x0, t ~ U{0..T-1}, eps ~ N(0, I)} w(t) || target - f(x_t, t, y) ||²

With target = eps and w = 1 this is L_simple (Ho et al. 2020, eq. 14 and algorithm 1). The target may
also be v or x0, and w the min-SNR weight (Hang et al. 2023).

`train` is a generator: it yields after every step, and stopping it is leaving it. All randomness
of step k comes from generators seeded by (seed, k), so a resumed run is the unbroken run, to the bit
on one machine with the same threads, and several processes draw what one would have drawn.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from .data import ImageDataset
from .process import predict_v, q_sample
from .schedule import NoiseSchedule
from .state import read_state, write_state
from .unet import UNet, UNetConfig

PREDICTION_TYPES = ("epsilon", "v_prediction", "sample")
WEIGHTINGS = ("none", "min_snr")
PRECISIONS = ("auto", "fp32", "bf16")
STATE_FILE = "state.safetensors"


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
        label_dropout: Share of labels replaced by the null label (Ho and Salimans 2022).
        prediction_type: What the network's output means: epsilon, v_prediction or sample (x0).
        loss_weighting: "none", or "min_snr".
        min_snr_gamma: Its γ.
        precision: "bf16" or "fp32"; "auto" measures which is faster here.
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
    prediction_type: str = "epsilon"
    loss_weighting: str = "none"
    min_snr_gamma: float = 5.0
    precision: str = "auto"
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
        if min(self.num_steps, self.batch_size, self.save_every) < 1:
            raise ValueError("num_steps, batch_size and save_every must be at least 1.")
        if not (self.learning_rate > 0 and self.grad_clip > 0 and self.min_snr_gamma > 0):
            raise ValueError("learning_rate, grad_clip and min_snr_gamma must be above 0.")
        if not (0 <= self.ema_decay < 1 and 0 <= self.label_dropout < 1):
            raise ValueError("ema_decay and label_dropout must lie in [0, 1).")
        if min(self.warmup_steps, self.decay_steps, self.seed) < 0 or self.seed >= 2**63:
            raise ValueError("warmup_steps, decay_steps and seed must be at least 0.")


@dataclass(frozen=True)
class TrainStep:
    """What one step did.

    Attributes:
        step: Steps done so far, from 1.
        loss: Mean weighted loss of the batch.
        t: The timesteps drawn by this process, (B,).
        losses: Unweighted squared error of each image, mean over its pixels, (B,).
        learning_rate, grad_norm: Of this step; the norm before clipping.
        seconds: What the step took.
        unet: The averaged (EMA) network as it now stands; read it, do not change it.
    """

    step: int
    loss: float
    t: Tensor
    losses: Tensor
    learning_rate: float
    grad_norm: float
    seconds: float
    unet: UNet


def training_target(
    prediction_type: str, x0: Tensor, t: Tensor, eps: Tensor, schedule: NoiseSchedule
) -> Tensor:
    """What a network of this kind should have answered: eps, v or x0; (B, C, H, W)."""
    if prediction_type == "v_prediction":
        return predict_v(x0, t, eps, schedule)
    return eps if prediction_type == "epsilon" else x0


def loss_weights(config: TrainConfig, t: Tensor, schedule: NoiseSchedule) -> Tensor:
    """w(t), float32 (B,): 1, or min(SNR, γ) in units of x0's error (Hang et al. 2023, eq. 9)."""
    if config.loss_weighting == "none":
        return torch.ones(t.shape)
    snr = schedule.log_snr(t).exp()
    in_x0 = snr.clamp_max(config.min_snr_gamma)
    error_of_x0 = {
        "epsilon": 1 / snr,
        "v_prediction": 1 / (snr + 1),
        "sample": torch.ones_like(snr),
    }
    return (in_x0 * error_of_x0[config.prediction_type]).float()


def learning_rate_at(config: TrainConfig, step: int) -> float:
    """Warm-up, level, decay: the rate of zero-based `step` (Hu et al. 2024, "WSD").

    The level part does not depend on num_steps, so a run can be lengthened or cut short before
    its decay without changing what came before.
    """
    up = (step + 1) / config.warmup_steps if config.warmup_steps else 1.0
    down = (config.num_steps - step) / config.decay_steps if config.decay_steps else 1.0
    return config.learning_rate * min(1.0, up, down)


def seeded(*parts: object) -> torch.Generator:
    """A CPU generator whose seed is a hash of the parts: equal parts, equal numbers."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def batch_indices(config: TrainConfig, step: int, size: int) -> Tensor:
    """Which images step k sees, int64 (B,): the k-th slice of an endless row of shuffles."""
    first, parts, needed = step * config.batch_size, [], config.batch_size
    while needed:
        epoch, offset = divmod(first, size)
        order = torch.randperm(size, generator=seeded(config.seed, "epoch", epoch))
        parts.append(order[offset : offset + needed])
        needed -= len(parts[-1])
        first += len(parts[-1])
    return torch.cat(parts)


def fastest_precision(device: torch.device) -> str:
    """Time a convolution and its gradient both ways; "bf16" if it wins, else "fp32"."""
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


def _ema_update(decay: float) -> Any:
    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        n = int(count)
        now = min(decay, (1 + n) / (10 + n))  # early on, the average follows closely
        torch._foreach_lerp_(averaged, current, 1 - now)

    return update


def train(
    config: TrainConfig,
    unet_config: UNetConfig,
    schedule: NoiseSchedule,
    dataset: ImageDataset,
    out: str | Path,
    *,
    initial: UNet | None = None,
    resume: bool = True,
    accelerator: Accelerator | None = None,
) -> Iterator[TrainStep]:
    """Train a UNet and yield after every step.

    Every `save_every` steps and at the end the whole state (weights, average, optimiser, step) is
    written to `out/state.safetensors`, beside its name and then renamed, so that a kill at any
    moment loses at most the steps since the last save. Leaving the generator early saves too.

    Args:
        config: How to train.
        unet_config: What to train.
        schedule: How much noise at each timestep.
        dataset: On what; its images must fit the network.
        out: Folder of the state.
        initial: Weights to begin with, in place of random ones (fine-tuning).
        resume: Go on from a state in `out`, if there is one.
        accelerator: For several processes or devices; None makes one.

    Raises:
        ValueError: if data and network do not fit, or the state in `out` is of another run.
    """
    if dataset.shape[0] != unet_config.in_channels or any(
        s % unet_config.divisor for s in dataset.shape[1:]
    ):
        raise ValueError(
            f"The pictures are {dataset.shape[0]} × {dataset.shape[1]} × {dataset.shape[2]}, but the "
            f"network takes {unet_config.in_channels} channels and sides that are multiples of "
            f"{unet_config.divisor}."
        )
    if unet_config.num_classes is not None and dataset.labels is None:
        raise ValueError("The network has classes, but the pictures have no labels.")
    accelerator = accelerator or Accelerator()
    if config.batch_size % accelerator.num_processes:
        raise ValueError("batch_size must be a multiple of the number of processes.")
    device = accelerator.device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        unet = UNet(unet_config)
    if initial is not None:
        unet.load_state_dict(initial.state_dict())
    unet.to(device)
    ema = AveragedModel(unet, multi_avg_fn=_ema_update(config.ema_decay))
    optimizer = torch.optim.AdamW(
        unet.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), fused=device.type != "mps",
        weight_decay=config.weight_decay,
    )  # fmt: skip
    path, done, precision = Path(out) / STATE_FILE, 0, config.precision
    settings = {"train": dataclasses.asdict(config), "unet": dataclasses.asdict(unet_config)}
    if resume and path.exists():
        done, precision = read_state(path, settings, schedule, unet, ema, optimizer)
    if precision == "auto":
        precision = fastest_precision(device)
    model, optimizer = accelerator.prepare(unet, optimizer)
    model.train()

    def save() -> None:
        if accelerator.is_main_process:
            write_state(path, settings, schedule, unet, ema, optimizer, done, precision)

    saved = done
    try:
        while done < config.num_steps:
            start = time.perf_counter()
            rate = learning_rate_at(config, done)
            for group in optimizer.param_groups:
                group["lr"] = rate
            x0, t, eps, y = _draw(config, unet_config, schedule, dataset, done)
            share = _share(accelerator, config.batch_size)
            target = training_target(config.prediction_type, x0, t, eps, schedule)[share].to(device)
            x_t = q_sample(x0, t, eps, schedule)[share].to(device)
            weights = loss_weights(config, t, schedule)[share].to(device)
            t, y = t[share], None if y is None else y[share].to(device)
            with (
                _seeded_dropout(unet_config, config.seed, done, accelerator.process_index),
                torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"),
            ):
                output = model(x_t, t.to(device), y)
            losses = (output.float() - target).square().flatten(1).mean(dim=1)
            loss = (weights * losses).mean()
            optimizer.zero_grad()
            accelerator.backward(loss)
            norm = accelerator.clip_grad_norm_(model.parameters(), config.grad_clip)
            if not bool(torch.isfinite(norm)):
                raise FloatingPointError(
                    f"Training diverged at step {done + 1}: the gradient is not finite. "
                    "Lower the learning rate and resume from the last save."
                )
            optimizer.step()
            ema.update_parameters(unet)
            done += 1
            if done % config.save_every == 0 or done == config.num_steps:
                save()
                saved = done
            yield TrainStep(
                done, float(accelerator.reduce(loss.detach(), "mean")), t, losses.detach().cpu(),
                rate, float(norm), time.perf_counter() - start, ema.module,
            )  # fmt: skip
    except FloatingPointError:
        saved = done  # keep the last good state
        raise
    finally:
        if saved < done:
            save()


def _draw(
    config: TrainConfig, unet: UNetConfig, schedule: NoiseSchedule, dataset: ImageDataset, step: int
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """All that is random in a step, for the whole batch, on the CPU: x0, t, eps, y."""
    x0, y = dataset.batch(batch_indices(config, step, len(dataset)))
    generator = seeded(config.seed, "step", step)
    t = torch.randint(len(schedule), (len(x0),), generator=generator)
    eps = torch.randn(x0.shape, generator=generator)
    if unet.num_classes is None or y is None:
        return x0, t, eps, None
    if unet.null_label:
        dropped = torch.rand(len(x0), generator=generator) < config.label_dropout
        y = torch.where(dropped, unet.num_classes, y)
    return x0, t, eps, y


def _share(accelerator: Accelerator, batch_size: int) -> slice:
    """This process's part of the batch."""
    each = batch_size // accelerator.num_processes
    return slice(accelerator.process_index * each, (accelerator.process_index + 1) * each)


def _seeded_dropout(config: UNetConfig, *parts: object) -> Any:
    """Dropout draws from torch's global generator: seed it for this step, and put it back."""
    if not config.dropout:
        return torch.autograd.profiler.record_function("no dropout")
    fork = torch.random.fork_rng()

    class _Seeded:
        def __enter__(self) -> None:
            fork.__enter__()
            torch.manual_seed(seeded("dropout", *parts).initial_seed() % 2**63)

        def __exit__(self, *error: Any) -> None:
            fork.__exit__(*error)

    return _Seeded()
