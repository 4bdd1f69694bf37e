"""What a training run has shown so far: its losses, and samples of the same noise as it learns.

The loss of a step is that of the few timesteps that were drawn, so it is noisy; and most of it is
made at timesteps where nothing more can be known, so it soon looks flat. The loss by timestep falls
on where there is still something to learn.

At milestones of the training, spread evenly over the logarithm of the step, a short DDIM walk from
the same x_T is kept, frame by frame: training time and sampling time, both. Beside it, a few
training pictures noised to timesteps from first to last, and what the network then predicts of each
in one evaluation: the very task that it is trained on.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import torch
from torch import Tensor

from ..data import ImageDataset, grid, to_uint8
from ..denoiser import ModelDenoiser
from ..fields import Kind, check_fields, listed, mapping, number, optional, pair, parse_json, whole
from ..files import replace_file
from ..process import q_sample
from ..samplers import sample
from ..schedule import Schedule
from ..seeding import draw_noise, seeded
from ..training import TrainStep
from ..unet import UNet
from .reports import StepReport

HISTORY_FILE = "history.npz"
WALK_STEPS = 10
MILESTONES = 24
LOOKS = 8
MOST_PIXELS = 16 * 32 * 32  # of a frame, over all its pictures
FIRST = 8  # the first milestone after the beginning
LOSS_BINS = 20
KEPT = 2000  # points of the smoothed curve
FIRST_LOOK = 100  # steps after which the losses by timestep are kept, to compare later ones with
MOST_BYTES = 2**28  # that a history may unpack to; the longest that is kept has a tenth
_UNREADABLE = (  # the last two: packed in a way that is not read
    *(OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error),
    *(RuntimeError, MemoryError),
)
_STEP = whole(0, 10**12)
_LOSS = Kind.of("a number", lambda value: type(value) in (int, float))  # also of a diverged run
_BINS = listed(optional(_LOSS), 0, LOSS_BINS)
_SAID: dict[str, Kind] = {
    "progress": mapping(),
    "times": listed(_STEP, 0, 100),
    "steps": listed(_STEP, 0, 1000),
}
_PROGRESS: dict[str, Kind] = {
    "total": _STEP,
    "batch_size": _STEP,
    "T": whole(1, 10**6),
    "smooth": number(0, 1),
    "step": _STEP,
    "loss": _LOSS,
    "seconds": number(0, 1e9),
    "by_timestep": _BINS,
    "first_look": _BINS,
    "history": listed(pair(_STEP, _LOSS), 0, 2 * KEPT),
    "losses": listed(_LOSS, 0, 10**8),
}


@dataclass
class TrainingProgress:
    """The losses and the pace of a run's steps so far.

    Attributes:
        total: Number of steps of the whole run.
        batch_size: Images a step.
        T: Timesteps of the schedule.
        smooth: Weight of one step in the smoothed loss.
        step: Number of steps done.
        loss: The smoothed loss.
        seconds: The smoothed seconds of a step.
        by_timestep: Smoothed unweighted loss in each of 20 equal parts of the timesteps; None where
            none was drawn yet.
        first_look: `by_timestep` as it was after 100 steps.
        history: Pairs of step and smoothed loss, at most 2,000.
        losses: The loss of every single step.
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

    def add(self, done: TrainStep | StepReport) -> None:
        """Add a step's loss, time, and losses by timestep."""
        first = self.step == 0
        self.step = done.step
        self.loss = done.loss if first else self.loss + self.smooth * (done.loss - self.loss)
        # The first step also warms up, for seconds: its time counts until the second is known, and
        # the pace is then the mean of the steps after it until they are many.
        known = self.seconds and done.step > 2
        weight = max(self.smooth, 1 / (done.step - 1)) if known else 1.0
        self.seconds += weight * (done.seconds - self.seconds)
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
        """All fields, as plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainingProgress:
        """Read what `to_dict` gave.

        Raises:
            TypeError: if it is something else.
        """
        pairs = [(int(step), float(loss)) for step, loss in values["history"]]
        return cls(**{**values, "history": pairs})

    def cut(self, step: int) -> None:
        """Remove what came after a step: a resumed run does it again."""
        if step < self.step:
            self.losses = self.losses[: max(0, len(self.losses) - (self.step - step))]
            self.step = step
            self.history = [(k, loss) for k, loss in self.history if k <= step]

    @property
    def images_per_second(self) -> float:
        """Smoothed number of images a second; 0 before the first step."""
        return self.batch_size / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float:
        """Estimated seconds until the last step, at the present pace."""
        return (self.total - self.step) * self.seconds


def milestones(total: int) -> list[int]:
    """The training steps at which samples are kept, of a run of `total` steps.

    These are 0, then about 24 up to the last step, evenly spread in the logarithm.
    """
    if total <= FIRST:
        return sorted({0, total})
    spread = np.geomspace(FIRST, total, MILESTONES)
    return sorted({0, *spread.round().astype(int).tolist()})


@dataclass
class SampleHistory:
    """Samples of a network at the milestones of its training, as uint8 pictures.

    Attributes:
        noised: Training pictures noised to `times`, (8, H, W, C); the same throughout.
        times: Their timesteps, from low to high.
        clean: The training pictures, (8, H, W, C).
        steps: Training steps of the milestones so far.
        walks: For each milestone, the frames of its walk, (11, H', W', C): a grid of x_t, the
            finished pictures last.
        looks: For each milestone, x0_hat of the noised pictures, (8, H, W, C).
    """

    noised: np.ndarray
    times: list[int]
    clean: np.ndarray
    steps: list[int] = field(default_factory=list)
    walks: list[np.ndarray] = field(default_factory=list)
    looks: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def of(cls, dataset: ImageDataset, schedule: Schedule) -> SampleHistory:
        """An empty history: the pictures are chosen and noised, and there is no milestone yet."""
        x0, _, t, x_t = _task(dataset, schedule)
        return cls(to_uint8(x_t), t.tolist(), to_uint8(x0))

    def add(
        self,
        step: int,
        unet: UNet,
        dataset: ImageDataset,
        schedule: Schedule,
        prediction_type: str,
    ) -> Tensor:
        """Add a milestone: one walk, and one evaluation of the noised pictures.

        A milestone that is there already is replaced.

        Args:
            step: The step of the training.
            unet: The averaged network; its mode is put back.
            dataset: The training data.
            schedule: The noise schedule of the training.
            prediction_type: What the network predicts.

        Returns:
            The finished pictures, (B, C, H, W) in [-1, 1].
        """
        device, training = next(unet.parameters()).device, unet.training
        C, H, W = dataset.shape
        count = 16 if 16 * H * W <= MOST_PIXELS else 4
        classes = unet.config.num_classes
        y = torch.arange(count) % classes if classes else None
        generators = [torch.Generator().manual_seed(i) for i in range(count)]
        x_T = draw_noise((count, C, H, W), generators).to(device)
        x0, labels, t, x_t = _task(dataset, schedule)
        labels = labels if classes else None
        unet.eval()
        try:
            walk = sample(
                ModelDenoiser(unet, schedule, prediction_type, y),
                x_T,
                sampler="ddim",
                num_steps=min(WALK_STEPS, len(schedule)),
                generator=generators,
            )
            frames = []
            for done in walk:
                frames.append(grid(to_uint8(done.x_t)))
                end = done.x_prev.float().cpu().clamp(-1, 1)
            with torch.no_grad():
                look = ModelDenoiser(unet, schedule, prediction_type, labels)
                x0_hat = look.predict(x_t.to(device), t.to(device))[1]
        finally:
            unet.train(training)
        frames.append(grid(to_uint8(end)))
        self.put(step, np.stack(frames), to_uint8(x0_hat))
        return end

    def put(self, step: int, walk: np.ndarray, look: np.ndarray) -> None:
        """Add a milestone that was computed elsewhere; one that is there already is replaced.

        Args:
            step: The step of the training.
            walk: Frames of its walk, uint8 (11, H', W', C).
            look: x0_hat of the noised pictures, uint8 (8, H, W, C).
        """
        if self.steps and self.steps[-1] == step:
            self.cut(step - 1)
        self.steps.append(step)
        self.walks.append(walk)
        self.looks.append(look)

    @property
    def nbytes(self) -> int:
        """Memory that its pictures take."""
        return sum(x.nbytes for x in (self.noised, self.clean, *self.walks, *self.looks))

    def cut(self, step: int) -> None:
        """Remove the milestones after a step."""
        kept = sum(k <= step for k in self.steps)
        del self.steps[kept:], self.walks[kept:], self.looks[kept:]


def _task(
    dataset: ImageDataset, schedule: Schedule
) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    """The noised pictures, (x0, labels, t, x_t), which are the same at every call."""
    chosen = torch.randint(len(dataset), (LOOKS,), generator=seeded("looks"))
    x0, y = dataset.batch(chosen)[0], dataset.conditions(chosen)
    T = len(schedule)
    t = (torch.arange(LOOKS) * 2 + 1) * T // (2 * LOOKS)  # (8,), in the middle of equal parts
    eps = torch.randn(x0.shape, generator=seeded("looks", "eps"))
    return x0, y, t, q_sample(x0, t, eps, schedule)


def save_history(folder: Path, progress: TrainingProgress, growth: SampleHistory) -> None:
    """Write losses and milestones beside the state, as one file that is whole or not there."""
    arrays: dict[str, Any] = {"noised": growth.noised, "clean": growth.clean}
    if growth.steps:
        arrays |= {"walks": np.stack(growth.walks), "looks": np.stack(growth.looks)}
    said = {"progress": progress.to_dict(), "times": growth.times, "steps": growth.steps}
    held = io.BytesIO()
    np.savez_compressed(held, said=np.frombuffer(json.dumps(said).encode(), np.uint8), **arrays)
    replace_file(folder / HISTORY_FILE, lambda file: file.write_bytes(held.getvalue()))


def load_history(folder: Path) -> tuple[TrainingProgress, SampleHistory] | None:
    """Read what `save_history` wrote; None where there is no file that can be read."""
    try:
        with open(folder / HISTORY_FILE, "rb") as held:
            with ZipFile(held) as packed:  # what it unpacks to is told before any of it is read
                if sum(each.file_size for each in packed.infolist()) > MOST_BYTES:
                    return None
            held.seek(0)
            with np.load(held, allow_pickle=False) as file:
                said = check_fields(
                    parse_json(file["said"].tobytes(), "it", MOST_BYTES),
                    _SAID,
                    required=tuple(_SAID),
                )
                growth = SampleHistory(file["noised"], said["times"], file["clean"], said["steps"])
                if growth.steps:
                    growth.walks, growth.looks = list(file["walks"]), list(file["looks"])
        check_fields(said["progress"], _PROGRESS, required=("total", "batch_size", "T"))
        if not _fits(growth):
            return None
        return TrainingProgress.from_dict(said["progress"]), growth
    except _UNREADABLE:
        return None


def _fits(growth: SampleHistory) -> bool:
    """Whether the pictures are of one size, as many as the milestones, and can be shown."""
    looks = growth.noised.shape
    walks = {walk.shape for walk in growth.walks}
    return (
        all(x.dtype == np.uint8 for x in (growth.noised, growth.clean, *growth.walks))
        and all(x.dtype == np.uint8 and x.shape == looks for x in growth.looks)
        and len(looks) == 4
        and looks[3] in (1, 3)
        and min(looks) > 0
        and growth.clean.shape == looks
        and len(growth.times) == looks[0]
        and len(growth.walks) == len(growth.looks) == len(growth.steps)
        and len(walks) <= 1
        and all(len(s) == 4 and min(s) > 0 and s[3] == looks[3] for s in walks)
    )
