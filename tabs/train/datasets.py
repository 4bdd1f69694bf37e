"""The pictures to learn from: where they come from, and the page's words for them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from diffusion_core.data import AUTOMATIC, ImageDataset, grid, load_dataset, load_uploads
from diffusion_core.seeding import seeded
from diffusion_core.training_runs import check_data

from ..shared.limits import Limits
from ..shared.sessions import PUBLIC

MINE, FOLDER = "My pictures: zip or files", "A folder on this machine"
SHIPPED = "Fashion-MNIST, 2,000 shipped"
_MOST = Limits.here().pictures
NAMED = {
    SHIPPED: "fashion-mnist-2000",
    "Avatars, 3,000 shipped" if _MOST >= 3000 else f"Avatars, {_MOST:,}": "avatars-3000",
    **{
        f"{name}, all {count:,}" if count <= _MOST else f"{name}, {_MOST:,} of {count:,}": key
        for name, count, key in (
            ("Fashion-MNIST", 60_000, "fashion-mnist"),
            ("MNIST digits", 60_000, "mnist"),
            ("KMNIST letters", 60_000, "kmnist"),
            ("CIFAR-10 photographs", 50_000, "cifar10"),
        )
    },
}
SOURCES = [SHIPPED, MINE, *([] if PUBLIC else [FOLDER]), *list(NAMED)[1:]]
SIZES = (16, 28, 32, 48, 64, 96, 128)

ReadingProgress = Callable[[int, int], None]


def read(
    source: str,
    files: list[str] | None,
    folder: str,
    size: int,
    limits: Limits,
    progress: ReadingProgress | None = None,
    value_range: str = AUTOMATIC,
) -> ImageDataset:
    """The pictures of one of `SOURCES`.

    Args:
        source: One of `SOURCES`.
        files: Paths of uploaded files, for `MINE`.
        folder: Path of a folder or a zip, for `FOLDER`.
        size: Side that pictures of any size are fitted to, in pixels.
        limits: The limits of this page.
        progress: Called with (done, total) while pictures of any size are read, and with
            (files seen, 0) while they are counted; what it raises ends the reading.
        value_range: Of pictures with more than 8 bits a value, which are black and white.

    Raises:
        ValueError: in one sentence, where they cannot be read.
    """
    if size > limits.size:
        raise ValueError(f"Here pictures may be at most {limits.size} pixels wide; choose smaller.")
    if source == MINE:
        return load_uploads(
            files or [],
            size=size,
            max_pictures=limits.pictures,
            max_bytes=limits.megabytes * 10**6,
            value_range=value_range,
            progress=_timed(progress, limits.reading),
        )
    if source == FOLDER and not PUBLIC:
        if not folder.strip():
            raise ValueError("Give the path of a folder that holds pictures.")
        dataset = load_dataset(
            Path(folder.strip()).expanduser(),
            size=size,
            value_range=value_range,
            max_pictures=limits.pictures,
            progress=_timed(progress, limits.reading),
        )
        return _shortened(dataset, limits)  # the text may be the name of a set
    if source not in NAMED:
        raise ValueError("Choose one of the menu's data sets.")
    return _named(NAMED[source], limits)


def _timed(progress: ReadingProgress | None, seconds: float) -> ReadingProgress:
    """The same, but it ends a reading that takes longer."""
    end = time.monotonic() + seconds

    def timed(done: int, total: int) -> None:
        if time.monotonic() > end and not total:
            raise ValueError(
                f"Here pictures may take {seconds:g} seconds to be read, and in these "
                f"{done:,} files were only counted; give a folder with fewer."
            )
        if time.monotonic() > end and done < total:
            raise ValueError(
                f"Here pictures may take {seconds:g} seconds to be read, and {done:,} of "
                f"{total:,} were by then; give fewer, or smaller ones."
            )
        if progress is not None:
            progress(done, total)

    return timed


@lru_cache(maxsize=4)
def _named(name: str, limits: Limits) -> ImageDataset:
    return _shortened(load_dataset(name), limits)


def _shortened(dataset: ImageDataset, limits: Limits) -> ImageDataset:
    """As many as are allowed, drawn at random; all where they are few enough."""
    N = len(dataset)
    if N <= limits.pictures:
        return dataset
    chosen = torch.randperm(N, generator=seeded("shortened"))[: limits.pictures].sort().values
    labels = None if dataset.labels is None else dataset.labels[chosen]
    attributes = None if dataset.attributes is None else dataset.attributes[chosen]
    return dataclasses.replace(
        dataset, pictures=dataset.pictures[chosen.numpy()], labels=labels, attributes=attributes
    )


def sheet(dataset: ImageDataset) -> np.ndarray:
    """Some of the pictures as the network will see them, drawn at random: uint8 (H, W, C)."""
    count = 36 if dataset.shape[1] <= 32 else 16
    chosen = torch.randperm(len(dataset), generator=seeded("sheet"))[:count]
    return grid(dataset.pictures[chosen.sort().values.numpy()])


def words(dataset: ImageDataset) -> str:
    """A description of the pictures, and points to note: Markdown."""
    C, H, W = dataset.shape
    some = dataset.pictures[:: max(1, len(dataset) // 2000)] / 127.5 - 1
    text = (
        f"**{len(dataset):,} pictures**, {H} × {W}, {'grey' if C == 1 else 'in colour'}. As "
        f"numbers they run from {some.min():.2f} to {some.max():.2f} (−1 is black, 1 is white), "
        f"mean {some.mean():.2f}, standard deviation {some.std():.2f}."
    ).replace("-", "−")
    if dataset.class_names and dataset.labels is not None:
        counts = np.bincount(dataset.labels.numpy(), minlength=len(dataset.class_names))
        named = [f"{n} ({c:,})" for n, c in zip(dataset.class_names, counts, strict=True)]
        more = f", and {len(named) - 12} more" if len(named) > 12 else ""
        text += f" **{len(named)} classes:** {', '.join(named[:12])}{more}."
    else:
        text += " No classes: in a zip or folder, one subfolder each would name them."
    minded = [c for c in check_data(dataset) if not c.ok and c.name != "unreadable"]
    lines = [f"- {c.words}" for c in minded]
    lines += [f"- {remark}" for remark in dataset.remarks]
    return text + ("\n\n**Please note:**\n\n" + "\n".join(lines) if lines else "")
