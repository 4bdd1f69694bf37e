"""Pictures: read from files through one careful door, and turned into tensors and back.

A tensor is (B, C, H, W) float in [-1, 1]; a picture is (H, W, C) uint8, a batch of them
(B, H, W, C). Level k of 0 … 255 is the number k / 127.5 - 1.

`read_picture` gives the right picture, or one sentence: EXIF rotation is applied, 16 bits are
scaled to 8, CMYK and palettes become RGB, transparency is laid on white, an animation gives its
first frame. What is too large is refused undecoded.
"""

from __future__ import annotations

import math
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

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


MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # others may call programs of the system
CROPS = ("centre", "top or left", "bottom or right", "whole picture")
_ALIGN = {"centre": 0.5, "top or left": 0.0, "bottom or right": 1.0}
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
)


def read_picture(file: str | Path) -> np.ndarray:
    """Read a picture file.

    Args:
        file: PNG, JPEG, WebP, GIF, BMP or TIFF.

    Returns:
        uint8, (H, W, 1) for a grey picture, else (H, W, 3).

    Raises:
        ValueError: if it is missing, empty, too large, broken or no picture; one sentence.
    """
    file = Path(file)
    if not file.is_file():
        raise ValueError("There is no such picture; upload it again.")
    size = file.stat().st_size
    if size == 0:
        raise ValueError("The file is empty; choose another picture.")
    if size > MAX_BYTES:
        raise ValueError(
            f"The file has {size / 1e6:.0f} MB; choose one of at most {MAX_BYTES // 2**20} MB."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                return _decode(image)
    except (MemoryError, Image.DecompressionBombError):
        limit = MAX_PIXELS // 1_000_000
        raise ValueError(f"Choose a picture of at most {limit} million pixels.") from None
    except Image.UnidentifiedImageError:
        raise ValueError("This file is no picture that can be read; use PNG or JPEG.") from None
    except _BROKEN:
        raise ValueError(
            "The picture is broken or cut off; save it again as PNG or JPEG."
        ) from None


def _decode(image: Image.Image) -> np.ndarray:
    """The first frame as uint8, (H, W, 1 or 3)."""
    image.seek(0)
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(np.asarray(image).astype(np.float64))[..., None]
    if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    pixels = np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Scale grey of more than 8 bits, or floats, to 256 levels by the range the values suggest."""
    values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    top = values.max()
    full = next((r for r in (1.0, 255.0, 65535.0) if top <= r), top)
    return np.round(values.clip(0, full) * (255 / full)).astype(np.uint8)


def fit_picture(picture: np.ndarray, size: int, crop: str = "centre") -> np.ndarray:
    """Make a picture square and size × size, by area-true resampling.

    Args:
        picture: uint8, (H, W, C).
        size: Side of the result.
        crop: Which square is kept: one of `CROPS`; "whole picture" keeps all, on mid-grey.

    Returns:
        uint8, (size, size, C).

    Raises:
        ValueError: if the crop is unknown.
    """
    if crop not in CROPS:
        raise ValueError(f"There is no crop {crop!r}; choose one of {', '.join(CROPS)}.")
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    if crop == "whole picture":
        grey = 128 if picture.shape[2] == 1 else (128, 128, 128)
        square = ImageOps.pad(image, (size, size), Image.Resampling.LANCZOS, color=grey)
    else:
        at = _ALIGN[crop]
        square = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS, centering=(at, at))
    pixels = np.asarray(square)
    return pixels[..., None] if pixels.ndim == 2 else pixels
