"""A folder of pictures, and the folders below it.

Links are followed where that is allowed, for people keep one class in several sets by links; one
that leads back to a folder above it is not. Nothing is opened here but folders.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from .places import SUFFIXES, LeftOut, Parts, name_of, passed_over, shown_name

MOST_FILES = 500_000  # that are looked at, pictures or not
_TELL_EVERY = 200


def walk(
    folder: Path, *, follow_links: bool, count: Callable[[int], None]
) -> tuple[list[tuple[Parts, Path]], LeftOut]:
    """The pictures of a folder with their places, in order of these; and what else there is.

    Args:
        folder: The folder.
        follow_links: Whether links to folders and files are followed.
        count: Called now and then with the number of files seen; what it raises ends the walk.

    Raises:
        ValueError: if the folder cannot be opened, or holds too many files; one sentence.
    """
    found: list[tuple[Parts, Path]] = []
    left, seen = LeftOut(), 0
    try:
        open_folders: list[tuple[str, Parts, tuple[tuple[int, int], ...]]] = [
            (os.fspath(folder), (), (_identity(os.stat(folder)),))
        ]
        os.scandir(folder).close()
    except OSError:
        raise ValueError(
            f"{shown_name(folder)} cannot be opened; choose a folder that you may read."
        ) from None
    while open_folders:
        path, parts, above = open_folders.pop()
        try:
            with os.scandir(path) as entries:
                listed = list(entries)
        except OSError:
            left.closed += 1
            continue
        for entry in listed:
            place: Parts = (*parts, name_of(os.fsencode(entry.name)))
            if passed_over(place):
                continue
            try:
                linked = entry.is_symlink() or _is_junction(entry)
                if linked and not follow_links:
                    left.links += 1
                elif entry.is_dir():
                    own = _identity(os.stat(entry.path))
                    if own in above:
                        left.links += 1
                    else:
                        open_folders.append((entry.path, place, (*above, own)))
                elif not entry.is_file():
                    left.links += linked  # to nowhere; what else it may be is no picture
                else:
                    seen += 1
                    if PurePosixPath(place[-1]).suffix.lower() in SUFFIXES:
                        found.append((place, Path(entry.path)))
                    else:
                        left.note(place[-1])
            except OSError:  # a link in a circle of links, a file that has just gone
                left.links += 1
            if seen > MOST_FILES:
                raise ValueError(
                    f"{shown_name(folder)} holds more than {MOST_FILES:,} files; give the folder "
                    "of the pictures itself."
                )
            if seen % _TELL_EVERY == 0:
                count(seen)
    return sorted(found, key=lambda each: (each[0], str(each[1]))), left


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """Whether it is what Windows has for a linked folder; Python knows since 3.12."""
    known = getattr(entry, "is_junction", None)
    return bool(known and known())
