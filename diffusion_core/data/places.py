"""Where the pictures of a folder or a zip lie, and what follows from it: their classes.

A picture's place is its path below the folder or zip that a person named, (folder, ..., name). A
folder that holds all else is seen through. Of the folders train, val and test, train is what is
learned. Then the first level of folders names the classes, if there are two; pictures that lie
beside many more in class folders are left out. Whatever is left out is said in a sentence.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jfif",
    ".jpe",
    ".webp",
    ".avif",
    ".bmp",
    ".dib",
    ".gif",
    ".tif",
    ".tiff",
)
ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")
TRAIN = ("train", "training")
HELD_OUT = ("val", "valid", "validation", "dev", "test", "testing", "eval")

Parts = tuple[str, ...]


def name_of(raw: bytes) -> str:
    """A name from its bytes: UTF-8, else code page 437, as zip has it; composed, and printable."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        name = raw.decode("cp437")  # nobody can tell which encoding it was; this one has no gaps
    return readable_name(name)


def readable_name(name: str) -> str:
    r"""A name as it is typed (NFC), with "?" for each character that cannot be printed.

    `fields.printable` would write such a character as \x1b, and a zip may take the backslash for a
    separator of folders.
    """
    return "".join(c if c.isprintable() else "?" for c in unicodedata.normalize("NFC", name))


def shown_name(path: str | os.PathLike[str]) -> str:
    """The last part of a path of this machine, for messages; never the path."""
    return name_of(os.fsencode(os.path.basename(os.path.abspath(path))))


def passed_over(parts: Sequence[str]) -> bool:
    """Whether the file at this place is hidden, or what macOS and Windows leave behind."""
    litter = parts[-1].lower() in ("thumbs.db", "desktop.ini")
    return litter or "__MACOSX" in parts or any(part.startswith(".") for part in parts)


@dataclass
class LeftOut:
    """What was seen and is no picture, counted.

    Attributes:
        kinds: Files by the ending of their names.
        links: Links that were not followed.
        closed: Folders that could not be opened.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    links: int = 0
    closed: int = 0

    def note(self, name: str) -> None:
        """Count a file by its name."""
        ending = PurePosixPath(name).suffix.lower()
        self.kinds[ending[:12] if len(ending) > 1 else "without an ending"] += 1

    def __add__(self, other: LeftOut) -> LeftOut:
        """Both together."""
        return LeftOut(
            self.kinds + other.kinds, self.links + other.links, self.closed + other.closed
        )

    def words(self) -> tuple[str, ...]:
        """A sentence on each of them that there are."""
        told = []
        if count := sum(self.kinds.values()):
            order = sorted(self.kinds.items(), key=lambda item: (-item[1], item[0]))
            listed = [f"{number:,} {kind}" for kind, number in order[:6]]
            if rest := sum(number for _, number in order[6:]):
                listed.append(f"{rest:,} others")
            text = f"{_count(count, 'file was', 'files were')} left out: {', '.join(listed)}."
            if any(kind in (".heic", ".heif") for kind in self.kinds):
                text += " HEIC cannot be opened here; save it as JPEG."
            if any(kind in ARCHIVES for kind in self.kinds):
                text += " A zip inside is not opened; unpack it first."
            told.append(text)
        if self.links:
            told.append(f"{_count(self.links, 'link was', 'links were')} not followed.")
        if self.closed:
            told.append(f"{_count(self.closed, 'folder', 'folders')} could not be opened.")
        return tuple(told)


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


@dataclass
class Placed:
    """Places with what was found out of them.

    Attributes:
        places: What is left of each place, in their order; None for one that is left out.
        whole: Whether these are all that there is; else the folder that alone holds the pictures
            may name their class among others.
        notes: Sentences on what was left out.
    """

    places: list[Parts | None]
    whole: bool = True
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """See through folders that hold all else, and choose train of a set with its splits."""
        while self._unwrap():
            pass

    def _tops(self) -> set[str]:
        return {parts[0] for parts in self.places if parts and len(parts) > 1}

    def _unwrap(self) -> bool:
        tops = self._tops()
        splits = {top: top.casefold() for top in tops}
        known = all(split in TRAIN + HELD_OUT for split in splits.values())
        learned = {top for top, split in splits.items() if split in TRAIN}
        if len(tops) > 1 and known:
            self._leave_out(tops - learned if learned else set())
            self._see_through(learned or tops)
            return True
        deeper = any(parts and len(parts) > 2 for parts in self.places)
        loose = any(parts and len(parts) == 1 for parts in self.places)
        if len(tops) == 1 and (deeper or learned or (self.whole and not loose)):
            self._see_through(tops)
            return True
        return False

    def _leave_out(self, tops: set[str]) -> None:
        left = [i for i, parts in enumerate(self.places) if parts and parts[0] in tops]
        if left:
            many = _count(len(left), "picture", "pictures")
            self.notes.append(
                f"Only the folder for training is learned: {many} of {' and '.join(sorted(tops))} "
                f"{'is' if len(left) == 1 else 'are'} left out."
            )
        for i in left:
            self.places[i] = None

    def _see_through(self, tops: set[str]) -> None:
        """Below these folders; what lies beside them is left out only if it is of no class."""
        self.places = [
            parts[1:] if parts and len(parts) > 1 and parts[0] in tops else parts
            for parts in self.places
        ]

    def classes(self) -> list[str | None]:
        """The class of each picture, "" where it has none; None for one that is left out."""
        tops = self._tops()
        loose = [i for i, parts in enumerate(self.places) if parts and len(parts) == 1]
        inside = sum(parts is not None for parts in self.places) - len(loose)
        found = [
            None if parts is None else parts[0] if len(parts) > 1 else "" for parts in self.places
        ]
        if len(tops) < 2 or not loose:
            return ["" if each is not None and len(tops) < 2 else each for each in found]
        many = _count(len(loose), "picture lies", "pictures lie")
        if len(loose) < inside:
            name = self.places[loose[0]]
            assert name is not None
            self.notes.append(
                f"{many} beside the folders that name the classes, and "
                f"{'is' if len(loose) == 1 else 'are'} left out: {name[0]}"
                f"{'' if len(loose) == 1 else ' and others'}."
            )
            beside = {*loose}
            return [None if i in beside else each for i, each in enumerate(found)]
        self.notes.append(
            f"No classes are used, for {many} beside the folders that would name them, and "
            f"{inside:,} in them."
        )
        return [None if each is None else "" for each in found]
