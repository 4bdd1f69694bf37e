"""What can be kept of walks: sheets, strips, animations and arrays, written whole or not at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

from ..checkpoint import Checkpoint
from ..data import grid, to_pil, to_uint8
from ..files import replace_file
from .recording import Recording
from .request import InitialImage, SamplingRequest
from .run import SamplingRun

OUTPUTS = (".png", ".gif", ".mp4", ".npz")
MAX_FRAMES = 300


def write_walk(
    path: str | Path,
    checkpoint: Checkpoint,
    settings: SamplingRequest,
    given: InitialImage | None = None,
) -> Tensor:
    """Walk, with a progress bar, and write the file in the format that its name ends in.

    Args:
        path: .png and .npz hold the finished pictures, .gif and .mp4 the whole walk, that of a
            branch with its parent's steps.
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
    if path.suffix in (".gif", ".mp4"):
        record = Recording(checkpoint, settings, given)
        for _ in tqdm(record.run(), total=len(record.timesteps), unit="step"):
            pass
        assert record.result is not None
        write_animation(path, [frame.pictures["x_t"] for frame in record.frames])
        return record.result
    walker = SamplingRun(checkpoint, settings, given)
    columns = settings.num_images if settings.seed_to is not None else None
    for step in tqdm(walker, total=walker.num_evaluated, unit="step"):
        last = step
    write_pictures(path, to_uint8(last.x_prev), checkpoint.label(settings.label), columns)
    return last.x_prev


def strip(sheets: list[np.ndarray], count: int = 8, gap: int = 4) -> np.ndarray:
    """Sheets side by side, evenly chosen, the first and the last among them.

    Args:
        sheets: (H, W, C), uint8, all of one size.
        count: The most sheets that are taken.
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
        label: The class of all pictures; None is written as -1.
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
    path: str | Path, frames: Sequence[np.ndarray], *, fps: int = 25, scale: int | None = None
) -> None:
    """Write frames as .gif or .mp4, enlarged crisp; the last is held for a second.

    They are enlarged one at a time, so that memory does not grow with their number. Of more than
    `MAX_FRAMES`, so many are written, evenly chosen.

    Args:
        path: Ends in .gif or .mp4.
        frames: Sheets (H, W, C), uint8, all of one size.
        fps: Frames a second.
        scale: Each pixel becomes scale × scale; None makes the shorter side about 280 pixels,
            and the longer at most about 1,000.
    """
    path = Path(path)
    height, width = frames[0].shape[:2]
    fitting = min(math.ceil(280 / min(height, width)), 1000 // max(height, width))
    scale = scale or max(1, fitting)
    chosen = range(len(frames))
    if len(frames) > MAX_FRAMES:
        chosen = np.linspace(0, len(frames) - 1, MAX_FRAMES).round().astype(int).tolist()  # type: ignore[assignment]

    def large(index: int) -> np.ndarray:
        return frames[index].repeat(scale, axis=0).repeat(scale, axis=1)

    if path.suffix == ".gif":
        images = (to_pil(large(i)) for i in chosen)
        first = next(images)
        times = [1000 / fps] * (len(chosen) - 1) + [1000 / fps + 1000]
        replace_file(
            path,
            lambda file: first.save(
                file, format="GIF", save_all=True, append_images=images, duration=times, loop=0
            ),
        )
        return
    import imageio.v3 as iio  # slow to import, and only wanted here

    # yuv420p, which every player shows, wants even sides.
    pad = [(0, height * scale % 2), (0, width * scale % 2), (0, 0)]

    def write(file: Path) -> None:
        temporary = file.with_suffix(".mp4")
        try:
            with iio.imopen(temporary, "w", plugin="pyav") as movie:
                movie.init_video_stream("libx264", fps=fps)
                for i in [*chosen, *([chosen[-1]] * fps)]:
                    colour = np.broadcast_to(large(i), (height * scale, width * scale, 3))
                    movie.write_frame(np.pad(colour, pad, mode="edge"))
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)

    replace_file(path, write)
