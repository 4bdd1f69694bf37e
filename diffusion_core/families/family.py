"""What all families of generative models have in common, so that they can stand side by side."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..seeding import seeded
from ..training import TrainingData
from .perceptron import count_parameters


@dataclass(frozen=True)
class FamilyStep:
    """One optimiser step.

    Attributes:
        step: Steps done so far, from 1.
        losses: The losses of the step by their names.
        seconds: Duration of the step.
    """

    step: int
    losses: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


class Family(ABC, nn.Module):
    """A generative model of points or pictures: it learns from samples, and draws new ones.

    Attributes:
        name: Its name in tables.
        paper: Its source.
        evaluations: Network evaluations of one sample.
        latent: Numbers of the latent that `decode` takes; None where there is no such map.
        num_classes: Classes that it is told and asked for; None where it has none.
        batch: Samples of a step, where nothing else is said.
    """

    name = ""
    paper = ""
    evaluations = 1
    latent: int | None = None
    num_classes: int | None = None
    batch = 512

    def __init__(self) -> None:
        """Without optimisers; a family makes them when its networks stand."""
        super().__init__()
        self.optimizers: list[torch.optim.Optimizer] = []

    @property
    def num_parameters(self) -> int:
        """All numbers that are trained: of a discriminator and an encoder too."""
        return count_parameters(self)

    @abstractmethod
    def losses(
        self, x: Tensor, generator: torch.Generator, y: Tensor | None = None
    ) -> dict[str, float]:
        """Take one optimiser step on samples (B, ...) of labels (B,); its losses by name."""

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator, y: Tensor | None = None) -> Tensor:
        """New samples, float32 (count, ...), of labels (count,) where it has classes."""

    def log_likelihood(self, x: Tensor, y: Tensor | None = None) -> Tensor | None:
        """Log p(x), natural, (B,), of samples (B, ...); None where a family has no such number."""
        return None

    def prepared(self, data: Tensor | TrainingData) -> Tensor | TrainingData:
        """What `losses` gets: the data, or what a part that was trained before makes of them."""
        return data

    def set_rate(self, share: float) -> None:
        """Let every optimiser learn at a share, from 0 to 1, of its own learning rate."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = share * group.setdefault("initial_lr", group["lr"])

    def learn(
        self,
        data: Tensor | TrainingData,
        steps: int,
        *,
        batch: int | None = None,
        seed: int = 0,
        done: int = 0,
        decay: int = 0,
    ) -> Iterator[FamilyStep]:
        """Train on samples, and yield after every step; stopping is leaving.

        Args:
            data: float32 (N, D), points; or samples with labels, as an `ImageDataset`.
            steps: Optimiser steps in all.
            batch: Samples a step, drawn with replacement; None is the family's own number.
            seed: Of all draws; step k has a generator of its own.
            done: Steps that were taken before, of which this is the continuation.
            decay: Last steps, over which the learning rates fall linearly to 0.
        """
        data = self.prepared(data)
        for step in range(done + 1, steps + 1):
            start = time.perf_counter()
            if decay:
                self.set_rate(min(1.0, (steps - step + 1) / decay))
            generator = seeded(seed, "step", step)
            which = torch.randint(len(data), (batch or self.batch,), generator=generator)
            x, y = (data[which], None) if isinstance(data, Tensor) else data.batch(which)
            losses = self.losses(x, generator, y if self.num_classes else None)
            yield FamilyStep(step, losses, time.perf_counter() - start)
