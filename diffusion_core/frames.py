"""What a moment of a walk shows: its pictures as sheets of bytes, and its numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .exact import ExactDenoiser
from .images import grid, to_uint8
from .samplers import SamplerStep
from .schedule import NoiseSchedule

BINS, LOWEST, HIGHEST = 60, -3.0, 3.0


@dataclass(frozen=True, eq=False)
class Frame:
    """One moment of a walk.

    Attributes:
        index: Steps done.
        t: Timestep of x_t; -1 is the finished picture.
        t_prev: Where the step that begins here leads.
        alpha_bar: ᾱ_t.
        nfe: Network evaluations so far, those of the step that begins here included.
        ms: Milliseconds of computing so far, of the steps alone.
        pictures: A sheet (H, W, C), uint8, by view, in the order of the recording's views.
        weights: Of the step that begins here; see `steps.step_weights`.
        histogram: Of all numbers of x_t, 60 bins of 0.1 from -3 to 3.
        numbers: `mean_square` of x_t; `gain` by which the change is shown enlarged; where there is
            one to compare with, the root mean square distance of x0_hat to the true `x0` and to
            the `exact` answer.
    """

    index: int
    t: int
    t_prev: int
    alpha_bar: float
    nfe: int
    ms: float
    pictures: dict[str, np.ndarray]
    weights: dict[str, float]
    histogram: tuple[int, ...]
    numbers: dict[str, float]


@dataclass(frozen=True, eq=False)
class FrameMaker:
    """Draws the frames of a walk.

    Attributes:
        views: Names of the pictures in each frame, in their order.
        schedule: Of the model.
        columns: Of a sheet; None as many as make it nearly square.
        true_x0: The pictures (B, C, H, W) that x0_hat is compared with, where there are such.
        exact: Whose answer to every x_t is shown too, where it is asked for.
    """

    views: tuple[str, ...]
    schedule: NoiseSchedule
    columns: int | None = None
    true_x0: Tensor | None = None
    exact: ExactDenoiser | None = None

    def of_step(self, step: SamplerStep, ms: float) -> Frame:
        """x_t as this step found it, and what it made of that.

        Args:
            step: Of the walk.
            ms: Milliseconds of computing so far.
        """
        change = step.x_prev - step.x_t
        gain = 1 / max(3 * _rms(change), 1e-6)
        numbers = {"mean_square": float(step.x_t.float().square().mean()), "gain": gain}
        pictures = {
            "x_t": step.x_t,
            "x0_hat": step.x0_hat,
            "eps_hat": step.eps_hat,
            "change": change * gain,
        }
        if "noise" in self.views:
            none = torch.zeros_like(step.x_t)
            pictures["noise"] = none if step.noise is None else step.noise
        if self.exact is not None:
            t = torch.full((len(step.x_t),), step.t, dtype=torch.int64)
            answer = self.exact.predict(step.x_t, t)[1]
            pictures["exact"] = answer
            numbers["exact"] = _rms(step.x0_hat - answer)
        if self.true_x0 is not None:
            numbers["x0"] = _rms(step.x0_hat - self.true_x0.to(step.x0_hat))
        alpha_bar = float(self.schedule.alpha_bar(step.t))
        sheets = {v: self._sheet(pictures[v]) for v in self.views}
        return Frame(
            step.index,
            step.t,
            step.t_prev,
            alpha_bar,
            step.nfe,
            ms,
            sheets,
            step.weights,
            _histogram(step.x_t),
            numbers,
        )

    def of_end(self, step: SamplerStep, num_steps: int, ms: float) -> Frame:
        """The finished picture: where x_t, x0_hat and any answer are one, and no noise is left.

        Args:
            step: The last one.
            num_steps: Of the walk.
            ms: Milliseconds of computing in all.
        """
        end = self._sheet(step.x_prev)
        pictures = {v: end if v in ("x_t", "x0_hat") else _grey(end.shape) for v in self.views}
        numbers = {"mean_square": float(step.x_prev.float().square().mean()), "gain": 1.0}
        if self.true_x0 is not None:
            numbers["x0"] = _rms(step.x_prev - self.true_x0.to(step.x_prev))
        if self.exact is not None:
            index, distances = self.exact.nearest(step.x_prev)
            numbers["exact"] = float(distances.mean())
            pictures["exact"] = self._sheet(self.exact.image(index))
        return Frame(
            num_steps, -1, -1, 1.0, step.nfe, ms, pictures, {}, _histogram(step.x_prev), numbers
        )

    def inherited(self, frame: Frame) -> Frame:
        """A frame of the parent of a branch, with these views; where it drew no noise, grey."""
        empty = _grey(frame.pictures["x_t"].shape)
        return replace(frame, pictures={v: frame.pictures.get(v, empty) for v in self.views})

    def _sheet(self, x: Tensor) -> np.ndarray:
        """Images (B, C, H, W) in [-1, 1] as one picture, as the command line writes it."""
        return grid(to_uint8(x), columns=self.columns)


def _grey(shape: tuple[int, ...]) -> np.ndarray:
    """A sheet on which nothing is."""
    return np.full(shape, 128, np.uint8)


def _rms(x: Tensor) -> float:
    return float(x.float().square().mean().sqrt())


def _histogram(x: Tensor) -> tuple[int, ...]:
    return tuple(int(n) for n in torch.histc(x.float().cpu(), BINS, LOWEST, HIGHEST).tolist())
