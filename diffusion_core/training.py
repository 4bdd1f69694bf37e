"""Training: draw a timestep, add that much noise, ask the network what was added.

    L = E_{x0, t ~ U{0..T-1}, eps ~ N(0, I)} w(t) || target - f(x_t, t, y) ||²

With target = eps and w = 1 this is L_simple (Ho et al. 2020, eq. 14 and algorithm 1). The target
may also be v or x0, and w the min-SNR weight (Hang et al. 2023).

`train` is a generator: it yields after every step, and stopping it is leaving it. All randomness
of step k comes from generators seeded by (seed, k), so a resumed run is the unbroken run, to the
bit on one machine with the same threads, and several processes draw what one would have drawn.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from .draws import draw_step, seeded_dropout
from .image_dataset import ImageDataset
from .process import predict_v, q_sample
from .schedule import NoiseSchedule
from .state import read_state, write_state
from .train_config import TrainConfig, fastest_precision, learning_rate_at
from .unet import UNet, UNetConfig

__all__ = ["TrainConfig", "TrainStep", "loss_weights", "train", "training_target"]

STATE_FILE = "state.safetensors"


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
        raw: The network in training, likewise.
    """

    step: int
    loss: float
    t: Tensor
    losses: Tensor
    learning_rate: float
    grad_norm: float
    seconds: float
    unet: UNet
    raw: UNet


def training_target(
    prediction_type: str, x0: Tensor, t: Tensor, eps: Tensor, schedule: NoiseSchedule
) -> Tensor:
    """What a network of this kind should have answered: eps, v or x0; (B, C, H, W)."""
    if prediction_type == "v_prediction":
        return predict_v(x0, t, eps, schedule)
    return eps if prediction_type == "epsilon" else x0


def loss_weights(config: TrainConfig, t: Tensor, schedule: NoiseSchedule) -> Tensor:
    """w(t), float32 (B,), that the squared error of the prediction is multiplied by.

    none: 1. In units of x0's error, and converted to those of the prediction:
    min_snr: min(SNR, γ)                                           (Hang et al. 2023, eq. 9)
    clamped_snr: min(max(SNR, 1), γ): truncated below as well      (Salimans & Ho 2022, section 4)
    """
    if config.loss_weighting == "none":
        return torch.ones(t.shape)
    snr, gamma = schedule.log_snr(t).exp(), config.min_snr_gamma
    if config.prediction_type == "epsilon":
        return (gamma / snr).clamp_max(1.0).float()
    least = min(1.0, gamma) if config.loss_weighting == "clamped_snr" else 0.0
    in_x0 = snr.clamp(least, gamma)
    return (in_x0 / (snr + 1) if config.prediction_type == "v_prediction" else in_x0).float()


def fresh_unet(config: UNetConfig, seed: int) -> UNet:
    """The network with the random weights that this seed begins a run with, on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return UNet(config)


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
) -> Generator[TrainStep, None, None]:
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
            f"The pictures are {' × '.join(map(str, dataset.shape))}, but the network takes "
            f"{unet_config.in_channels} channels and sides that are multiples of "
            f"{unet_config.divisor}."
        )
    if unet_config.num_classes is not None and dataset.labels is None:
        raise ValueError("The network has classes, but the pictures have no labels.")
    sizes = tuple(len(values) for _, values in dataset.attribute_names)
    if unet_config.attributes and unet_config.attributes != sizes:
        raise ValueError("The network has other attributes than the pictures.")
    if config.prediction_type == "epsilon" and schedule.alpha_bar(len(schedule) - 1) == 0:
        raise ValueError(
            "A schedule with zero terminal SNR wants prediction_type v_prediction or sample: in "
            "pure noise there is nothing to learn from predicting it."
        )
    accelerator = accelerator or Accelerator()
    if config.batch_size % accelerator.num_processes:
        raise ValueError("batch_size must be a multiple of the number of processes.")
    device = accelerator.device
    unet = fresh_unet(unet_config, config.seed)
    if initial is not None:
        unet.load_state_dict(initial.state_dict())
    unet.to(device)
    ema = AveragedModel(unet, multi_avg_fn=_ema_update(config.ema_decay))
    optimizer = torch.optim.AdamW(
        unet.parameters(),
        lr=config.learning_rate,
        betas=(0.9, 0.99),
        fused=device.type != "mps",
        weight_decay=config.weight_decay,
    )
    path, done, precision = Path(out) / STATE_FILE, 0, config.precision
    settings = {
        "train": dataclasses.asdict(config),
        "unet": dataclasses.asdict(unet_config),
        "data": {"dataset": dataset.name, "pictures": len(dataset), "content": dataset.content},
    }
    if resume and path.exists():
        done, used = read_state(path, settings, schedule, unet, ema, optimizer)
        precision = used if precision == "auto" else precision
    if precision == "auto":
        precision = fastest_precision(device)
    model, optimizer = accelerator.prepare(unet, optimizer)
    model.train()

    def save() -> None:
        if accelerator.is_main_process:
            write_state(path, settings, schedule, unet, ema, optimizer, done, precision)

    saved, whole = done, True
    try:
        while done < config.num_steps:
            whole = False
            start = time.perf_counter()
            rate = learning_rate_at(config, done)
            for group in optimizer.param_groups:
                group["lr"] = rate
            x0, t, eps, y = draw_step(config, unet_config, schedule, dataset, done)
            share = _share(accelerator, config.batch_size)
            target = training_target(config.prediction_type, x0, t, eps, schedule)[share].to(device)
            x_t = q_sample(x0, t, eps, schedule)[share].to(device)
            weights = loss_weights(config, t, schedule)[share].to(device)
            t, y = t[share], None if y is None else y[share].to(device)
            with (
                seeded_dropout(unet_config, config.seed, done, accelerator.process_index),
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
                    "Lower the learning rate; the same command then goes on from the last save."
                )
            optimizer.step()
            ema.update_parameters(unet)
            done, whole = done + 1, True
            if done % config.save_every == 0 or done == config.num_steps:
                save()
                saved = done
            yield TrainStep(
                done,
                float(accelerator.reduce(loss.detach(), "mean")),
                t,
                losses.detach().cpu(),
                rate,
                float(norm),
                time.perf_counter() - start,
                cast(UNet, ema.module),
                unet,
            )
    finally:
        # Left between steps: keep them. Broken off inside one: the last save is the last good one.
        if whole and saved < done:
            save()


def _share(accelerator: Accelerator, batch_size: int) -> slice:
    """This process's part of the batch."""
    each = batch_size // accelerator.num_processes
    return slice(accelerator.process_index * each, (accelerator.process_index + 1) * each)
