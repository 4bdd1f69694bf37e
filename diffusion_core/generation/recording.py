"""A walk recorded once: what the page shows live, scrubs, branches from and exports.

A `Frame` is what a moment of the walk shows: its pictures as sheets of bytes, and its numbers.
Pictures are kept as bytes, with a bound on all of them together: where a walk would pass it, every
k-th step is kept, and `Recording.stride` says so. Floats are kept at some steps only
(`SamplerState`s); between them they are computed again, to the same bits, so a branch is exact from
every step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..checkpoint import Checkpoint
from ..data import grid, to_uint8
from ..denoiser import ExactDenoiser
from ..device import torch_threads
from ..samplers import SamplerStep
from ..schedule import Schedule
from .request import InitialImage, SamplingRequest
from .run import SamplerState, SamplingRun, state_at

BINS, LOWEST, HIGHEST = 60, -3.0, 3.0


@dataclass(frozen=True, eq=False)
class Frame:
    """What the page shows of a walk after some of its steps: pictures and numbers.

    Attributes:
        index: Number of steps done.
        t: Timestep of x_t; -1 is the finished picture.
        t_prev: The timestep that the step which begins here leads to.
        alpha_bar: ᾱ_t, the share of signal.
        nfe: Network evaluations so far, those of the step that begins here included.
        ms: Milliseconds of computing so far, of the steps alone.
        pictures: A sheet (H, W, C), uint8, by view, in the order of the recording's views.
        weights: The weights of the step that begins here; see `samplers.step_weights`.
        histogram: Counts of the numbers of x_t in 60 bins of 0.1 from -3 to 3.
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
        schedule: The noise schedule of the model.
        columns: Pictures in a row of a sheet; None makes it nearly square.
        true_x0: The pictures (B, C, H, W) that x0_hat is compared with, where there are such.
        exact: The exact denoiser, whose answer to every x_t is shown too; None shows none.
    """

    views: tuple[str, ...]
    schedule: Schedule
    columns: int | None = None
    true_x0: Tensor | None = None
    exact: ExactDenoiser | None = None

    def of_step(self, step: SamplerStep, ms: float) -> Frame:
        """The frame of a step: the x_t that it began with, and what it estimated from that.

        Args:
            step: The step, as the walk yielded it.
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
        """The frame of the finished pictures, where x_t and x0_hat are the same.

        Args:
            step: The last step of the walk.
            num_steps: The number of steps of the walk.
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
        """A frame of a branch's parent with the views of the branch; one that it lacks is grey."""
        empty = _grey(frame.pictures["x_t"].shape)
        return replace(frame, pictures={v: frame.pictures.get(v, empty) for v in self.views})

    def _sheet(self, x: Tensor) -> np.ndarray:
        """Images (B, C, H, W) in [-1, 1] as one picture, uint8 (H', W', C)."""
        return grid(to_uint8(x), columns=self.columns)


def _grey(shape: tuple[int, ...]) -> np.ndarray:
    """A sheet of this shape that is mid-grey throughout."""
    return np.full(shape, 128, np.uint8)


def _rms(x: Tensor) -> float:
    """Root mean square over all numbers."""
    return float(x.float().square().mean().sqrt())


def _histogram(x: Tensor) -> tuple[int, ...]:
    """Counts of the numbers of x in `BINS` equal bins from `LOWEST` to `HIGHEST`."""
    return tuple(int(n) for n in torch.histc(x.float().cpu(), BINS, LOWEST, HIGHEST).tolist())


MAX_PICTURE_BYTES = 64 * 2**20
MAX_STATE_BYTES = 32 * 2**20


class Recording:
    """Computes a walk and keeps its frames, and states from which to compute on.

    Args:
        checkpoint: The model.
        settings: What to compute.
        given: What the walk begins with beside noise.
        parent: For a branch, the recording of its parent: what it holds is not computed again.
        exact: Where given, its answer to every x_t is recorded too, and in the end the training
            image nearest to each result.
        stride: Keep every stride-th step; None keeps as many as the bound allows.
        walker: Makes what computes it, as `SamplingRun` does.

    Attributes:
        views: Names of the pictures in each frame: x_t, x0_hat, eps_hat, change and, where there
            are such, noise and exact.
        frames: Those kept so far.
        stride: One in so many steps is kept; 1 keeps all.
        timesteps: The timesteps of the frames that there will be.
        result: The finished pictures, (B, C, H, W), float32 on the CPU; None until then.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        settings: SamplingRequest,
        given: InitialImage | None = None,
        parent: Recording | None = None,
        exact: ExactDenoiser | None = None,
        stride: int | None = None,
        walker: Callable[..., SamplingRun] = SamplingRun,
    ) -> None:
        """Check that settings and picture fit the model; `run` computes.

        Raises:
            ValueError: if settings or picture do not fit the model.
        """
        self.checkpoint, self.settings, self.given, self.exact = checkpoint, settings, given, exact
        near = None
        if parent is not None and settings.parent == parent.settings:
            near = parent.moment(int(settings.branch_step))
        self.make, self.walker = walker, walker(checkpoint, settings, given, near)
        timesteps = self.walker.timesteps
        if settings.resample:  # every step but the last is taken several times
            timesteps = [t for t in timesteps[:-1] for _ in range(settings.resample)]
            timesteps.append(self.walker.timesteps[-1])
        random = any(walk.random for walk in settings.chain) or settings.resample > 0
        views = ["x_t", "x0_hat", "eps_hat", "change"]
        self.views = (*views, *(["noise"] if random else []), *(["exact"] if exact else []))
        C, H, W = checkpoint.image_shape
        columns = settings.num_images if settings.seed_to is not None else None
        one = grid(np.zeros((settings.num_images, H, W, C), np.uint8), columns=columns)
        self.sheet_shape = one.shape
        true_x0 = None if given is None else given.picture
        self.draw = FrameMaker(self.views, checkpoint.schedule, columns, true_x0, exact)
        total = (len(timesteps) + 1) * len(self.views) * one.nbytes
        self.stride = stride or max(1, math.ceil(total / MAX_PICTURE_BYTES))
        self.num_steps = len(timesteps)
        self.timesteps = [*timesteps[:: self.stride], -1]
        self.frames: list[Frame] = []
        self.moments: dict[int, SamplerState] = {}
        self.result: Tensor | None = None
        if parent is not None and near is not None and self._can_take_from(parent):
            self.frames = [
                self.draw.inherited(f)
                for f in list(parent.frames)
                if f.index < settings.branch_step and f.index % self.stride == 0
            ]

    def run(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[Frame]:
        """Compute the walk and yield every kept frame, those of the parent first.

        May be called once. `stopped` is called after every step, kept or not; true ends the walk.
        """
        if self.settings.parent is not None and not self.frames:
            yield from self._parents(stopped)
        else:
            yield from self.frames
        if stopped():
            return
        ms = self.frames[-1].ms if self.frames else 0.0
        began = self.walker.beginning()
        every = math.ceil(self.num_steps * began.nbytes * 2 / MAX_STATE_BYTES)
        # A frame is a few ten thousand numbers, for which threads wait longer than they compute.
        threads = 1 if self.exact is None else torch.get_num_threads()
        steps, done = iter(self.walker), began.index
        while True:
            if done % every == 0 and not self.settings.resample:
                self.moments[done] = self.walker.moment()
            start = time.perf_counter()
            step = next(steps, None)
            ms += 1000 * (time.perf_counter() - start)
            if step is None:
                break
            if stopped():
                return
            last, done = step, done + 1
            if step.index % self.stride == 0:
                with torch_threads(threads):
                    self.frames.append(self.draw.of_step(step, ms))
                yield self.frames[-1]
        self.result = last.x_prev.float().cpu()
        with torch_threads(threads):
            self.frames.append(self.draw.of_end(last, self.num_steps, ms))
        yield self.frames[-1]

    def moment(self, index: int) -> SamplerState:
        """The state that the steps from `index` on depend on, to the bits of the walk itself."""
        known = dict(list(self.moments.items()))  # another thread may still be adding to it
        before = [k for k in known if k <= index]
        near = known[max(before)] if before else None
        return state_at(self.checkpoint, self.settings, index, self.given, near)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the recorded pictures and states take."""
        pictures = sum(p.nbytes for f in list(self.frames) for p in f.pictures.values())
        return pictures + sum(m.nbytes for m in list(self.moments.values()))

    def _can_take_from(self, parent: Recording) -> bool:
        """Whether the parent kept the steps and the views that are shown here."""
        return self.stride % parent.stride == 0 and set(self.views) - set(parent.views) <= {"noise"}

    def _parents(self, stopped: Callable[[], bool]) -> Iterator[Frame]:
        """Compute the parent again up to the branching step, where its recording is not at hand."""
        settings = self.settings
        assert settings.parent is not None
        parent = Recording(
            self.checkpoint, settings.parent, self.given, None, self.exact, self.stride, self.make
        )
        for frame in parent.run(stopped):
            if frame.index >= settings.branch_step:
                break
            self.frames.append(self.draw.inherited(frame))
            yield self.frames[-1]
        if not stopped():
            near = parent.moment(int(settings.branch_step))
            self.walker = self.make(self.checkpoint, settings, self.given, near)
