"""Pictures: read from files through one careful door, and turned into tensors and back.

A tensor is (B, C, H, W) float in [-1, 1]; a picture is (H, W, C) uint8, a batch of them
(B, H, W, C). Level k of 0 … 255 is the number k / 127.5 - 1.

`read_picture` gives the right picture, or one sentence: how a file is decoded stands in `decoding`,
and which values of more than 8 bits are black and white in `ranges`. Page, endpoints and command
line read pictures by it alone.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from . import decoding
from .ranges import AUTOMATIC, RawPicture, to_levels

GAP_LEVEL = 128
GRID_GAP = 2  # pixels between the pictures of a grid


def to_uint8(x: Tensor) -> np.ndarray:
    """Clip to [-1, 1] and round to the nearest of 256 levels.

    Args:
        x: Images, (B, C, H, W), float; NaN becomes level 0.

    Returns:
        uint8, (B, H, W, C). `from_uint8` of it gives every level back exactly.
    """
    x = torch.nan_to_num(x.detach().float(), nan=-1.0).clamp(-1, 1)
    return ((x + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def from_uint8(pictures: np.ndarray | Tensor) -> Tensor:
    """Pictures (B, H, W, C), uint8, to a float32 tensor (B, C, H, W) in [-1, 1].

    Raises:
        ValueError: if pictures are not uint8 of four dimensions.
    """
    x = torch.tensor(pictures) if isinstance(pictures, np.ndarray) else pictures
    if x.dtype != torch.uint8 or x.ndim != 4:
        raise ValueError(f"Pictures must be uint8 (B, H, W, C), got {x.dtype} {tuple(x.shape)}.")
    # laid out as (B, C, H, W) too: on a CPU, norms in bfloat16 are ten times slower on the other
    return x.permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1


def to_pil(picture: np.ndarray) -> Image.Image:
    """One picture (H, W, C), uint8 with 1 or 3 channels, as a PIL image in mode L or RGB."""
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)


def grid(pictures: np.ndarray, columns: int | None = None, gap: int = GRID_GAP) -> np.ndarray:
    """Lay pictures (B, H, W, C) out in rows with a grey gap: (H', W', C), uint8.

    Args:
        pictures: uint8.
        columns: Pictures in a row; None makes the grid about square.
        gap: Pixels between pictures.
    """
    B, H, W, C = pictures.shape
    columns = columns or math.ceil(math.sqrt(B))
    rows = math.ceil(B / columns)
    shape = (rows * (H + gap) - gap, columns * (W + gap) - gap, C)
    sheet = np.full(shape, GAP_LEVEL, dtype=np.uint8)
    for i, picture in enumerate(pictures):
        top, left = i // columns * (H + gap), i % columns * (W + gap)
        sheet[top : top + H, left : left + W] = picture
    return sheet


SIDE = 1024  # of the largest square that is made of a picture, where nothing else is said
CROPS = ("centre", "top or left", "bottom or right", "whole picture")
_ALIGN = {"centre": 0.5, "top or left": 0.0, "bottom or right": 1.0}


def read_raw(file: str | Path | bytes, side: int = SIDE) -> RawPicture:
    """Read a picture file, with its values as they are: the one door for pictures.

    Args:
        file: PNG, JPEG, WebP, AVIF, GIF, BMP or TIFF; its path, or its content.
        side: Side of the largest square that will be made of it: it is decoded no larger than that
            needs.

    Raises:
        ValueError: if it is missing, empty, too large, broken or no picture; one sentence.
    """
    if isinstance(file, bytes):
        size, data = len(file), file
    else:
        try:
            file = Path(file)
            if not file.is_file():
                raise ValueError("There is no such picture; upload it again.")
            size = file.stat().st_size
            data = file.read_bytes() if size <= decoding.MAX_BYTES else b""
        except OSError:
            raise ValueError("The file cannot be opened; choose another picture.") from None
    if size > decoding.MAX_BYTES:
        raise ValueError(
            f"The file has {size / 1e6:.0f} MB; choose one of at most "
            f"{decoding.MAX_BYTES // 2**20} MB."
        )
    if not data:
        raise ValueError("The file is empty; choose another picture.")
    return decoding.decode(data, side)


def read_picture(
    file: str | Path | bytes, side: int = SIDE, value_range: str | float = AUTOMATIC
) -> np.ndarray:
    """Read a picture file as levels.

    Args:
        file: PNG, JPEG, WebP, AVIF, GIF, BMP or TIFF; its path, or its content.
        side: Side of the largest square that will be made of it: it is decoded no larger than that
            needs.
        value_range: Of more than 8 bits a value, which are black and white: a key of `RANGES`, or
            the value that is white.

    Returns:
        uint8, (H, W, 1) for a grey picture, else (H, W, 3).

    Raises:
        ValueError: if it is missing, empty, too large, broken or no picture; one sentence.
    """
    return to_levels(read_raw(file, side), value_range)[0]


def fit_picture(picture: np.ndarray, size: int, crop: str = "centre") -> np.ndarray:
    """Make a picture square and size × size, by area-true resampling.

    Args:
        picture: (H, W, C) uint8; or (H, W, 1) float32, which is not clipped.
        size: Side of the result.
        crop: Which square is kept: one of `CROPS`; "whole picture" keeps all, on mid-grey, and of
            a picture of any shape at least one row or column of pixels.

    Returns:
        The picture's type, (size, size, C).

    Raises:
        ValueError: if the crop is unknown.
    """
    if crop not in CROPS:
        raise ValueError(f"There is no crop {crop!r}; choose one of {', '.join(CROPS)}.")
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    if crop == "whole picture":
        long = max(image.size)
        width, height = (max(1, round(size * length / long)) for length in image.size)
        grey = GAP_LEVEL if picture.shape[2] == 1 else (GAP_LEVEL,) * 3
        square = Image.new(image.mode, (size, size), grey)
        at = round((size - width) / 2), round((size - height) / 2)
        square.paste(image.resize((width, height), Image.Resampling.LANCZOS), at)
    else:
        align = _ALIGN[crop]
        square = ImageOps.fit(
            image, (size, size), Image.Resampling.LANCZOS, centering=(align, align)
        )
    pixels = np.asarray(square)
    return pixels[..., None] if pixels.ndim == 2 else pixels
