"""How a network grows: the same noise walked to pictures again and again while it trains.

At milestones of the training, spread evenly over the logarithm of the step, a short DDIM walk from
the same x_T is kept, frame by frame: training time and sampling time, both. Beside it, a few
training pictures noised to timesteps from first to last, and what the network then makes of each in
one look: the very task that it is trained on.
"""

from __future__ import annotations

import io
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from .draws import seeded
from .guidance import ModelDenoiser
from .image_dataset import ImageDataset
from .images import grid, to_uint8
from .process import q_sample
from .progress import Progress
from .samplers import draw_noise, sample
from .schedule import NoiseSchedule
from .state import replace_file
from .unet import UNet

HISTORY_FILE = "history.npz"
WALK_STEPS = 10
MILESTONES = 24
LOOKS = 8
MOST_PIXELS = 16 * 32 * 32  # of a frame, over all its pictures
FIRST = 8  # the first milestone after the beginning


def milestones(total: int) -> list[int]:
    """Training steps to look at: 0, then about 24, evenly spread in the logarithm, to the last."""
    if total <= FIRST:
        return sorted({0, total})
    spread = np.geomspace(FIRST, total, MILESTONES)
    return sorted({0, *spread.round().astype(int).tolist()})


@dataclass
class Growth:
    """What the milestones have shown; uint8 pictures all of it.

    Attributes:
        noised: Training pictures noised to `times`, (8, H, W, C); the same throughout.
        times: Their timesteps, from low to high.
        clean: The training pictures, (8, H, W, C).
        steps: Training steps of the milestones so far.
        walks: For each, the walk's frames, (11, H', W', C): a grid of x_t, the finished one last.
        looks: For each, x0_hat of the noised pictures, (8, H, W, C).
    """

    noised: np.ndarray
    times: list[int]
    clean: np.ndarray
    steps: list[int] = field(default_factory=list)
    walks: list[np.ndarray] = field(default_factory=list)
    looks: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def of(cls, dataset: ImageDataset, schedule: NoiseSchedule) -> Growth:
        """Choose and noise the pictures; nothing has grown yet."""
        x0, _, t, x_t = _task(dataset, schedule)
        return cls(to_uint8(x_t), t.tolist(), to_uint8(x0))

    def add(
        self,
        step: int,
        unet: UNet,
        dataset: ImageDataset,
        schedule: NoiseSchedule,
        prediction_type: str,
    ) -> Tensor:
        """Walk and look once more; a milestone that is there already is replaced.

        Args:
            step: Of the training.
            unet: The averaged network; its mode is put back.
            dataset: Of the training.
            schedule: Of the training.
            prediction_type: Of the network.

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
                schedule,
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
        if self.steps and self.steps[-1] == step:
            self.cut(step - 1)
        self.steps.append(step)
        self.walks.append(np.stack(frames))
        self.looks.append(to_uint8(x0_hat))
        return end

    def cut(self, step: int) -> None:
        """Forget what came after a step."""
        kept = sum(k <= step for k in self.steps)
        del self.steps[kept:], self.walks[kept:], self.looks[kept:]


def _task(
    dataset: ImageDataset, schedule: NoiseSchedule
) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    """x0, labels, t and x_t of the looks; the same whenever asked."""
    chosen = torch.randint(len(dataset), (LOOKS,), generator=seeded("looks"))
    x0, y = dataset.batch(chosen)[0], dataset.conditions(chosen)
    T = len(schedule)
    t = (torch.arange(LOOKS) * 2 + 1) * T // (2 * LOOKS)  # (8,), in the middle of equal parts
    eps = torch.randn(x0.shape, generator=seeded("looks", "eps"))
    return x0, y, t, q_sample(x0, t, eps, schedule)


def save_history(folder: Path, progress: Progress, growth: Growth) -> None:
    """Keep losses and milestones beside the state; in one file, whole or not there."""
    arrays: dict[str, Any] = {"noised": growth.noised, "clean": growth.clean}
    if growth.steps:
        arrays |= {"walks": np.stack(growth.walks), "looks": np.stack(growth.looks)}
    said = {"progress": progress.to_dict(), "times": growth.times, "steps": growth.steps}
    held = io.BytesIO()
    np.savez_compressed(held, said=np.frombuffer(json.dumps(said).encode(), np.uint8), **arrays)
    replace_file(folder / HISTORY_FILE, lambda file: file.write_bytes(held.getvalue()))


def load_history(folder: Path) -> tuple[Progress, Growth] | None:
    """What `save_history` kept; None where there is none that can be read."""
    try:
        with open(folder / HISTORY_FILE, "rb") as held, np.load(held, allow_pickle=False) as file:
            said = json.loads(file["said"].tobytes())
            growth = Growth(file["noised"], said["times"], file["clean"], said["steps"])
            if growth.steps:
                growth.walks, growth.looks = list(file["walks"]), list(file["looks"])
        return Progress.from_dict(said["progress"]), growth
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error):
        return None
