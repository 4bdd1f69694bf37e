"""Long walks on a borrowed GPU: ZeroGPU's, where the `spaces` package lends one for a while.

There a GPU call runs in a forked process. What it is given and what it yields are pickled, so names
and arrays cross, and no network does; it reads the checkpoint's folder itself. A stop sign of this
process does not reach it; it ends when nobody takes its next step. Everywhere else, and for what
the CPU does soon, walks are computed here, as ever.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint, load_checkpoint, weights_in
from diffusion_core.device import best_device
from diffusion_core.generation import InitialImage, SamplerState, SamplingRequest, SamplingRun
from diffusion_core.samplers import SamplerStep

from .pace import TimedRun

try:
    import spaces
except ImportError:
    spaces = None

BORROWED = spaces is not None and bool(os.environ.get("SPACES_ZERO_GPU"))
WORTH = 10.0  # seconds on the CPU; what takes less is not worth waiting for a GPU
START = 15.0  # seconds to begin: the process, the weights, the first kernels
GUESS = 0.05  # share of the CPU's time, until it was measured
MOST = 120.0  # seconds that are requested at once
MOST_AT_WORK = 8  # computations at once, however many cores there are
_PACES: dict[str, float] = {}  # seconds of evaluating one picture, by folder
TENSORS = ("x_t", "eps_hat", "x0_hat", "noise", "x_prev")


def home() -> torch.device:
    """The device of networks in this process, which does not own a borrowed GPU."""
    return torch.device("cpu") if BORROWED else best_device()


def bears() -> int:
    """How many computations this machine bears at once: one on a GPU, else one a core.

    Every computation uses all cores by itself; more of them share the time and need more memory.
    """
    if home().type != "cpu":
        return 1
    own = getattr(os, "sched_getaffinity", None)  # cores of this process, where that is known
    return min(MOST_AT_WORK, len(own(0)) if own else os.cpu_count() or 1)


def seconds_of(folder: str, evaluations: int, evaluation_seconds: float) -> float:
    """Seconds that so many evaluations take: here, or on the GPU where they are worth one.

    Args:
        folder: Folder of the checkpoint.
        evaluations: Number of evaluations of the network, each of one picture.
        evaluation_seconds: Seconds of one on the CPU.
    """
    if not BORROWED or evaluations * evaluation_seconds < WORTH:
        return evaluations * evaluation_seconds
    return START + evaluations * _PACES.get(folder, GUESS * evaluation_seconds)


def run_class_of(folder: str, evaluation_seconds: float) -> Callable[..., SamplingRun]:
    """What makes the walker of a recording: one that borrows a GPU where that is worth it.

    Args:
        folder: Folder of the checkpoint.
        evaluation_seconds: Seconds of one evaluation of one picture on the CPU.
    """

    def make(
        checkpoint: Checkpoint,
        walk: SamplingRequest,
        given: InitialImage | None = None,
        moment: SamplerState | None = None,
    ) -> SamplingRun:
        if not BORROWED or walk.cost(checkpoint) * evaluation_seconds < WORTH:
            return TimedRun(checkpoint, walk, given, moment)
        return BorrowingRun(checkpoint, walk, given, moment, folder, evaluation_seconds)

    return make


class BorrowingRun(SamplingRun):
    """A walker whose steps are computed by `computed`, with the same interface."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        settings: SamplingRequest,
        given: InitialImage | None,
        moment: SamplerState | None,
        folder: str,
        evaluation_seconds: float,
    ) -> None:
        """As a `SamplingRun`; folder and evaluation_seconds as in `run_class_of`."""
        super().__init__(checkpoint, settings, given, moment)
        self._folder = folder
        self._seconds = min(MOST, seconds_of(folder, settings.cost(checkpoint), evaluation_seconds))

    def __iter__(self) -> Iterator[SamplerStep]:
        """Every step, as it arrives."""
        began = self.beginning()
        self._generators = self.settings.generators()
        given = None if self.given is None else packed(self.given)
        steps = computed(
            self._folder, self.checkpoint.name, self.settings, given, packed(began), self._seconds
        )
        first: tuple[float, int] | None = None  # when the first step came, and evaluations by then
        for values, states in steps:
            step = SamplerStep(**{**values, **unpacked(values, TENSORS)})
            for generator, state in zip(self._generators, states, strict=True):
                generator.set_state(torch.from_numpy(state))
            self._step = step
            if first is None:  # the first step is slow for other reasons
                first = time.monotonic(), step.nfe
            else:
                evaluations = (step.nfe - first[1]) * self.settings.pictures_per_evaluation
                _PACES[self._folder] = (time.monotonic() - first[0]) / evaluations
            yield step


def seconds_requested(*values: Any) -> float:
    """Seconds of GPU time that `computed` needs, called with the same arguments."""
    return float(values[-1])


def borrowed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function on a GPU, lent for `seconds_requested`; without one the function itself."""
    return spaces.GPU(duration=seconds_requested)(function) if BORROWED else function


@borrowed
def computed(
    folder: str, name: str, walk: SamplingRequest, given: Any, began: Any, seconds: float
) -> Iterator[tuple[dict[str, Any], list[np.ndarray]]]:
    """Steps of a walk as arrays, each with the states of its generators.

    Args:
        folder: Folder of the checkpoint.
        name: Name of the checkpoint.
        walk: The walk to compute.
        given: The picture and mask that it begins with, packed; None is noise.
        began: The state at which it begins, packed.
        seconds: Seconds that this will take; read by `seconds_requested`.
    """
    del seconds
    # This process was forked: the threads of the other one's arithmetic are not in it.
    torch.set_num_threads(1)
    file = weights_in(Path(folder))
    checkpoint = _read(folder, name, file.stat().st_mtime_ns if file else 0)
    where = checkpoint.device
    moment = SamplerState(**{**began, **unpacked(began, ("x_t",))})
    before = moment.before
    if before is not None:
        before = (before[0], torch.from_numpy(before[1]).to(where))
    states = tuple(torch.from_numpy(s) for s in moment.states)
    moment = dataclasses.replace(moment, x_t=moment.x_t.to(where), before=before, states=states)
    beginning = None if given is None else _initial_image(given)
    walker = SamplingRun(checkpoint, walk, beginning, moment)
    for step in walker:
        yield packed(step), [s.numpy() for s in walker.moment().states]


def _initial_image(given: dict[str, Any]) -> InitialImage:
    picture, mask = given["picture"], given["mask"]
    mask = None if mask is None else torch.from_numpy(mask)
    return InitialImage(torch.from_numpy(picture), mask)


@lru_cache(maxsize=2)
def _read(folder: str, name: str, stamp: int) -> Checkpoint:
    del stamp  # of the file: one that was written anew is read anew
    return load_checkpoint(folder, name=name).to(best_device())


def packed(something: Any) -> dict[str, Any]:
    """The fields of a dataclass, its tensors as arrays."""

    def plain(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.detach().cpu().numpy()
        return tuple(plain(v) for v in value) if isinstance(value, tuple) else value

    return {f.name: plain(getattr(something, f.name)) for f in dataclasses.fields(something)}


def unpacked(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Tensor | None]:
    """These of the fields as tensors again."""
    return {k: None if (v := values[k]) is None else torch.from_numpy(v) for k in names}
