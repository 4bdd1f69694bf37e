"""The training of a network that is asked in words, on pictures with captions; it can go on.

It is the core's own, `training.train`. A network that sees more than x_t, as what is known of a
picture or a smaller one of it, has a loop of its own here: what it is given follows from the clean
pictures, the seed and the number of the step.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..denoiser import PREDICTIONS, network_output
from ..process import q_sample
from ..schedule import Schedule
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
from ..training_runs import STATE_FILE, read_state, write_state
from .records import CaptionedPictures

# Of the number of a step, from 0, and its clean pictures (B, C, H, W), on the CPU: what the network
# is given between t and the captions.
Given = Callable[[int, Tensor], tuple[Tensor, ...]]


def training_in_words(
    steps: int,
    *,
    batch_size: int = 32,
    learning_rate: float = 3e-4,
    warmup_steps: int = 200,
    ema_decay: float = 0.999,
    seed: int = 0,
) -> TrainConfig:
    """Settings of trainings that go on from a network which draws already.

    Args:
        steps: Optimiser steps; the learning rate falls over the last half.
        batch_size: Samples a step.
        learning_rate: The highest.
        warmup_steps: First steps, over which it rises.
        ema_decay: Of the averaged network.
        seed: Of all draws.
    """
    return TrainConfig(
        num_steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup_steps=warmup_steps,
        decay_steps=steps // 2,
        ema_decay=ema_decay,
        label_dropout=0.1,
        attribute_dropout=0.0,  # the grammar leaves parts out by itself
        prediction_type="sample",
        loss_weighting="clamped_snr",
        even_classes=True,
        precision="fp32",
        seed=seed,
        save_every=100,
    )


def train_in_words(
    network: NetworkT,
    data: CaptionedPictures,
    schedule: Schedule,
    config: TrainConfig,
    *,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
    given: Given | None = None,
    fixed: bool = False,
) -> Iterator[TrainStep[NetworkT]]:
    """Train a network on pictures with captions, and yield after every step.

    Args:
        network: The network with the weights to begin with; it is changed in place, but for what
            requires no gradient.
        data: Pictures of the network's shape, and their captions.
        schedule: The noise schedule.
        config: The settings.
        folder: Where the state is saved, and from where an interrupted training goes on; None saves
            nothing.
        device: The device to train on.
        given: Gives what the network sees beside x_t, t and captions; None of one that sees no
            more.
        fixed: Whether the state names the parts that require no gradient.

    Raises:
        ValueError: if the folder holds a training with other settings, or the pictures do not fit.
        FloatingPointError: if the gradient is not finite.
    """
    state: TrainingState[NetworkT] = TrainingState.of(network, config, device)
    saves = _Saves(network, data, schedule, config, state, folder, fixed)
    if given is None:
        steps: Iterator[TrainStep[NetworkT]] = train(config, state, schedule, data)
    else:
        steps = _train_given(config, state, schedule, data, given, torch.device(device))
    for step in steps:
        saves.save()
        yield step


def _train_given(
    config: TrainConfig,
    state: TrainingState[NetworkT],
    schedule: Schedule,
    data: CaptionedPictures,
    given: Given,
    device: torch.device,
) -> Iterator[TrainStep[NetworkT]]:
    """The steps of a network that sees more than x_t, t and captions."""
    network: Any = state.unet
    network.train()
    while (done := state.step) < config.num_steps:
        start, rate = time.perf_counter(), learning_rate_at(config, done)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        x0, t, eps, y = draw_step(config, network.config, schedule, data, done)
        x_t = q_sample(x0, t, eps, schedule)
        target = PREDICTIONS[config.prediction_type].target(x0, t, eps, schedule)
        seen = tuple(each.to(device) for each in given(done, x0))

        def predict(x: Tensor, at: Tensor, words: Tensor | None, seen: Any = seen) -> Tensor:
            return network(x, at, *seen, words)

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
        network: Any,
        data: CaptionedPictures,
        schedule: Schedule,
        config: TrainConfig,
        state: TrainingState[NetworkT],
        folder: Path | None,
        fixed: bool,
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
        if fixed:
            told["fixed"] = [
                name
                for name, part in network.named_children()
                if not any(p.requires_grad for p in part.parameters())
            ]
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
