"""Sampled pictures as files: sheets, strips, animations, arrays, or a folder of single pictures.

Each is written whole or not at all.
"""

from __future__ import annotations

import math
import os
import shutil
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

ANIMATIONS = (".gif", ".mp4")
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
            branch with its parent's steps. A name that ends in a slash, or that of a folder, is a
            folder of the finished pictures as single files, 00000.png and so on.
        checkpoint: The model.
        settings: What to compute.
        given: What the walk begins with beside noise.

    Returns:
        The finished pictures, (B, C, H, W).

    Raises:
        ValueError: at once, if the file's name ends in something else, the folder holds files
            already, or settings do not fit.
    """
    path, single = Path(path), names_a_folder(path)
    if single:
        check_empty(path)
    elif path.suffix.lower() not in OUTPUTS:
        raise ValueError(
            f"The output must end in {', '.join(OUTPUTS)}, or in / for a folder of single "
            f"pictures; got {path.name!r}."
        )
    if not single and path.suffix.lower() in ANIMATIONS:
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
    pictures = to_uint8(last.x_prev)
    if single:
        write_folder(path, pictures)
    else:
        write_pictures(path, pictures, checkpoint.label(settings.label), columns)
    return last.x_prev


def names_a_folder(path: str | Path) -> bool:
    """Whether an output is a folder: its name ends in a slash, or there is a folder of the name."""
    return str(path).endswith(("/", os.sep)) or Path(path).is_dir()


def check_empty(folder: Path) -> None:
    """Refuse a folder that holds files: those of another run would be measured with these.

    Raises:
        ValueError: if it holds files, or is a file itself.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} holds files already; name another folder, or empty it.")


def write_folder(folder: Path, pictures: np.ndarray) -> None:
    """Write single pictures, 00000.png and so on, as pytorch-fid and others read them.

    They appear in it together, when all are written.

    Args:
        folder: The folder, which is empty or not there yet.
        pictures: uint8, (N, H, W, C).

    Raises:
        ValueError: if it holds files.
    """
    check_empty(folder)
    there, partial = folder.is_dir(), f".{folder.name}.{os.getpid()}.partial"
    stage = folder / partial if there else folder.with_name(partial)
    shutil.rmtree(stage, ignore_errors=True)  # of one that was killed, where numbers repeat
    stage.mkdir(parents=True)
    try:
        for i, picture in enumerate(pictures):
            to_pil(picture).save(stage / f"{i:05d}.png", format="PNG")
        if not there:
            stage.rename(folder)
        else:  # onto which Windows renames nothing
            for file in sorted(stage.iterdir()):
                file.rename(folder / file.name)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


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
    """Write the final pictures: a sheet (.png) or arrays (.npz).

    The arrays are `images`, `labels`, and `arr_0`, which is `images` by the name that numpy gives
    to the first of `np.savez`: it is what evaluators of samples read (Dhariwal and Nichol 2021).

    Args:
        path: Ends in .png or .npz.
        pictures: uint8, (N, H, W, C).
        label: The class of all pictures; None is written as -1.
        columns: Pictures in a row of the sheet; None makes it about square.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        labels = np.full(len(pictures), -1 if label is None else label, dtype=np.int64)

        def write(file: Path) -> None:
            with file.open("wb") as stream:  # numpy would add .npz to a name
                np.savez_compressed(stream, pictures, images=pictures, labels=labels)
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

    if path.suffix.lower() == ".gif":
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
