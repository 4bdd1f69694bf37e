"""What the tab looks at: the points to learn from, and the distribution they are drawn from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from diffusion_core.denoiser import ExactDenoiser
from diffusion_core.points import (
    MAX_POINTS,
    PointSet,
    energy_scale,
    from_darkness,
    from_points,
    point_set,
    word,
)
from diffusion_core.schedule import FlowSchedule, Schedule, make_schedule
from diffusion_core.seeding import seeded

from ..shared.cache import Cache
from ..shared.wire import unpacked_points
from .form import COUNTS, DATA, DRAWN, PICTURE, WORD, PointsForm

# The paths from points to noise: the schedule, and what a network predicts on it. Both predictions
# are defined where no signal is left.
DIFFUSION, FLOW = "diffusion", "flow"
PATHS: dict[str, tuple[Schedule, str]] = {
    DIFFUSION: (make_schedule("cosine"), "v_prediction"),
    FLOW: (FlowSchedule(), "velocity"),
}
HELD_OUT = 1_000  # points that no training sees, with which samples are compared
_SCALES: Cache[float] = Cache(64)


@dataclass(frozen=True, eq=False)
class Subject:
    """Points to learn from, and where they come from.

    Attributes:
        drawn: The distribution.
        points: Those to learn from, float32 (N, 2).
        words: What they are, in a few words.
    """

    drawn: PointSet
    points: Tensor
    words: str

    @cached_property
    def key(self) -> str:
        """A name for these points: the same for equal ones."""
        return hashlib.sha256(self.points.numpy().tobytes()).hexdigest()[:24]

    @cached_property
    def held_out(self) -> Tensor:
        """Other points of the distribution, float32 (1000, 2), which no training sees."""
        return self.drawn.draw(HELD_OUT, seeded("points", "held out"))

    @property
    def scale(self) -> float:
        """The size of the energy distance of data against data, for `HELD_OUT` points each."""
        return _SCALES.of(
            self.key,
            lambda: energy_scale(self.drawn.draw(2 * HELD_OUT, seeded("points", "scale"))),
        )

    def exact(self, path: str = DIFFUSION) -> ExactDenoiser:
        """The best denoiser of the points to learn from, in closed form."""
        return ExactDenoiser(self.points, PATHS[path][0])


def subject_of(form: PointsForm) -> Subject:
    """The points that the controls mean.

    Raises:
        ValueError: with a sentence for the page, if a control holds what it may not.
    """
    if form.data not in DATA:
        raise ValueError(f"There are no points {form.data!r}; choose one of the menu Data.")
    if form.count not in COUNTS:
        raise ValueError(
            f"Points to learn from is {form.count!r}: it takes "
            f"{', '.join(f'{count:,}' for count in COUNTS)}."
        )
    drawn = set_of(form)
    points = drawn.draw(form.count, seeded("points", "to learn from"))
    named = f"“{drawn.name}”" if form.data == WORD else DATA[form.data].lower()
    return Subject(drawn, points, f"{form.count:,} points · {named}")


def set_of(form: PointsForm) -> PointSet:
    """The distribution that the controls mean.

    Raises:
        ValueError: with a sentence for the page, if there is none.
    """
    if form.data == WORD:
        return word(form.word or "")
    if form.data == DRAWN:
        return from_points(strokes(form.drawn))
    if form.data == PICTURE:
        if form.picture is None:
            raise ValueError("Choose a picture: its dark parts become points.")
        return from_darkness(grey(form.picture))
    return point_set(form.data)


def strokes(packed: str) -> Tensor:
    """Points that were drawn by hand, float32 (N, 2).

    Raises:
        ValueError: with a sentence for the page, if there are none, or too many.
    """
    if not packed:
        raise ValueError("Draw on the plane, with mouse or finger: points lie along your strokes.")
    points = unpacked_points(packed)
    if len(points) > MAX_POINTS:
        raise ValueError(
            f"You drew {len(points):,} points; {MAX_POINTS:,} are the most: undo some."
        )
    return torch.from_numpy(points)


def grey(picture: np.ndarray) -> np.ndarray:
    """A picture (H, W, C) of uint8 as its grey levels (H, W): the mean of its channels."""
    return picture.astype(np.float64).mean(axis=2).round().astype(np.uint8)
