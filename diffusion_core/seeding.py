"""Where all randomness comes from: explicit generators on the CPU, never the global one.

`seeded` makes a generator from a name of its purpose, so that equal purposes draw equal numbers.
`draw_noise` takes one generator for a whole batch or one an image; with one an image, the noise of
image i is the same to the bit whatever the batch or the device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


def seeded(*parts: object) -> torch.Generator:
    """A CPU generator whose seed is a hash of the parts: equal parts, equal numbers."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


Generators = torch.Generator | Sequence[torch.Generator]


def draw_noise(
    shape: Sequence[int], generator: Generators, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Standard normal noise (B, ...), drawn on the CPU.

    With one generator an image, the noise of image i is the same whatever the batch.

    Raises:
        ValueError: if there are several generators, but not one an image.
    """
    if isinstance(generator, torch.Generator):
        return torch.randn(tuple(shape), generator=generator, dtype=dtype)
    if len(generator) != shape[0]:
        raise ValueError(f"There are {len(generator)} generators for {shape[0]} images.")
    return torch.stack([torch.randn(tuple(shape[1:]), generator=g, dtype=dtype) for g in generator])


def noise_like(x: Tensor, generator: Generators) -> Tensor:
    """Standard normal noise for x, (B, ...), drawn by `draw_noise` and taken to x's device."""
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    return draw_noise(x.shape, generator, dtype).to(x.device, x.dtype)
