"""One walk, asked for in one place, so that page, command line and checks compute the same.

A `Walk` says what is to be computed; `walk` computes it, a step at a time; the exports write what
was computed. Image i has its own generator, seeded seed + i: it draws x_T, then the noise of every
step, so its noise is the same to the bit whatever the batch or the device.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .checkpoint import Checkpoint
from .images import grid, to_pil
from .process import q_sample
from .samplers import SAMPLERS, SamplerStep, draw_noise, sample
from .schedule import SPACINGS, spaced_timesteps
from .state import replace_file

MAX_SEED = 2**32 - 1
MAX_IMAGES = 1024
OUTPUTS = (".png", ".gif", ".mp4", ".npz")


@dataclass(frozen=True)
class Walk:
    """What to compute. With the model's weights it determines the pictures.

    Attributes:
        num_images: How many.
        label: Class, by name or number; None is no class.
        sampler, num_steps, eta, spacing: See `samplers.sample`.
        guidance_scale: 1.0 is off.
        seed: Of image 0; image i has seed + i.
        clip_x0: Clip x0_hat to [-1, 1].
        t_start: Timestep of a walk that begins with a picture; None begins with noise.
    """

    num_images: int = 1
    label: str | int | None = None
    sampler: str = "ddim"
    num_steps: int = 50
    eta: float = 0.0
    spacing: str = "trailing"
    guidance_scale: float = 1.0
    seed: int = 0
    clip_x0: bool = True
    t_start: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be computed with any model, in one sentence."""
        if not _whole(self.num_images, 1, MAX_IMAGES):
            raise ValueError(
                f"The number of images must be a whole number from 1 to {MAX_IMAGES}, "
                f"got {self.num_images}."
            )
        if not _whole(self.seed, 0, MAX_SEED):
            raise ValueError(
                f"The seed must be a whole number from 0 to {MAX_SEED}, got {self.seed}."
            )
        for name in ("num_images", "seed"):
            object.__setattr__(self, name, int(getattr(self, name)))
        if self.sampler not in SAMPLERS:
            raise ValueError(
                f"There is no sampler {self.sampler!r}; choose one of {', '.join(SAMPLERS)}."
            )
        if self.spacing not in SPACINGS:
            raise ValueError(
                f"There is no spacing {self.spacing!r}; choose one of {', '.join(SPACINGS)}."
            )

    def timesteps(self, checkpoint: Checkpoint) -> list[int]:
        """The timesteps that it visits with this model, descending."""
        return spaced_timesteps(
            len(checkpoint.schedule), self.num_steps, self.spacing, self.t_start
        )

    def generators(self) -> list[torch.Generator]:
        """One generator an image, seeded seed + i."""
        return [torch.Generator().manual_seed(int(self.seed) + i) for i in range(self.num_images)]


def _whole(value: float, lowest: int, highest: int) -> bool:
    return lowest <= value <= highest and int(value) == value


def walk(
    checkpoint: Checkpoint, settings: Walk, start: Tensor | None = None
) -> Iterator[SamplerStep]:
    """Compute a walk and yield every step; all images in one batch.

    Args:
        checkpoint: The model.
        settings: What to compute.
        start: A clean picture to begin with, (1, C, H, W) in [-1, 1]: it is noised to
            settings.t_start, with the noise that would else have been x_T (Meng et al. 2022).

    Raises:
        ValueError: at once, if settings or picture do not fit the model; with the first step,
            if the sampler does not take them.
    """
    denoiser = checkpoint.denoiser(checkpoint.label(settings.label), settings.guidance_scale)
    timesteps = settings.timesteps(checkpoint)
    generators = settings.generators()
    device = next(checkpoint.unet.parameters()).device
    x_start = draw_noise((settings.num_images, *checkpoint.image_shape), generators).to(device)
    if start is not None:
        if settings.t_start is None or start.shape != (1, *checkpoint.image_shape):
            raise ValueError("A walk from a picture needs t_start, and the model's own size.")
        x0 = start.to(device).expand_as(x_start)
        x_start = q_sample(x0, timesteps[0], x_start, checkpoint.schedule)
    return sample(
        denoiser,
        x_start,
        checkpoint.schedule,
        sampler=settings.sampler,
        num_steps=int(settings.num_steps),
        eta=settings.eta,
        spacing=settings.spacing,
        t_start=settings.t_start,
        clip_x0=settings.clip_x0,
        generator=generators,
    )


def write_pictures(path: str | Path, pictures: np.ndarray, label: int | None) -> None:
    """Write the final pictures: a sheet (.png) or arrays (.npz: images, labels).

    Args:
        path: Ends in .png or .npz.
        pictures: uint8, (N, H, W, C).
        label: Of all; -1 in the file where None.
    """
    path = Path(path)
    if path.suffix == ".npz":
        labels = np.full(len(pictures), -1 if label is None else label, dtype=np.int64)

        def write(file: Path) -> None:
            with file.open("wb") as stream:  # numpy would add .npz to a name
                np.savez_compressed(stream, images=pictures, labels=labels)
    else:

        def write(file: Path) -> None:
            to_pil(grid(pictures)).save(file, format="PNG")

    replace_file(path, write)


def write_animation(
    path: str | Path, frames: list[np.ndarray], *, fps: int = 25, scale: int | None = None
) -> None:
    """Write frames as .gif or .mp4, enlarged crisp; the last is held for a second.

    Args:
        path: Ends in .gif or .mp4.
        frames: Sheets (H, W, C), uint8, all of one size.
        fps: Frames a second.
        scale: Each pixel becomes scale × scale; None makes the shorter side about 280 pixels.
    """
    import imageio.v3 as iio

    path = Path(path)
    scale = scale or max(1, math.ceil(280 / min(frames[0].shape[:2])))
    large = [f.repeat(scale, axis=0).repeat(scale, axis=1) for f in frames]
    large = [np.repeat(f, 3, axis=2) if f.shape[2] == 1 else f for f in large] + [large[-1]] * fps
    large = [np.broadcast_to(f, (*f.shape[:2], 3)) for f in large]
    if path.suffix == ".gif":
        images = np.stack(large)
        replace_file(
            path,
            lambda file: iio.imwrite(file, images, extension=".gif", duration=1000 / fps, loop=0),
        )
        return
    # yuv420p, which every player shows, wants even sides.
    pad = [(0, large[0].shape[0] % 2), (0, large[0].shape[1] % 2), (0, 0)]
    images = np.stack([np.pad(f, pad, mode="edge") for f in large])

    def write(file: Path) -> None:
        temporary = file.with_suffix(".mp4")
        try:
            iio.imwrite(temporary, images, plugin="pyav", codec="libx264", fps=fps)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)

    replace_file(path, write)
