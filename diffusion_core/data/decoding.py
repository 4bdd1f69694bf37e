"""Picture files decoded with care: right, or one sentence; never more memory than is allowed.

The header is read first, and what would take too much is refused by it, undecoded. What is decoded
is decoded at about the size that is wanted: a JPEG by its own transform, anything else reduced tile
by tile, so that beside the decoder's own memory there is a small picture and one tile. Rotation
(EXIF) is applied, colours are taken from the embedded profile (ICC) to sRGB, CMYK, LAB and palettes
become RGB, transparency is laid on white, an animation gives its first frame.
"""

from __future__ import annotations

import io
import math
import struct
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms, features

from .ranges import RawPicture

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
MAX_MEMORY = 250_000_000  # bytes that a decoder may hold at a time
MAX_READS = 100_000  # of a file's header and parts; a whole file of 10 MB takes at most 10,000
MAX_SCANS = 200  # of a JPEG; usual are 1 to 12
MAX_SCANNED = 800_000_000  # pixels times scans; 40 million pixels in 18 scans take a second
MAX_STRIPS = 50_000  # of a TIFF; usual is one for some rows
MAX_PROFILE = 4 * 1024 * 1024
GAP = 3  # a picture is reduced to no less than 3 times the square that is made of it
MAX_KEPT = 2**23  # pixels of a picture that is handed on, whatever its shape
TILE = 2**20  # pixels

# What Pillow itself decodes; for others it may call programs of the system.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF")
# Bytes a pixel that decoders were seen to hold at most, of pictures of 40 million pixels.
_COSTS = {"PNG": 4, "GIF": 5, "BMP": 4, "DIB": 4, "TIFF": 8, "WEBP": 16, "AVIF": 11}
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_OFFSETS = (273, 324)  # of the strips and of the tiles of a TIFF
_ORIENTATION, _BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 0x0112, 258, 262, 339
_ALPHA = ("LA", "PA", "RGBA", "RGBa", "La")
_UNUSUAL = "The picture is packed in an unusual way; save it again as PNG or JPEG."


class Refused(ValueError):
    """A picture that is not decoded, with the sentence that says why."""


class _Counted(io.BytesIO):
    """A file in memory that ends a header of endlessly many small parts."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MAX_READS:
            raise Refused(_UNUSUAL)
        return super().read(size)


@lru_cache(maxsize=1)
def formats() -> tuple[str, ...]:
    """The formats that this Pillow can decode, by its names for them."""
    Image.init()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an older Pillow does not know of AVIF
        missing = {f for f in ("WEBP", "AVIF") if not features.check(f.lower())}
    return tuple(f for f in _FORMATS if f in Image.OPEN and f not in missing)


def decode(data: bytes, side: int) -> RawPicture:
    """Decode a picture file, no larger than is needed.

    Args:
        data: The file's content.
        side: Side of the largest square that will be made of it; it is reduced to no less than
            `GAP` times that, and to `MAX_KEPT` pixels.

    Raises:
        ValueError: if it is too large, broken, or no picture; one sentence.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _check_strips(data)
            with Image.open(_Counted(data), formats=formats()) as image:
                factor = _check(image, data, side)
                return _decoded(image, factor, side)
    except Refused:
        raise
    except (MemoryError, Image.DecompressionBombError):
        raise ValueError(_too_large(MAX_PIXELS)) from None
    except Image.UnidentifiedImageError:
        raise ValueError(_no_picture(data)) from None
    except Exception:  # a decoder may raise anything for a file that was made to break it
        raise ValueError(
            "The picture is broken or cut off; save it again as PNG or JPEG."
        ) from None


def _no_picture(data: bytes) -> str:
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC:
        return "This is a HEIC picture, which cannot be opened here; save it as JPEG."
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return "This is an AVIF picture, which cannot be opened here; save it as JPEG."
    return "This file is not a picture that can be read; use PNG or JPEG."


def _too_large(pixels: float, kind: str = "") -> str:
    otherwise = ", or save it as plain PNG" if kind else ""
    return (
        f"Choose a picture of at most {pixels / 1e6:.0f} million pixels"
        f"{f' as {kind}' if kind else ''}{otherwise}."
    )


def _check(image: Image.Image, data: bytes, side: int) -> int:
    """Refuse by its header what would take too much; else have a JPEG decoded smaller.

    Returns:
        By how much the decoded picture is then to be reduced.

    Raises:
        Refused: with the sentence.
    """
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise Refused(_too_large(MAX_PIXELS))
    kind = str(image.format)
    if kind in ("JPEG", "MPO"):
        return _check_jpeg(image, data, side)
    cost: float = _COSTS[kind]
    if kind == "TIFF":
        cost = 4 if image.mode in ("1", "L", "P", "I;16", "I;16B") else cost
        cost *= 1 if _tags(image).get(_ORIENTATION, 1) == 1 else 1.5  # Pillow turns a copy
    if pixels * cost > MAX_MEMORY:
        raise Refused(_too_large(MAX_MEMORY // cost, kind))
    return _factor(image.width, image.height, side)


def _check_jpeg(image: Any, data: bytes, side: int) -> int:
    """`_check` of a JPEG, which is decoded at 1/2, 1/4 or 1/8 where that is large enough."""
    width, height = image.size
    scans = data.count(b"\xff\xda")
    if scans > MAX_SCANS or scans * width * height > MAX_SCANNED:
        raise Refused(_UNUSUAL)
    held = 0.0
    if scans > 1:  # the decoder then holds 2 bytes for every value of the whole picture
        samples = [across * down for _, across, down, *_ in image.layer]
        held = 2 * width * height * sum(samples) / max(samples)
    factor = _factor(width, height, side)
    while held + 4 * width * height / factor**2 > MAX_MEMORY and min(width, height) >= (
        2 * factor * side
    ):
        factor *= 2
    image.draft(None, (-(-width // factor), -(-height // factor)))
    if held + 4 * image.width * image.height > MAX_MEMORY:
        raise Refused(
            _too_large(MAX_MEMORY * width * height // (held + 4 * width * height), "JPEG")
        )
    return _factor(image.width, image.height, side)


def _check_strips(data: bytes) -> None:
    """Refuse a TIFF of endlessly many strips or tiles, each of which Pillow makes an object of.

    Raises:
        Refused: with the sentence.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 16:
        return
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    try:
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
        first, size = at + (8 if big else 2), 20 if big else 12
        for entry in range(min(entries, 1000)):
            place = first + size * entry
            tag, _, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, place)
            if tag in _OFFSETS and count > MAX_STRIPS:
                raise Refused(_UNUSUAL)
    except struct.error:
        return  # cut off: Pillow says so


def _factor(width: int, height: int, side: int) -> int:
    """By how much a picture may be reduced: 1 leaves it as it is."""
    factor = max(1, min(width, height) // (GAP * side))
    while -(-width // factor) * -(-height // factor) > MAX_KEPT:
        factor += 1
    return factor


def _decoded(image: Image.Image, factor: int, side: int) -> RawPicture:
    image.load()
    turn = _TURNS.get(_orientation(image))
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        return _deep(image, factor, turn)
    small = _joined(image, factor, [_plain(tile).reduce(factor) for tile in _tiles(image, factor)])
    if turn is not None:
        small = small.transpose(turn)
    small = _in_srgb(small, image.info.get("icc_profile"))
    if small.mode == "RGBA":
        white = Image.new("RGBA", small.size, "white")
        small = Image.alpha_composite(white, small).convert("RGB")
    pixels = np.asarray(small)
    return RawPicture(pixels[..., None] if pixels.ndim == 2 else pixels)


def _orientation(image: Image.Image) -> int:
    """The turn that EXIF asks for, 1 to 8; a broken EXIF asks for none."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        return 1


def _boxes(width: int, height: int, factor: int) -> Iterator[tuple[int, int, int, int]]:
    """Tiles of at most `TILE` pixels or so, whose sides are multiples of the factor.

    What is left over is cut off on both sides alike, less than half a pixel of the reduced picture:
    as a pixel of its own it would be stretched. A side smaller than the factor is one tile.
    """
    if factor == 1:
        yield 0, 0, width, height
        return
    wide = min(width, TILE // factor) // factor * factor + factor
    high = max(1, TILE // wide // factor) * factor
    x, y = (length % factor // 2 if length >= factor else 0 for length in (width, height))
    right, bottom = (
        length // factor * factor if length >= factor else length for length in (width, height)
    )
    for top in range(0, bottom, high):
        for left in range(0, right, wide):
            yield x + left, y + top, x + min(left + wide, right), y + min(top + high, bottom)


def _tiles(image: Image.Image, factor: int) -> Iterator[Image.Image]:
    for box in _boxes(*image.size, factor):
        yield image if factor == 1 else image.crop(box)


def _joined(image: Image.Image, factor: int, tiles: list[Image.Image]) -> Image.Image:
    """The reduced tiles as one picture."""
    if len(tiles) == 1:
        return tiles[0]
    width, height = (max(1, length // factor) for length in image.size)
    whole = Image.new(tiles[0].mode, (width, height))
    for box, tile in zip(_boxes(*image.size, factor), tiles, strict=True):
        whole.paste(tile, (box[0] // factor, box[1] // factor))
    return whole


def _plain(image: Image.Image) -> Image.Image:
    """In a mode that can be averaged: L, RGB, RGBA, CMYK or LAB."""
    if image.mode in _ALPHA or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _deep(image: Image.Image, factor: int, turn: Image.Transpose | None) -> RawPicture:
    """Grey of more than 8 bits, or of floats, in the file's own unit."""
    low, high, tiles = math.inf, -math.inf, []
    for tile in _tiles(image, factor):
        values = np.asarray(tile).astype(np.float32)
        known = values[np.isfinite(values)] if image.mode == "F" else values
        if known.size:
            low, high = min(low, float(known.min())), max(high, float(known.max()))
        if known.size < values.size:
            values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        tiles.append(Image.fromarray(values).reduce(factor))
    small = _joined(image, factor, tiles)
    if turn is not None:
        small = small.transpose(turn)
    low, high = (low, high) if low <= high else (0.0, 0.0)
    stated = _stated(image)
    values = np.asarray(small)[..., None]
    if _tags(image).get(_PHOTOMETRIC) == 0:  # white is 0: turned about within what it states
        low, high = sum(stated) - high, sum(stated) - low
        values = sum(stated) - values
    return RawPicture(values, low, high, stated, image.mode == "F")


def _tags(image: Image.Image) -> Any:
    return getattr(image, "tag_v2", {})


def _stated(image: Image.Image) -> tuple[float, float]:
    """What the format calls black and white."""
    if image.mode == "F":
        return 0.0, 1.0
    tags = _tags(image)
    bits = int(tags.get(_BITS, (16,))[0])
    if int(tags.get(_SAMPLE_FORMAT, (1,))[0]) == 2:
        return -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
    return 0.0, 2.0**bits - 1


def _in_srgb(image: Image.Image, profile: Any) -> Image.Image:
    """The picture as L, RGB or RGBA in sRGB; a profile that is broken or unfit is passed over."""
    mode = "RGB" if image.mode == "RGBA" else image.mode
    if mode == "LAB":
        profile = b""
    transform = None
    if mode == "LAB" or isinstance(profile, bytes) and 0 < len(profile) <= MAX_PROFILE:
        transform = _transform(profile, mode)
    if transform is None:
        return image if image.mode in ("L", "RGB", "RGBA") else image.convert("RGB")
    if image.mode == "RGBA":
        made = transform.apply(image.convert("RGB"))
        made.putalpha(image.getchannel("A"))
        return made
    made = transform.apply(image)
    return made.convert("L") if mode == "L" else made


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a profile to sRGB; None where it is sRGB already, broken, or of another mode.

    Relative to the medium's white, with black point compensation, as browsers show pictures.
    """
    try:
        if mode == "LAB":
            source: Any = ImageCms.createProfile("LAB")
        else:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if ImageCms.getProfileDescription(source).strip().lower().startswith("srgb"):
                return None
        return ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except Exception:
        return None
