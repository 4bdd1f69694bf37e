"""Training Imagen: first the captions' vectors, then each of both models; all of them can go on.

A UNet with classes has a vector for every condition that can be chosen in menus, y -> e(y). The
first stage needs no picture: the projection of captions learns to give for a caption the vector of
what it tells, by regression,

    L = E_{caption} || e(c) - e(told) ||²

so that a model which begins with that UNet is asked in words as it was by menus. Base model and
model of super-resolution are then trained on pictures with captions, a tenth of them left empty for
guidance. The second also draws a level and the noise of augmentation for each picture:

    L = E w(t) || target - f(x_t, t, z, s, y) ||²,    z = cos(s π/2) x_small + sin(s π/2) ε,
                                                      s ~ U[0, 1]

with x_small the mean over areas of the picture itself (Saharia et al. 2022, section 2.4).

All draws of a step follow from the seed and its number, so that an interrupted training goes on as
if it had not been, to the bit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..glide import (
    CaptionedPictures,
    MenuTargets,
    draw_captions,
    text_training,
    train_in_words,
    training_in_words,
)
from ..schedule import Schedule
from ..seeding import seeded
from ..training import TrainConfig, TrainStep
from ..training_runs import ModuleTraining, train_module
from .base import BaseNetwork
from .captions import CaptionVector
from .enlarger import Enlarger, augmented, shrunk


@dataclass(frozen=True)
class WordsStep:
    """What a step of the first stage tells.

    Attributes:
        step: Steps done, from 1.
        loss: Mean squared error of the vectors' features.
        unexplained: The same as a share of the variance of the wanted vectors in this batch.
        seconds: Seconds of processor time in all, those before an interruption too.
    """

    step: int
    loss: float
    unexplained: float
    seconds: float


def words_training(steps: int, *, batch: int = 64, seed: int = 0) -> ModuleTraining:
    """Settings of the first stage.

    Args:
        steps: Optimiser steps; the learning rate falls over the last half.
        batch: Captions a step.
        seed: Of all draws.
    """
    return ModuleTraining(steps, batch, steps // 2, 2e-3, seed=seed)


def imagen_training(steps: int, *, batch_size: int = 32, seed: int = 0) -> TrainConfig:
    """Settings of both models' trainings, which go on from a network that draws already.

    Args:
        steps: Optimiser steps; the learning rate falls over the last half.
        batch_size: Pictures a step.
        seed: Of all draws.
    """
    return training_in_words(
        steps,
        batch_size=batch_size,
        learning_rate=5e-4,
        warmup_steps=100,
        ema_decay=0.998,
        seed=seed,
    )


def learn_words(
    caption: CaptionVector,
    data: CaptionedPictures,
    targets: MenuTargets,
    training: ModuleTraining,
    *,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[WordsStep]:
    """Train a projection of captions to give the vectors of a model's menus.

    Args:
        caption: The projection; changed in place.
        data: The records that captions are written of; no picture is read.
        targets: What the vectors shall be.
        training: The settings, as of `words_training`.
        folder: Where the state is saved, and from where an interrupted training goes on; None saves
            nothing.
        device: The device to train on.

    Raises:
        ValueError: if the folder holds a training with other settings.
        FloatingPointError: if the loss is not finite.
    """
    caption.to(device).train()
    targets.encoder.to(device)
    draws = text_training(training.steps, batch_size=training.batch, seed=training.seed)
    unexplained = 0.0

    def loss_of(step: int) -> Tensor:
        nonlocal unexplained
        y, told = draw_captions(data.records, data.tokenizer, targets, draws, step - 1)
        with torch.no_grad():
            wanted = targets.encoder(told.to(device), len(told))
        loss = (caption(y.to(device), len(y)) - wanted).square().mean()
        spread = float((wanted - wanted.mean(dim=0)).square().mean())
        unexplained = float(loss.detach()) / max(spread, 1e-12)
        return loss

    same: dict[str, Any] = dataclasses.asdict(caption.config) | {"records": len(data.records)}
    same |= {"vocabulary": " ".join(data.tokenizer.vocabulary)}
    same |= {"menus": float(targets.encoder.weight.detach().double().sum())}
    for done in train_module(caption, training, loss_of, same, folder=folder):
        yield WordsStep(done.step, done.loss, unexplained, done.seconds)


def learn_base(
    network: BaseNetwork,
    data: CaptionedPictures,
    schedule: Schedule,
    config: TrainConfig,
    *,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[TrainStep[BaseNetwork]]:
    """Train the base model on small pictures with captions, and yield after every step.

    Args:
        network: The network with the weights to begin with; changed in place.
        data: Pictures of the network's shape, and their captions.
        schedule: The noise schedule.
        config: The settings, as of `imagen_training`.
        folder: As for `learn_words`.
        device: The device to train on.

    Raises:
        ValueError: if the folder holds a training with other settings.
        FloatingPointError: if the gradient is not finite.
    """
    yield from train_in_words(network, data, schedule, config, folder=folder, device=device)


def draw_augmentation(config: TrainConfig, step: int, small: Tensor) -> tuple[Tensor, Tensor]:
    """Small pictures of a step with their noise in them, as `small` (B, C, h, w); levels (B,)."""
    generator = seeded(config.seed, "augmentation", step)
    level = torch.rand(len(small), generator=generator)
    return augmented(small, level, torch.randn(small.shape, generator=generator)), level


def learn_enlarger(
    network: Enlarger,
    data: CaptionedPictures,
    schedule: Schedule,
    config: TrainConfig,
    *,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[TrainStep[Enlarger]]:
    """Train the model of super-resolution, and yield after every step.

    Args:
        network: The network with the weights to begin with; changed in place.
        data: Large pictures and their captions; the small ones are made of them.
        schedule: The noise schedule.
        config: The settings, as of `imagen_training`.
        folder: As for `learn_words`.
        device: The device to train on.

    Raises:
        ValueError: if the folder holds a training with other settings.
        FloatingPointError: if the gradient is not finite.
    """

    def given(step: int, x0: Tensor) -> tuple[Tensor, Tensor]:
        return draw_augmentation(config, step, shrunk(x0, network.config.ratio))

    yield from train_in_words(
        network, data, schedule, config, folder=folder, device=device, given=given
    )
