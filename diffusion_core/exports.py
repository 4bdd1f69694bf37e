"""What can be kept of walks: sheets, strips, animations and arrays, written whole or not at all."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

from .checkpoint import Checkpoint
from .images import grid, to_pil, to_uint8
from .state import replace_file
from .trajectory import Walker
from .walk import Given, Walk

OUTPUTS = (".png", ".gif", ".mp4", ".npz")


def write_walk(
    path: str | Path, checkpoint: Checkpoint, settings: Walk, given: Given | None = None
) -> Tensor:
    """Walk, with a progress bar, and write what the file's name asks for.

    Args:
        path: .png and .npz hold the finished pictures, .gif and .mp4 the whole walk.
        checkpoint: The model.
        settings: What to compute.
        given: What the walk begins with beside noise.

    Returns:
        The finished pictures, (B, C, H, W).

    Raises:
        ValueError: at once, if the file's name ends in something else, or settings do not fit.
    """
    path = Path(path)
    if path.suffix not in OUTPUTS:
        raise ValueError(f"The output must end in {', '.join(OUTPUTS)}; got {path.name!r}.")
    moving = path.suffix in (".gif", ".mp4")
    walker = Walker(checkpoint, settings, given)
    columns = settings.num_images if settings.seed_to is not None else None
    sheets = []
    for step in tqdm(walker, total=len(walker.timesteps), unit="step"):
        if moving:
            sheets.append(grid(to_uint8(step.x_t), columns))
    pictures = to_uint8(step.x_prev)
    if moving:
        write_animation(path, [*sheets, grid(pictures, columns)])
    else:
        write_pictures(path, pictures, checkpoint.label(settings.label), columns)
    return step.x_prev


def strip(sheets: list[np.ndarray], count: int = 8, gap: int = 4) -> np.ndarray:
    """Sheets side by side, evenly chosen, the first and the last among them.

    Args:
        sheets: (H, W, C), uint8, all of one size.
        count: How many at most.
        gap: Pixels between them.
    """
    count = min(count, len(sheets))
    chosen = np.linspace(0, len(sheets) - 1, count).round().astype(int)
    return grid(np.stack([sheets[i] for i in chosen]), columns=count, gap=gap)


def write_pictures(
    path: str | Path, pictures: np.ndarray, label: int | None, columns: int | None = None
) -> None:
    """Write the final pictures: a sheet (.png) or arrays (.npz: images, labels).

    Args:
        path: Ends in .png or .npz.
        pictures: uint8, (N, H, W, C).
        label: Of all; -1 in the file where None.
        columns: Pictures in a row of the sheet; None makes it about square.
    """
    path = Path(path)
    if path.suffix == ".npz":
        labels = np.full(len(pictures), -1 if label is None else label, dtype=np.int64)

        def write(file: Path) -> None:
            with file.open("wb") as stream:  # numpy would add .npz to a name
                np.savez_compressed(stream, images=pictures, labels=labels)
    else:

        def write(file: Path) -> None:
            to_pil(grid(pictures, columns)).save(file, format="PNG")

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
