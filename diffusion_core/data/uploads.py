"""Pictures that a person hands over, zipped or loose, as a data set.

A zip may be broken, odd or hostile, so little that it declares of itself is relied on. No name in
it is ever used to write: each picture is unpacked alone, over the one before, into one spare file
of a temporary folder. What comes out is counted as it comes, and a zip that grows beyond its bounds
is refused. Zips inside a zip are not opened.
"""

from __future__ import annotations

import copy
import re
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from .dataset import SUFFIXES, ImageDataset, Source, check_size, gather, passed_over
from .images import MAX_BYTES, read_picture

MIN_PICTURES = 2
MAX_HELD = 2 * 2**30  # bytes of all pictures together, at their new size
MAX_RATIO = 100  # pictures are packed already: a zip of them is hardly smaller than they are
FREE_BYTES = 100 * 2**20  # so much is harmless at any ratio: flat drawings as BMP pack well
_KINDS = (*SUFFIXES, ".jfif", ".avif", ".heic", ".heif")  # tried, and named if they fail
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")
_USUAL = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # only these unpack in bounded memory
_OUTSIDE = re.compile(r"[/\\]|[A-Za-z]:[/\\]|(.*[/\\])?\.\.([/\\]|$)", re.DOTALL)
_CHUNK = 2**16
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    struct.error,
    OverflowError,
    LookupError,
)

Parts = tuple[str, ...]


class _TooMuch(Exception):
    """More comes out of the zips than is allowed; unlike ValueError, it ends the reading."""


@dataclass
class _Unpacker:
    """Unpacks one member at a time, and counts what comes out of all zips."""

    spare: Path  # the one file that members are written to
    max_bytes: int
    packed: int = 0  # unpacked bytes of all zips, at most
    declared: int = 0  # unpacked bytes of their pictures, as the zips declare them
    unpacked: int = 0  # unpacked bytes that were really read so far

    def check(self) -> None:
        """Refuse too much, be it declared or real."""
        most = max(self.declared, self.unpacked)
        if most > max(FREE_BYTES, MAX_RATIO * self.packed):
            raise _TooMuch(
                f"The zip would unpack to over {MAX_RATIO} times its size, which pictures never "
                "do; choose another."
            )
        if most > self.max_bytes:
            raise _TooMuch(
                f"The pictures unpack to more than {self.max_bytes / 1e6:,.0f} MB; leave some "
                "out, or make them smaller."
            )

    def read(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
        """One member as a picture, uint8 (H, W, C)."""
        # zipfile ends a file where the header says so: let it end where it really does.
        info = copy.copy(info)
        info.file_size = MAX_BYTES + 2 * _CHUNK
        data = bytearray()
        try:
            with archive.open(info) as packed:
                while len(data) <= MAX_BYTES and (chunk := packed.read(_CHUNK)):
                    data += chunk
                    self.unpacked += len(chunk)
                    self.check()
        except _BROKEN:
            raise ValueError("It is broken inside the zip; zip it again.") from None
        if len(data) > MAX_BYTES:
            raise ValueError(f"It has more than {MAX_BYTES // 2**20} MB; make it smaller.")
        self.spare.write_bytes(data)
        return read_picture(self.spare)


def load_uploads(
    files: Sequence[str | Path],
    *,
    size: int,
    name: str = "my pictures",
    max_pictures: int = 50_000,
    max_bytes: int = 2 * 2**30,
    progress: Callable[[int, int], None] | None = None,
) -> ImageDataset:
    """Make a data set of zips and picture files.

    The order is by the names of the files, then by the names inside each zip, whatever the order
    of uploading. The first level of folders inside a zip names the classes; a folder that holds
    all else is seen through. Classes are used only if every picture has one and there are at
    least two; a loose picture has none. Hidden files and what systems leave behind are passed
    over. Pictures that cannot be read are left out and named in `unreadable`.

    Args:
        files: Zips and pictures, in any mixture.
        size: Pictures are cropped to a square and resized to size × size.
        name: The name of the data set.
        max_pictures: Most pictures that are taken.
        max_bytes: Most bytes that all zips together may unpack to.
        progress: Called with (done, total) after each picture; what it raises ends the reading.

    Raises:
        ValueError: if there is nothing to read, a zip is empty, without pictures, broken, locked
            or unsafe, there is too much, or fewer than two pictures can be read; one sentence.
    """
    check_size(size)
    files = [files] if isinstance(files, str | Path) else files
    paths = sorted((Path(file) for file in files), key=lambda path: path.name)
    if not paths:
        raise ValueError("Choose a zip of pictures, or some pictures.")
    inside: list[Parts] = []
    readers: list[tuple[str, Callable[[], np.ndarray]]] = []
    nested: list[str] = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        unpacker = _Unpacker(Path(folder) / "picture", max_bytes)
        try:
            for path in paths:
                shown = _printable(path.name)
                if path.suffix.lower() != ".zip":
                    if not passed_over((shown,)):
                        inside.append((shown,))
                        readers.append((shown, partial(read_picture, path)))
                    continue
                archive = _open(path, shown, stack)
                members, inner = _members(archive, shown)
                unpacker.packed += path.stat().st_size
                unpacker.declared += sum(info.file_size for _, info in members)
                lead = f"{shown}/" if len(paths) > 1 else ""
                inside += _below([parts for parts, _ in members])
                for parts, info in members:
                    readers.append((lead + "/".join(parts), partial(unpacker.read, archive, info)))
                nested += [f"{lead}{each}: A zip inside a zip is not opened." for each in inner]
            unpacker.check()
            _check_amount(len(inside), size, max_pictures)
            while inside != (inside := _below(inside)):
                pass  # a folder that holds several zips' folders is seen through too
            sources: list[Source] = [
                (shown, parts[0] if len(parts) > 1 else "", read)
                for parts, (shown, read) in zip(inside, readers, strict=True)
            ]
            dataset = gather(name, sources, size, progress)
        except _TooMuch as error:
            raise ValueError(str(error)) from None
    dataset = replace(dataset, unreadable=(*dataset.unreadable, *nested))
    if not len(dataset):
        why = f"; {dataset.unreadable[0]}" if dataset.unreadable else "; use PNG or JPEG."
        raise ValueError(f"There is no picture that can be read{why}")
    if len(dataset) < MIN_PICTURES:
        raise ValueError(
            "Only one picture can be read, and a network that sees one picture can only repeat "
            f"it; give at least {MIN_PICTURES}."
        )
    return dataset


def _check_amount(count: int, size: int, max_pictures: int) -> None:
    """Refuse more pictures than were allowed, or than memory should hold."""
    if count > max_pictures:
        raise ValueError(
            f"There are {count:,} pictures, and at most {max_pictures:,} are taken; leave some out."
        )
    if (held := count * size * size * 3) > MAX_HELD:
        raise ValueError(
            f"{count:,} pictures of {size} × {size} take {held / 1e9:.1f} GB, and at most "
            f"{MAX_HELD / 1e9:.1f} are held; choose a smaller size, or fewer pictures."
        )


def _open(path: Path, shown: str, stack: ExitStack) -> zipfile.ZipFile:
    try:
        return stack.enter_context(zipfile.ZipFile(path))
    except _BROKEN:
        raise ValueError(f"{shown} is broken or no zip; zip the pictures again.") from None


def _members(
    archive: zipfile.ZipFile, shown: str
) -> tuple[list[tuple[Parts, zipfile.ZipInfo]], list[str]]:
    """The pictures of a zip with their paths, in order; and the names of zips inside it."""
    infos = [info for info in archive.infolist() if not info.filename.endswith(("/", "\\"))]
    if not infos:
        raise ValueError(f"{shown} is empty; choose a zip that holds pictures.")
    # Some old tools of Windows write a\b. But where there are slashes, a backslash is no separator:
    # it may also be half of a Japanese letter.
    separators = "/" if any("/" in info.filename for info in infos) else r"[/\\]"
    members, inner = [], []
    for info in infos:
        linked = stat.S_ISLNK(info.external_attr >> 16)
        if linked or _OUTSIDE.match(info.filename):
            what = "a link" if linked else "a name that leads out of it"
            raise ValueError(f"{shown} holds {what}; zip the folder of pictures again.")
        parts = _parts(info, separators)
        if not parts or passed_over(parts):
            continue
        suffix = Path(parts[-1]).suffix.lower()
        if suffix in _ARCHIVES:
            inner.append("/".join(parts))
        if suffix not in _KINDS:
            continue
        if info.flag_bits & 1:
            raise ValueError(f"{shown} has a password; zip the pictures without one.")
        if info.compress_type not in _USUAL:
            raise ValueError(f"{shown} is packed in an unusual way; zip it as plain .zip.")
        members.append((parts, info))
    if not members:
        hint = "; a zip inside a zip is not opened" if inner else f" ({', '.join(SUFFIXES)})"
        raise ValueError(f"{shown} holds no pictures{hint}.")
    return sorted(members, key=lambda member: member[0]), inner


def _parts(info: zipfile.ZipInfo, separators: str) -> Parts:
    """A member's path. Names that are UTF-8 but are not marked so are mended."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass  # another old encoding: nobody can tell which, so it stays as zipfile read it
    name = _printable(unicodedata.normalize("NFC", name))
    return tuple(part for part in re.split(separators, name) if part not in ("", "."))


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name)


def _below(paths: list[Parts]) -> list[Parts]:
    """The paths without the one folder that holds them all, if there is one."""
    one = len({parts[0] for parts in paths}) == 1 and all(len(parts) > 1 for parts in paths)
    return [parts[1:] for parts in paths] if one else paths
