"""A picture and the noise for it, as the browser mixes them: in the Noise tab and in Schedules."""

from __future__ import annotations

import secrets

import numpy as np
import torch
from torch import Tensor

from diffusion_core.data import (
    AUTOMATIC,
    RawPicture,
    fit_picture,
    from_uint8,
    parse_range,
    to_levels,
    to_uint8,
)
from diffusion_core.seeding import draw_noise, parse_seed

from .wire import PictureAndNoiseMessage, as_base64

SIZES = (28, 32, 64, 128, 256)
EPS_SCALE = 4096  # eps goes to the browser as int16: an error of at most 1/8192, 0.02 levels


def picture_and_noise(
    picture: np.ndarray | RawPicture | None,
    size: int,
    crop: str,
    seed: str | float | None,
    value_range: str | float = AUTOMATIC,
) -> tuple[Tensor, Tensor]:
    """x0 and eps, each (1, C, size, size).

    Args:
        picture: uint8, (H, W, C); or with more than 8 bits a value.
        size: Side of the square that it is fitted to, in pixels.
        crop: The way to a square; see `fit_picture`.
        seed: The seed of the noise; see `parse_seed`.
        value_range: Of more than 8 bits a value, which are black and white; see `parse_range`.

    Raises:
        ValueError: if something does not fit; one sentence.
    """
    if picture is None:
        raise ValueError("Choose a picture first, or take one of those below.")
    if size not in SIZES:
        raise ValueError(f"The size must be one of {', '.join(map(str, SIZES))}, got {size}.")
    generator = torch.Generator().manual_seed(parse_seed(seed))
    levels, _ = to_levels(picture, parse_range(value_range))
    x0 = from_uint8(fit_picture(levels, size, crop)[None])
    return x0, draw_noise(x0.shape, generator)


def message(x0: Tensor, eps: Tensor) -> PictureAndNoiseMessage:
    """x0 and eps for the browser, as JSON values: x0 as uint8, eps as int16 in units of 1/4096."""
    packed = (eps * EPS_SCALE).round().clamp(-32768, 32767).to(torch.int16)
    return {
        "id": secrets.token_hex(4),
        "size": x0.shape[2],
        "channels": x0.shape[1],
        "x0": as_base64(to_uint8(x0)[0]),
        "eps": as_base64(packed[0].permute(1, 2, 0).numpy()),
    }
