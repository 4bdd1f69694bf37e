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
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..denoiser import PREDICTIONS, network_output
from ..glide import CaptionedPictures, MenuTargets, draw_captions, text_training
from ..process import q_sample
from ..schedule import Schedule
from ..seeding import seeded
from ..training import (
    NetworkT,
    TrainConfig,
    TrainingState,
    TrainStep,
    draw_step,
    learning_rate_at,
    loss_weights,
    squared_errors,
    train,
)
from ..training_runs import STATE_FILE, ModuleTraining, read_state, train_module, write_state
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
    return TrainConfig(
        num_steps=steps,
        batch_size=batch_size,
        learning_rate=5e-4,
        warmup_steps=100,
        decay_steps=steps // 2,
        ema_decay=0.998,
        label_dropout=0.1,
        attribute_dropout=0.0,  # the grammar leaves parts out by itself
        prediction_type="sample",
        loss_weighting="clamped_snr",
        even_classes=True,
        precision="fp32",
        seed=seed,
        save_every=100,
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
    state: TrainingState[BaseNetwork] = TrainingState.of(network, config, device)
    saves = _Saves(network, data, schedule, config, state, folder)
    for step in train(config, state, schedule, data):
        saves.save()
        yield step


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
    state: TrainingState[Enlarger] = TrainingState.of(network, config, device)
    saves = _Saves(network, data, schedule, config, state, folder)
    network.train()
    while (done := state.step) < config.num_steps:
        start, rate = time.perf_counter(), learning_rate_at(config, done)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        x0, t, eps, y = draw_step(config, network.config, schedule, data, done)
        z, level = draw_augmentation(config, done, shrunk(x0, network.config.ratio))
        x_t = q_sample(x0, t, eps, schedule)
        target = PREDICTIONS[config.prediction_type].target(x0, t, eps, schedule)
        given = z.to(device), level.to(device)

        def predict(x: Tensor, at: Tensor, words: Tensor | None, given: Any = given) -> Tensor:
            return network(x, at, *given, words)

        words = None if y is None else y.to(device)
        output = network_output(predict, network.config, x_t.to(device), t.to(device), words)
        losses = squared_errors(output, target.to(device))
        loss = (loss_weights(config, t, schedule).to(device) * losses).mean()
        state.optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), config.grad_clip)
        if not math.isfinite(length := float(norm)):
            raise FloatingPointError(
                f"Training diverged at step {done + 1}: the gradient is not finite. Lower the "
                "learning rate; the same command then goes on from the last save."
            )
        state.optimizer.step()
        state.ema.update_parameters(network)
        state.step = done + 1
        saves.save()
        seconds = time.perf_counter() - start
        average: Any = state.ema.module
        yield TrainStep(
            state.step, float(loss.detach()), t, losses.detach().cpu(), rate, length, seconds,
            average, network,
        )  # fmt: skip


class _Saves:
    """The state of a training in its folder: read at the beginning, saved every so many steps."""

    def __init__(
        self,
        network: BaseNetwork | Enlarger,
        data: CaptionedPictures,
        schedule: Schedule,
        config: TrainConfig,
        state: TrainingState[NetworkT],
        folder: Path | None,
    ) -> None:
        """Load what the folder holds into the state.

        Raises:
            ValueError: if it holds a training with other settings, or the pictures do not fit.
        """
        if data.pictures.shape != network.config.sample_shape:
            own, theirs = (
                " × ".join(map(str, shape))
                for shape in (network.config.sample_shape, data.pictures.shape)
            )
            raise ValueError(f"The network takes pictures of {own}, and these have {theirs}.")
        told: dict[str, Any] = {"content": data.pictures.content, "captions": data.seed}
        told |= {"vocabulary": " ".join(data.tokenizer.vocabulary), "records": len(data.records)}
        shape = dataclasses.asdict(network.config)
        self.settings = {"train": dataclasses.asdict(config), "unet": shape, "data": told}
        self.schedule, self.config, self.state = schedule, config, state
        self.file = None if folder is None else folder / STATE_FILE
        if self.file is not None and self.file.exists():
            read_state(self.file, self.settings, schedule, state)

    def save(self) -> None:
        """Save the state where it is time."""
        step = self.state.step
        if self.file is None or (step % self.config.save_every and step != self.config.num_steps):
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_state(self.file, self.settings, self.schedule, self.state, "fp32")
