"""A zip of pictures, which may be broken, odd or hostile.

So little that it declares of itself is relied on. No name in it is ever used to write, and nothing
is written: each picture is unpacked alone, in memory. What comes out is counted as it comes, and a
zip that grows beyond its bounds is refused. Zips inside a zip are not opened.
"""

from __future__ import annotations

import copy
import re
import stat
import struct
import zipfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .decoding import MAX_BYTES
from .images import read_raw
from .places import SUFFIXES, LeftOut, Parts, name_of, passed_over, readable_name
from .ranges import RawPicture

MAX_RATIO = 100  # pictures are packed already: a zip of them is hardly smaller than they are
FREE_BYTES = 100 * 2**20  # so much is harmless at any ratio: flat drawings as BMP pack well
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


class TooMuch(Exception):
    """More comes out of the zips than is allowed; unlike ValueError, it ends the reading."""


@dataclass
class Unpacker:
    """Unpacks one member at a time, and counts what comes out of all zips.

    Attributes:
        max_bytes: Most bytes that all zips together may unpack to.
        packed: Bytes of all zips.
        declared: Unpacked bytes of their pictures, as the zips declare them.
        unpacked: Unpacked bytes that were really read so far.
    """

    max_bytes: int
    packed: int = 0
    declared: int = 0
    unpacked: int = 0

    def check(self) -> None:
        """Refuse too much, be it declared or real.

        Raises:
            TooMuch: with the sentence.
        """
        most = max(self.declared, self.unpacked)
        if most > max(FREE_BYTES, MAX_RATIO * self.packed):
            raise TooMuch(
                f"The zip would unpack to over {MAX_RATIO} times its size, which pictures never "
                "do; choose another."
            )
        if most > self.max_bytes:
            raise TooMuch(
                f"The pictures unpack to more than {self.max_bytes / 1e6:,.0f} MB; leave some "
                "out, or make them smaller."
            )

    def read(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, side: int) -> RawPicture:
        """One member as a picture, decoded for a square of this side.

        Raises:
            ValueError: if it cannot be read; one sentence.
            TooMuch: if with it too much has come out.
        """
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
        return read_raw(bytes(data), side)


def open_zip(path: Path, shown: str, stack: ExitStack) -> zipfile.ZipFile:
    """A zip, open as long as the stack.

    Args:
        path: The file.
        shown: Its name in messages.
        stack: Closes it.

    Raises:
        ValueError: if it is broken or none; one sentence.
    """
    try:
        return stack.enter_context(zipfile.ZipFile(path))
    except _BROKEN:
        raise ValueError(f"{shown} is broken or no zip; zip the pictures again.") from None


def members(
    archive: zipfile.ZipFile, shown: str
) -> tuple[list[tuple[Parts, zipfile.ZipInfo]], LeftOut]:
    """The pictures of a zip with their places, in order of these; and what else there is.

    Args:
        archive: The open zip.
        shown: Its name in messages.

    Raises:
        ValueError: if it is locked, packed in an unusual way, or leads out of itself; one sentence.
    """
    infos = [info for info in archive.infolist() if not info.filename.endswith(("/", "\\"))]
    # Some old tools of Windows write a\b. But where there are slashes, a backslash is no separator:
    # it may also be half of a Japanese letter.
    separators = "/" if any("/" in info.filename for info in infos) else r"[/\\]"
    found, left = [], LeftOut()
    for info in infos:
        linked = stat.S_ISLNK(info.external_attr >> 16)
        if linked or _OUTSIDE.match(info.filename):
            what = "a link" if linked else "a name that leads out of it"
            raise ValueError(f"{shown} holds {what}; zip the folder of pictures again.")
        parts = _parts(info, separators)
        if not parts or passed_over(parts):
            continue
        if PurePosixPath(parts[-1]).suffix.lower() not in SUFFIXES:
            left.note(parts[-1])
            continue
        if info.flag_bits & 1:
            raise ValueError(f"{shown} has a password; zip the pictures without one.")
        if info.compress_type not in _USUAL:
            raise ValueError(f"{shown} is packed in an unusual way; zip it as plain .zip.")
        found.append((parts, info))
    return sorted(found, key=lambda each: (each[0], each[1].filename)), left


def _parts(info: zipfile.ZipInfo, separators: str) -> Parts:
    """A member's place. Names that are UTF-8 but are not marked so are mended."""
    if info.flag_bits & 0x800:
        name = info.filename
    else:
        try:
            name = name_of(info.filename.encode("cp437"))
        except UnicodeError:
            name = info.filename
    return tuple(
        part for part in re.split(separators, readable_name(name)) if part not in ("", ".")
    )
