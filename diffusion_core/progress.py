"""What a training run has shown so far: its losses, single, smoothed and by timestep.

The loss of a step is that of the few timesteps that were drawn, so it is noisy; and most of it is
made at timesteps where nothing more can be known, so it soon looks flat. The loss by timestep falls
on where there is still something to learn.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from .training import TrainStep

LOSS_BINS = 20
KEPT = 2000  # points of the smoothed curve
FIRST_LOOK = 100  # steps after which the losses by timestep are kept, to compare later ones with


@dataclass
class Progress:
    """What the steps so far have shown.

    Attributes:
        total: Steps that there will be.
        batch_size: Images a step.
        T: Timesteps of the schedule.
        smooth: How much of the smoothed loss one step makes.
        step: Steps done.
        loss: Smoothed.
        seconds: A step takes, smoothed.
        by_timestep: Smoothed unweighted loss in each of 20 equal parts of the timesteps; None where
            none was drawn yet.
        first_look: The same after 100 steps.
        history: (step, smoothed loss), at most 2,000.
        losses: Of every single step.
    """

    total: int
    batch_size: int
    T: int
    smooth: float = 0.02
    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    by_timestep: list[float | None] = field(default_factory=lambda: [None] * LOSS_BINS)
    first_look: list[float | None] = field(default_factory=list)
    history: list[tuple[int, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def add(self, done: TrainStep) -> None:
        """Take a step's loss, time, and losses by timestep in."""
        first = self.step == 0
        self.step = done.step
        self.loss = done.loss if first else self.loss + self.smooth * (done.loss - self.loss)
        self.seconds = (
            done.seconds if first else self.seconds + self.smooth * (done.seconds - self.seconds)
        )
        bins = (done.t.cpu() * LOSS_BINS // self.T).clamp_max(LOSS_BINS - 1)
        for k in bins.unique().tolist():
            mean = float(done.losses[bins == k].mean())
            before = self.by_timestep[k]
            self.by_timestep[k] = mean if before is None else before + 0.05 * (mean - before)
        if done.step == FIRST_LOOK:
            self.first_look = list(self.by_timestep)
        self.losses.append(done.loss)
        self.history.append((done.step, self.loss))
        if len(self.history) > KEPT:  # half as dense, for as long a run as it may be
            self.history = self.history[::2]

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Progress:
        """Read what `to_dict` gave.

        Raises:
            TypeError: if it is something else.
        """
        pairs = [(int(step), float(loss)) for step, loss in values["history"]]
        return cls(**{**values, "history": pairs})

    def cut(self, step: int) -> None:
        """Forget what came after a step: a resumed run does it again."""
        if step < self.step:
            self.losses = self.losses[: max(0, len(self.losses) - (self.step - step))]
            self.step = step
            self.history = [(k, loss) for k, loss in self.history if k <= step]

    @property
    def images_per_second(self) -> float:
        """Of the last steps."""
        return self.batch_size / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float:
        """Until the last step, at this pace."""
        return (self.total - self.step) * self.seconds
