"""A training of any module by AdamW, saved so that it can go on: the loop, and its settings.

What is learnt is a function that gives the loss of a step. Its draws shall follow from the seed and
the number of the step alone, so that an interrupted training goes on as it would have.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..seeding import parse_seed
from .module_state import read_module_state, write_module_state
from .state import STATE_FILE

_RISE = 50  # steps until the highest learning rate


@dataclass(frozen=True)
class ModuleTraining:
    """The settings of a training.

    Attributes:
        steps: Optimiser steps in all.
        batch: Pictures a step.
        decay: Last steps, over which the learning rate falls linearly to 0. Those before do not
            depend on it, so that a training can be lengthened before they begin.
        learning_rate: The highest, reached after 50 steps.
        weight_decay: Of AdamW.
        seed: Of the first weights and of all draws.
        save_every: Steps between saves.

    Raises:
        ValueError: if a number is out of its bounds.
    """

    steps: int = 1200
    batch: int = 64
    decay: int = 400
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    seed: int = 0
    save_every: int = 100

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        if min(self.steps, self.batch, self.save_every) < 1 or self.decay < 0:
            raise ValueError("steps, batch and save_every must be at least 1, and decay 0.")
        if not 0 < self.learning_rate <= 1 or not 0 <= self.weight_decay <= 1:
            raise ValueError("The learning rate must lie in (0, 1], and weight_decay in [0, 1].")
        parse_seed(self.seed, "seed")

    def rate(self, step: int) -> float:
        """The learning rate of a step, from 1 on: it rises, stays, and falls in the end."""
        left = (self.steps - step + 1) / (self.decay + 1)
        return self.learning_rate * min(1.0, step / _RISE, left)


@dataclass(frozen=True)
class ModuleStep:
    """What a step of training tells.

    Attributes:
        step: Number of steps done.
        loss: Its loss.
        seconds: Seconds of processor time in all, those before an interruption too.
    """

    step: int
    loss: float
    seconds: float


def train_module(
    module: nn.Module,
    training: ModuleTraining,
    loss_of: Callable[[int], Tensor],
    same: dict[str, Any],
    *,
    folder: Path | None = None,
) -> Iterator[ModuleStep]:
    """Train a module, and yield after every step. Stopping is leaving.

    Args:
        module: On its device, in training mode; changed in place.
        training: The settings.
        loss_of: The loss of a step, from 1 on, of which a gradient can be taken.
        same: What a training that goes on must have in common with this one, beside the settings
            that steps depend on.
        folder: Where the state is saved every `save_every` steps and at the end; None saves none.

    Raises:
        ValueError: if the folder holds a training of other settings.
        FloatingPointError: if the loss is not finite.
    """
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
    )
    settings = dataclasses.asdict(training)
    for free in ("steps", "decay", "save_every"):
        settings.pop(free)
    same = {**settings, **same}
    done, seconds, before = 0, 0.0, time.process_time()
    if folder is not None and (folder / STATE_FILE).exists():
        done, seconds = read_module_state(folder / STATE_FILE, module, [optimizer], same)
        if done > training.steps:
            raise ValueError(f"{folder} holds a training that already did {done} steps.")
    for step in range(done + 1, training.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = training.rate(step)
        loss = loss_of(step)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        if not math.isfinite(value := float(loss.detach())):
            raise FloatingPointError(
                f"The loss is not finite at step {step}; take a smaller learning rate."
            )
        now = time.process_time()
        seconds, before = seconds + now - before, now
        if folder is not None and (step % training.save_every == 0 or step == training.steps):
            write_module_state(folder / STATE_FILE, module, [optimizer], same, step, seconds)
        yield ModuleStep(step, value, seconds)
