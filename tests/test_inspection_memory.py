"""What is recorded of a network stays small, however large its pictures are."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from diffusion_core.inspection import look_inside
from diffusion_core.unet import Attention, ResnetBlock, UNet, UNetConfig

LARGE = UNetConfig(  # the layout of diffusers' google/ddpm-celebahq-256, a fourth as wide
    image_size=(256, 256),
    channels=(32, 32, 64, 64, 128, 128),
    blocks_per_level=1,
    attention=(False, False, False, False, True, False),
    head_dim=None,
    freq_shift=1,
    flip_sin_to_cos=False,
    downsample_padding=0,
)
MOST = 4 * 2**20  # bytes


def nbytes(value: Any) -> int:
    """Bytes of all arrays in what was recorded."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if dataclasses.is_dataclass(value):
        return sum(nbytes(getattr(value, f.name)) for f in dataclasses.fields(value))
    if isinstance(value, dict):
        return sum(map(nbytes, value.values()))
    return sum(map(nbytes, value)) if isinstance(value, tuple | list) else 0


def test_a_network_of_256_pixels_is_recorded_within_a_bound() -> None:
    network = UNet(LARGE).eval()
    x, t = torch.randn(1, 3, 256, 256), torch.tensor([500])
    named = list(network.named_modules())
    kinds = (ResnetBlock, Attention)
    for kind in kinds:
        block = next(name for name, module in named if isinstance(module, kind))
        with torch.inference_mode():
            _, pictures, opened = look_inside(network, lambda view: view(x, t), block=block)
        one_map = 4 * 32 * 256 * 256
        assert 0 < nbytes(pictures) + nbytes(opened) < MOST < one_map
