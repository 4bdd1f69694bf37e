"""Sampled pictures as files: sheets, strips, animations, arrays, or a folder of single pictures.

Each is written whole or not at all.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import ImageDraw, ImageFont
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
SECONDS = 4.0  # of a film, whatever its number of frames: ten steps are seen as ten moments
FPS = 25  # frames a second, of a .mp4, and the most of a .gif
LEAST_SIDE = 512  # pixels of a file's shorter side; smaller ones are blurred by what shows them
LONGEST, LONGEST_FILM = 8192, 1920  # pixels of its longer side


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
    if shows_the_walk(path):
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
    write_finished(path, to_uint8(last.x_prev), checkpoint.label(settings.label), columns)
    return last.x_prev


def shows_the_walk(path: str | Path) -> bool:
    """Whether an output shows a whole walk, not the finished pictures alone.

    Raises:
        ValueError: if its name ends in something else than outputs do, or it is a folder that holds
            files already.
    """
    if names_a_folder(path):
        check_empty(Path(path))
        return False
    if (suffix := Path(path).suffix.lower()) not in OUTPUTS:
        raise ValueError(
            f"The output must end in {', '.join(OUTPUTS)}, or in / for a folder of single "
            f"pictures; got {Path(path).name!r}."
        )
    return suffix in ANIMATIONS


def write_finished(
    path: str | Path, pictures: np.ndarray, label: int | None, columns: int | None = None
) -> None:
    """Write the finished pictures as `write_pictures`, or into a folder as `write_folder`."""
    if names_a_folder(path):
        write_folder(Path(path), pictures)
    else:
        write_pictures(path, pictures, label, columns)


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


def enlargement(height: int, width: int, longest: int = LONGEST) -> int:
    """How many pixels of a file a pixel becomes, along each side, so that it can be seen.

    Args:
        height: Of the picture.
        width: Of the picture.
        longest: The most pixels of the file's longer side.

    Returns:
        The least whole number that makes the shorter side `LEAST_SIDE` pixels or more, where the
        longer one allows that.
    """
    return max(1, min(math.ceil(LEAST_SIDE / min(height, width)), longest // max(height, width)))


def enlarged(picture: np.ndarray, scale: int) -> np.ndarray:
    """A picture (H, W, C) whose pixels are squares of scale × scale: crisp, with no new colours."""
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def strip(
    sheets: Sequence[np.ndarray],
    words: Sequence[str] = (),
    *,
    count: int = 8,
    gap: int = 4,
    scale: int = 1,
) -> np.ndarray:
    """Sheets side by side, evenly chosen, the first and the last among them.

    Args:
        sheets: (H, W, C), uint8, all of one size.
        words: What is written under each sheet, one for each of `sheets`; none writes nothing.
        count: The most sheets that are taken.
        gap: Pixels of a sheet between two of them.
        scale: Each pixel becomes scale × scale.

    Returns:
        (H', W', C), uint8.
    """
    count = min(count, len(sheets))
    chosen = np.linspace(0, len(sheets) - 1, count).round().astype(int)
    row = enlarged(grid(np.stack([sheets[i] for i in chosen]), columns=count, gap=gap), scale)
    if not words:
        return row
    width = sheets[0].shape[1] * scale
    font = ImageFont.load_default(max(10, width // 12))
    band = max(16, width // 7)
    picture = to_pil(np.pad(row, [(0, band), (0, 0), (0, 0)], constant_values=255))
    draw = ImageDraw.Draw(picture)
    for place, i in enumerate(chosen):
        text = words[i]
        if font.getlength(text) > width:  # as where a model's pictures are 28 pixels wide
            text = text.removeprefix("t = ")
        middle = place * (width + gap * scale) + width / 2
        ink = 34 if picture.mode == "L" else (34, 34, 34)
        draw.text((middle, row.shape[0] + band / 2), text, fill=ink, font=font, anchor="mm")
    return np.asarray(picture).reshape(row.shape[0] + band, *row.shape[1:])


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
    path: str | Path,
    frames: Sequence[np.ndarray],
    *,
    seconds: float = SECONDS,
    scale: int | None = None,
) -> None:
    """Write frames as .gif or .mp4, enlarged crisp; the last is held for a second more.

    They are enlarged one at a time, so that memory does not grow with their number. Where there are
    more than `FPS` a second, so many are written, evenly chosen.

    Args:
        path: Ends in .gif or .mp4.
        frames: Sheets (H, W, C), uint8, all of one size.
        seconds: How long the film takes, whatever the number of its frames.
        scale: Each pixel becomes scale × scale; None makes it large enough to be seen, see
            `enlargement`.
    """
    path = Path(path)
    height, width = frames[0].shape[:2]
    scale = scale or enlargement(height, width, LONGEST_FILM)
    moments = max(1, round(seconds * FPS))
    chosen = list(range(len(frames)))
    if len(frames) > moments:
        chosen = np.linspace(0, len(frames) - 1, moments).round().astype(int).tolist()
    if path.suffix.lower() == ".gif":
        images = (to_pil(enlarged(frames[i], scale)) for i in chosen)
        first = next(images)
        # A GIF counts hundredths of a second.
        ends = [100 * seconds * (k + 1) / len(chosen) for k in range(len(chosen))]
        times = [10 * (round(end) - round(start)) for start, end in pairwise([0, *ends])]
        times[-1] += 1000
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
    film = [chosen[k * len(chosen) // moments] for k in range(moments)]

    def write(file: Path) -> None:
        temporary = file.with_suffix(".mp4")
        try:
            with iio.imopen(temporary, "w", plugin="pyav") as movie:
                movie.init_video_stream("libx264", fps=FPS)
                for i in [*film, *([chosen[-1]] * FPS)]:
                    large = enlarged(frames[i], scale)
                    colour = np.broadcast_to(large, (height * scale, width * scale, 3))
                    movie.write_frame(np.pad(colour, pad, mode="edge"))
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)

    replace_file(path, write)
