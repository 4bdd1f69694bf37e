"""Weights from a safetensors file: compared with the settings first, and only then read.

The file's header tells names, shapes and number types of all that it holds. It is small, and
`safetensors` checks that its entries lie side by side in the file, so that no entry is larger than
the file. A network is built only where each of its parameters stands in the header in its shape;
hence no settings make this machine build more than what lies in the file.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ..fields import printable
from ..unet import Undrawn, UNet, UNetConfig, without_memory

MAX_HEADER = 10_000_000  # bytes; the largest that is known has 100,000
MAX_PARAMETERS = 999_999_999
MAX_MULTIPLICATIONS = 5e12  # of one evaluation of one picture; a UNet of 256 × 256 takes 0.3e12
MAX_MEMORY = 4 * 2**30  # bytes of the feature maps that one evaluation of one picture keeps
FLOATS = ("F16", "BF16", "F32", "F64")
_PIECE = 2**20


def check_size(unet: UNetConfig) -> None:
    """Refuse a network that cannot evaluate one picture on this machine.

    Counted are multiplications and the feature maps that wait as skip connections, by the settings
    alone: nothing is built.

    Raises:
        ValueError: in one sentence.
    """
    height, width = (side // unet.patch_size for side in unet.image_size)
    blocks, multiplications, waiting = unet.blocks_per_level, 0, 0
    for i, c in enumerate(unet.channels):
        pixels = (height >> i) * (width >> i)
        attending = blocks * unet.attention[i] + (blocks + 1) * unet.up_attention[i]
        attending += unet.mid_attention and i == len(unet.channels) - 1
        # On the way down two convolutions a block, on the way up a third for what waited.
        multiplications += pixels * 9 * c * c * (2 * blocks + 3 * (blocks + 1))
        multiplications += attending * pixels * (4 * c * c + 2 * pixels * c)
        waiting += pixels * c * 4 * (blocks + 4)
    size = " × ".join(map(str, unet.image_size))
    if multiplications > MAX_MULTIPLICATIONS or waiting > MAX_MEMORY:
        raise ValueError(
            f"its unet.image_size is {size}, for which its network takes about "
            f"{multiplications:.1e} multiplications and {waiting / 2**30:,.1f} GiB a picture, and "
            f"at most {MAX_MULTIPLICATIONS:.0e} and {MAX_MEMORY / 2**30:.0f} GiB are computed here."
        )


def digest_of(file: Path) -> str:
    """SHA-256 of a file, hex, read in pieces."""
    found = hashlib.sha256()
    with open(file, "rb") as opened:
        while piece := opened.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def read_weights(file: Path, config: UNetConfig, rename: Callable[[str], str]) -> UNet:
    """The network of these settings with the weights of a file; in fp32, on the CPU.

    Args:
        file: A safetensors file.
        config: The network's shape.
        rename: Turns the file's name of a parameter into the network's.

    Raises:
        ValueError: if the file holds other weights, or numbers that are not finite, in one
            sentence.
        SafetensorError: if the file is broken.
    """
    _check_header_length(file)
    with safe_open(str(file), framework="pt") as opened:
        names: dict[str, str] = {}
        for name in opened.keys():  # noqa: SIM118
            new = rename(name)
            if new == name or new not in names:  # the name of today goes before an older one
                names[new] = name
        shapes, types = {}, {}
        for new, name in names.items():
            entry = opened.get_slice(name)
            shapes[new], types[new] = tuple(entry.get_shape()), entry.get_dtype()
        _check_header(shapes, types, config)
        with Undrawn():
            unet = UNet(config)
        parameters = unet.state_dict()
        for new, name in names.items():
            with torch.no_grad():
                parameters[new].copy_(opened.get_tensor(name))
            _check_finite(new, parameters[new])
    return unet


def _check_header_length(file: Path) -> None:
    with open(file, "rb") as opened:
        first = opened.read(8)
    length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
    # A length beyond the file's end is refused by safetensors, as that of a broken file.
    if MAX_HEADER < length <= file.stat().st_size:
        raise ValueError(
            f"the header of {file.name} has {length:,} bytes, and at most {MAX_HEADER:,} are read."
        )


def _check_header(
    shapes: dict[str, tuple[int, ...]], types: dict[str, str], config: UNetConfig
) -> None:
    """Compare what a file holds with a network that is not built yet."""
    others = "its weights are not those that its config.json describes"
    # Blocks are counted first: as many as the settings may ask for are not built to be compared.
    blocks = len(config.channels) * (2 * config.blocks_per_level + 1) + 2
    held = sum(name.endswith(".conv1.weight") for name in shapes)
    if blocks > 2 * held + 50:
        raise ValueError(
            f"{others}: they hold {held:,} residual blocks, where {blocks:,} are expected "
            f"({config.blocks_per_level:,} a level and way)."
        )
    count = sum(math.prod(shape) for shape in shapes.values())
    if count > MAX_PARAMETERS:
        raise ValueError(
            f"its weights hold {count:,} parameters, and at most {MAX_PARAMETERS:,} are read here."
        )
    expected = _shapes(config)
    for name in [*expected, *shapes]:
        if expected.get(name) != shapes.get(name):
            raise ValueError(
                f"{others}: {printable(name)[:100]} is {shapes.get(name, 'missing')}, where "
                f"{expected.get(name, 'nothing')} is expected."
            )
    for name, kind in types.items():
        if kind not in FLOATS:
            raise ValueError(
                f"its weights are not read: {name} holds numbers of the type {kind}, and must hold "
                f"one of {', '.join(FLOATS)}."
            )


def _shapes(config: UNetConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a network's parameters, without memory for them."""
    return {name: tuple(value.shape) for name, value in without_memory(config).state_dict().items()}


def _check_finite(name: str, values: Tensor) -> None:
    # Not finite is the sum of anything that is not; the sum of the finite may overflow, so that it
    # is looked at again.
    if not bool(torch.isfinite(values.sum())) and not bool(torch.isfinite(values).all()):
        raise ValueError(
            f"its weights hold numbers that are not finite (NaN or Infinity), in {name}: the "
            "training that made them diverged; take an earlier save of it."
        )
