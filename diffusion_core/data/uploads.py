"""Pictures that a person hands over, in a folder, zipped or loose, as a data set.

A folder and a zip of the same tree are the same data set: the same pictures in the same order, the
same classes, and the same sentences on what was left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from ..seeding import seeded
from .dataset import ImageDataset, Source, check_size, gather
from .folders import walk
from .images import read_raw
from .places import SUFFIXES, LeftOut, Parts, Placed, passed_over, shown_name
from .ranges import AUTOMATIC, RawPicture, parse_range
from .zips import TooMuch, Unpacker, members, open_zip

MIN_PICTURES = 2
MAX_HELD = 2 * 2**30  # bytes of all pictures together, at their new size


def load_uploads(
    files: Sequence[str | Path] | str | Path,
    *,
    size: int,
    name: str = "my pictures",
    max_pictures: int = 60_000,
    max_bytes: int = 2 * 2**30,
    value_range: str | float = AUTOMATIC,
    follow_links: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> ImageDataset:
    """Make a data set of folders, zips and picture files.

    The order is by the names of the files, then by the names inside each folder or zip, whatever
    the order of uploading. How folders name classes stands in `places`. Hidden files and what
    systems leave behind are passed over. Pictures that cannot be read are left out and named in
    `unreadable`; what else is left out, and how the values were read, is said in `notes`.

    Args:
        files: Folders, zips and pictures, in any mixture.
        size: Pictures are cropped to a square and resized to size × size.
        name: The name of the data set.
        max_pictures: Of more, so many are drawn at random, always the same.
        max_bytes: Most bytes that all zips together may unpack to.
        value_range: Of more than 8 bits a value, which are black and white: a key of `RANGES`, or
            the value that is white. It is one range for the whole set.
        follow_links: Whether links in folders are followed.
        progress: Called with (done, total) after each picture, and with (files seen, 0) while they
            are counted; what it raises ends the reading.

    Raises:
        ValueError: if there is nothing to read, a zip is empty, without pictures, broken, locked
            or unsafe, there is too much, or fewer than two pictures can be read; one sentence.
    """
    check_size(size)
    choice = parse_range(value_range)
    files = [files] if isinstance(files, str | Path) else files
    paths = sorted((Path(file) for file in files), key=lambda path: path.name)
    if not paths:
        raise ValueError("Choose a zip of pictures, or some pictures.")
    places: list[Parts | None] = []
    readers: list[tuple[str, Callable[[int], RawPicture]]] = []
    notes: list[str] = []
    left = LeftOut()

    def count(seen: int) -> None:
        if progress is not None:
            progress(len(places) + seen, 0)

    with ExitStack() as stack:
        unpacker = Unpacker(max_bytes)
        for path in paths:
            shown = shown_name(path)
            lead = f"{shown}/" if len(paths) > 1 else ""
            found: list[tuple[Parts, Callable[[int], RawPicture]]]
            if path.is_dir():
                inside, other = walk(path, follow_links=follow_links, count=count)
                found = [(parts, partial(read_raw, file)) for parts, file in inside]
            elif path.suffix.lower() == ".zip":
                archive = open_zip(path, shown, stack)
                packed, other = members(archive, shown)
                unpacker.packed += path.stat().st_size
                unpacker.declared += sum(info.file_size for _, info in packed)
                found = [(parts, partial(unpacker.read, archive, info)) for parts, info in packed]
            else:
                if passed_over((shown,)):
                    continue
                if path.suffix.lower() not in SUFFIXES:
                    left.note(shown)
                    continue
                places.append((shown,))
                readers.append((shown, partial(read_raw, path)))
                continue
            if not found:
                raise ValueError(_nothing(shown, other, path.is_dir()))
            left = left + other
            placed = Placed([parts for parts, _ in found], whole=len(paths) == 1)
            places += placed.places
            notes += placed.notes
            shorter = zip(placed.places, found, strict=True)
            readers += [(lead + "/".join(at or parts), read) for at, (parts, read) in shorter]
        try:
            unpacker.check()
            placed = Placed(places)
            classes = placed.classes()
            taken = [i for i, each in enumerate(classes) if each is not None]
            notes = [*left.words(), *notes, *placed.notes]
            if len(taken) > max_pictures:
                notes.append(
                    f"Of {len(taken):,} pictures {max_pictures:,} are taken, drawn at random; more "
                    "are not allowed here."
                )
                drawn = torch.randperm(len(taken), generator=seeded("shortened"))[:max_pictures]
                taken = [taken[i] for i in drawn.sort().values.tolist()]
            _check_amount(len(taken), size)
            sources = [Source(*readers[i], classes[i] or "") for i in taken]
            dataset = gather(name, sources, size, choice, progress)
        except TooMuch as error:
            raise ValueError(str(error)) from None
    dataset = replace(dataset, notes=(*notes, *dataset.notes))
    if not len(dataset):
        why = [*dataset.unreadable[:1], *dataset.notes]
        raise ValueError(
            f"There is no picture that can be read{'; ' + why[0] if why else '; use PNG or JPEG.'}"
        )
    if len(dataset) < MIN_PICTURES:
        raise ValueError(
            "Only one picture can be read, and a network that sees one picture can only repeat "
            f"it; give at least {MIN_PICTURES}."
        )
    return dataset


def _check_amount(count: int, size: int) -> None:
    """Refuse more pictures than memory should hold."""
    if (held := count * size * size * 3) > MAX_HELD:
        raise ValueError(
            f"{count:,} pictures of {size} × {size} take {held / 1e9:.1f} GB, and at most "
            f"{MAX_HELD / 1e9:.1f} are held; choose a smaller size, or fewer pictures."
        )


def _nothing(shown: str, left: LeftOut, folder: bool) -> str:
    """The sentence on a folder or zip without pictures."""
    words = left.words()
    if not words:
        return f"{shown} is empty; choose a {'folder' if folder else 'zip'} that holds pictures."
    return f"{shown} holds no pictures ({', '.join(SUFFIXES)}). {' '.join(words)}"
