"""The only crossing between tensors in [-1, 1] and uint8 pictures.

A tensor is (B, C, H, W) float; a picture is (H, W, C) uint8, a batch of them (B, H, W, C).
Level k of 0 … 255 is the number k / 127.5 - 1.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

GAP_LEVEL = 128


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


def grid(pictures: np.ndarray, columns: int | None = None, gap: int = 2) -> np.ndarray:
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
