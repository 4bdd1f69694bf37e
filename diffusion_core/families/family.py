"""What all families of generative models have in common, so that they can stand side by side."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..seeding import seeded
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
    """A generative model of points: it learns from samples, and draws new ones.

    Attributes:
        name: Its name in tables.
        paper: Its source.
        evaluations: Network evaluations of one sample.
        latent: Numbers of the latent that `decode` takes; None where there is no such map.
    """

    name = ""
    paper = ""
    evaluations = 1
    latent: int | None = None

    @property
    def num_parameters(self) -> int:
        """All numbers that are trained: of a discriminator and an encoder too."""
        return count_parameters(self)

    @abstractmethod
    def losses(self, x: Tensor, generator: torch.Generator) -> dict[str, float]:
        """Take one optimiser step on points (B, D), and give its losses by name."""

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """New points, float32 (count, D)."""

    def log_likelihood(self, x: Tensor) -> Tensor | None:
        """Log p(x), natural, (B,), of points (B, D); None where the family has no such number."""
        return None

    def learn(
        self, points: Tensor, steps: int, *, batch: int = 512, seed: int = 0
    ) -> Iterator[FamilyStep]:
        """Train on points, and yield after every step; stopping is leaving.

        Args:
            points: float32 (N, D).
            steps: Optimiser steps.
            batch: Points a step, drawn with replacement.
            seed: Of all draws; step k has a generator of its own.
        """
        for step in range(1, steps + 1):
            start = time.perf_counter()
            generator = seeded(seed, "step", step)
            which = torch.randint(len(points), (batch,), generator=generator)
            losses = self.losses(points[which], generator)
            yield FamilyStep(step, losses, time.perf_counter() - start)
