"""A training on points, seen while it runs: samples from one noise, losses, the energy distance."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from diffusion_core.denoiser import ModelDenoiser
from diffusion_core.device import torch_threads
from diffusion_core.points import (
    STEPS,
    PointNetwork,
    energy_distance,
    learn_points,
    point_training,
)
from diffusion_core.samplers import sample
from diffusion_core.seeding import seeded
from diffusion_core.training import TrainStep

from ..shared.limits import PointLimits
from .subject import HELD_OUT, PATHS, Subject

Item = TypeVar("Item")
SHOWN_SECONDS = 0.3  # between two looks at what it has learnt
LOOK_SHARE = 3.0  # of training to looking, in time, at least
LOOK_STEPS = 20  # of the walks of a look
BINS = 20  # of timesteps, in the chart of losses
KEPT = 0.7  # of the losses of before, at a look
BOUND = 4.0  # energy distance over that of data against data below which samples are recognisable


@dataclass(frozen=True, eq=False)
class Look:
    """What a training has come to.

    Attributes:
        step: Steps done, of `of` in all.
        of: Steps in all.
        seconds: Since the training began.
        samples: What the averaged weights make of one fixed noise, float32 (1000, 2).
        ratios: Seconds and the energy distance of samples and held-out points over that of data
            and data, of all looks.
        losses: Timesteps and the mean loss of the last draws near them.
        denoiser: The averaged weights; of the last look a copy, of the others the training's own.
        last: Whether the training has ended with it.
    """

    step: int
    of: int
    seconds: float
    samples: Tensor
    ratios: tuple[tuple[float, float], ...]
    losses: tuple[tuple[float, float], ...]
    denoiser: ModelDenoiser
    last: bool = False

    @property
    def ratio(self) -> float:
        """The last of the ratios."""
        return self.ratios[-1][1]

    @property
    def recognised(self) -> float | None:
        """Seconds until samples were first recognisable; None where they never were."""
        return next((seconds for seconds, ratio in self.ratios if ratio <= BOUND), None)


class Losses:
    """Mean losses by timestep, of which the later ones count more."""

    def __init__(self, num_timesteps: int) -> None:
        """Of no draws.

        Args:
            num_timesteps: T.
        """
        self.T = num_timesteps
        self.sums, self.counts = np.zeros(BINS), np.zeros(BINS)

    def add(self, step: TrainStep[PointNetwork]) -> None:
        """Count the draws of a step."""
        bins = (step.t.numpy() * BINS) // self.T
        self.sums += np.bincount(bins, step.losses.detach().double().numpy(), BINS)
        self.counts += np.bincount(bins, minlength=BINS)

    def curve(self) -> tuple[tuple[float, float], ...]:
        """The middle of each bin and its mean loss; what was counted then counts less."""
        seen = [k for k in range(BINS) if self.counts[k] > 0]
        curve = tuple(
            ((k + 0.5) / BINS * (self.T - 1), float(f"{self.sums[k] / self.counts[k]:.4g}"))
            for k in seen
        )
        self.sums, self.counts = self.sums * KEPT, self.counts * KEPT
        return curve


def steps_here() -> int:
    """Steps of a training on this page."""
    return max(1, min(STEPS, PointLimits.here().steps))


def looks(
    subject: Subject, path: str, seed: int, over: Callable[[], bool], *, steps: int | None = None
) -> Iterator[Look]:
    """Train on points and yield what the training has come to, several times a second.

    It ends after its steps, when its time is over or when it is told to; the last look is yielded
    in any case, unless not one step was done.

    Args:
        subject: The points.
        path: The path from points to noise: a key of `PATHS`.
        seed: Of the first weights, of all draws and of the noise of the samples.
        over: Asked between two steps: whether to end.
        steps: Steps; None is what this page allows.
    """
    schedule, prediction_type = PATHS[path]
    of = steps_here() if steps is None else steps
    noise = torch.randn(HELD_OUT, 2, generator=seeded("points", "samples", seed))
    losses = Losses(len(schedule))
    ratios: list[tuple[float, float]] = []
    scale, most = subject.scale, PointLimits.here().seconds
    settings = point_training(prediction_type, steps=of, seed=seed)
    began = shown = time.monotonic()
    wait = SHOWN_SECONDS
    for step in on_one_thread(learn_points(subject.points, schedule, settings)):
        losses.add(step)
        now = time.monotonic()
        last = step.step == of or now - began >= most or over()
        if not last and now - shown < wait:
            continue
        network = copy.deepcopy(step.network) if last else step.network
        denoiser = ModelDenoiser(network, schedule, prediction_type)
        with torch_threads(1):
            samples = end_of_walk(denoiser, noise, LOOK_STEPS)
            ratio = energy_distance(samples, subject.held_out) / scale
        ratios.append((round(now - began, 2), float(f"{max(ratio, 0.0):.3g}")))
        yield Look(
            step.step, of, now - began, samples, tuple(ratios), losses.curve(), denoiser, last
        )
        if last:
            return
        shown = time.monotonic()
        wait = max(SHOWN_SECONDS, LOOK_SHARE * (shown - now))


def on_one_thread(steps: Iterator[Item]) -> Iterator[Item]:
    """The same items, each computed on one thread of the CPU.

    Layers of 64 numbers are too small to be shared between threads: on a machine that others use
    too, two that wait for each other take many times as long as one.
    """
    done = object()
    while True:
        with torch_threads(1):
            item: Any = next(steps, done)
        if item is done:
            return
        yield item


def end_of_walk(denoiser: ModelDenoiser, noise: Tensor, steps: int) -> Tensor:
    """Where DDIM's walk of so many steps ends, as the noise (B, 2)."""
    x = noise
    for step in sample(denoiser, noise, num_steps=steps, clip_x0=False):
        x = step.x_prev
    return x
