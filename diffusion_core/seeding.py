"""Where all randomness comes from: explicit generators on the CPU, never the global one.

`seeded` makes a generator from a name of its purpose, so that equal purposes draw equal numbers.
`draw_noise` takes one generator for a whole batch or one an image; with one an image, the noise of
image i is the same to the bit whatever the batch or the device.

A seed has 64 bits, as in torch; counting on from the last one begins at 0 again. torch's generator
on the CPU, a Mersenne twister, reads the lower 32 of them, so that seeds which differ by a multiple
of 2^32 draw the same noise, here as after `torch.manual_seed`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import torch
from torch import Tensor

MAX_SEED = 2**64 - 1
_EXACT = 2**53  # a float beyond it may have been rounded on its way here

Generators = torch.Generator | Sequence[torch.Generator]


def parse_seed(value: object, name: str = "The seed") -> int:
    """A seed that was typed or sent: a whole number, or its digits as text.

    Args:
        value: An int, a float without a fraction, or digits. Text keeps all digits where a number
            would be a float of double precision, as in a browser.
        name: Begins the error's sentence.

    Raises:
        ValueError: if it is not a whole number from 0 to `MAX_SEED`, or a float of 2^53 or more.
    """
    seed = value
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,20}\s*", value):
        seed = int(value)
    elif isinstance(value, float) and value.is_integer() and value < _EXACT:
        seed = int(value)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        got = "nothing" if value is None or value == "" else repr(value)
        got = got if len(got) <= 60 else f"{got[:57]}..."
        raise ValueError(f"{name} must be a whole number from 0 to {MAX_SEED}, got {got}.")
    return seed


def image_generators(seed: int, num_images: int) -> list[torch.Generator]:
    """One generator an image: image i has seed + i, modulo 2^64."""
    return [torch.Generator().manual_seed((seed + i) % (MAX_SEED + 1)) for i in range(num_images)]


def seeded(*parts: object) -> torch.Generator:
    """A CPU generator whose seed is a hash of the parts: equal parts, equal numbers."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


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
    noise = draw_noise(x.shape, generator, dtype)
    if x.device.type == "cuda":  # a copy from pinned memory waits for nothing
        return noise.pin_memory().to(x.device, x.dtype, non_blocking=True)
    return noise.to(x.device, x.dtype)
