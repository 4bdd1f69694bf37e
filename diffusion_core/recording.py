"""A walk recorded once: what the page shows live, scrubs, branches from and exports.

Pictures are kept as bytes, with a bound on all of them together: where a walk would pass it, every
k-th step is kept, and `Recording.stride` says so. Floats are kept at some steps only (`Moment`s);
between them they are computed again, to the same bits, so a branch is exact from every step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
from torch import Tensor

from .checkpoint import Checkpoint
from .exact import ExactDenoiser
from .frames import Frame, FrameMaker
from .images import grid
from .trajectory import Moment, Walker, moment_at
from .walk import Given, Walk

MAX_PICTURE_BYTES = 64 * 2**20
MAX_MOMENT_BYTES = 32 * 2**20


class Recording:
    """Computes a walk and keeps what it showed.

    Args:
        checkpoint: The model.
        settings: What to compute.
        given: What the walk begins with beside noise.
        parent: For a branch, the recording of its parent: what it holds is not computed again.
        exact: Where given, its answer to every x_t is recorded too, and in the end the training
            image nearest to each result.
        stride: Keep every stride-th step; None keeps as many as the bound allows.
        walker: Makes what computes it, as `Walker` does.

    Attributes:
        views: Names of the pictures in each frame: x_t, x0_hat, eps_hat, change and, where there
            are such, noise and exact.
        frames: Those kept so far.
        stride: One in so many steps is kept; 1 keeps all.
        timesteps: Of the frames that there will be.
        result: The finished pictures, (B, C, H, W), float32 on the CPU; None until then.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        settings: Walk,
        given: Given | None = None,
        parent: Recording | None = None,
        exact: ExactDenoiser | None = None,
        stride: int | None = None,
        walker: Callable[..., Walker] = Walker,
    ) -> None:
        """Check that all fits; nothing is computed until `run`.

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
        self.moments: dict[int, Moment] = {}
        self.result: Tensor | None = None
        if parent is not None and near is not None and self._can_take_from(parent):
            self.frames = [
                self.draw.inherited(f)
                for f in list(parent.frames)
                if f.index < settings.branch_step and f.index % self.stride == 0
            ]

    def run(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[Frame]:
        """Compute the walk and yield every kept frame, those of the parent first.

        May be called once. `stopped` is asked after every step, kept or not, whether to end here.
        """
        if self.settings.parent is not None and not self.frames:
            yield from self._parents(stopped)
        else:
            yield from self.frames
        if stopped():
            return
        ms = self.frames[-1].ms if self.frames else 0.0
        began = self.walker.beginning()
        every = math.ceil(self.num_steps * began.nbytes * 2 / MAX_MOMENT_BYTES)
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
                self.frames.append(self.draw.of_step(step, ms))
                yield self.frames[-1]
        self.result = last.x_prev.float().cpu()
        self.frames.append(self.draw.of_end(last, self.num_steps, ms))
        yield self.frames[-1]

    def moment(self, index: int) -> Moment:
        """All that the steps from `index` on depend on, to the bits of the walk itself."""
        known = dict(list(self.moments.items()))  # another thread may still be adding to it
        before = [k for k in known if k <= index]
        near = known[max(before)] if before else None
        return moment_at(self.checkpoint, self.settings, index, self.given, near)

    @property
    def nbytes(self) -> int:
        """Memory that pictures and moments take."""
        pictures = sum(p.nbytes for f in list(self.frames) for p in f.pictures.values())
        return pictures + sum(m.nbytes for m in list(self.moments.values()))

    def _can_take_from(self, parent: Recording) -> bool:
        """Whether the parent kept the steps and the views that are shown here."""
        return self.stride % parent.stride == 0 and set(self.views) - set(parent.views) <= {"noise"}

    def _parents(self, stopped: Callable[[], bool]) -> Iterator[Frame]:
        """What the parent showed until the branching step, where it is not at hand."""
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
