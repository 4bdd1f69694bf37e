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
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import safe_open
from torch import Tensor, nn

from ..fields import printable
from ..unet import Undrawn, UNet, UNetConfig, without_memory

MAX_HEADER = 10_000_000  # bytes; the largest that is known has 100,000
MAX_PARAMETERS = 999_999_999
MAX_MULTIPLICATIONS = 5e12  # of one evaluation of one picture; a UNet of 256 × 256 takes 0.3e12
MAX_MEMORY = 4 * 2**30  # bytes of the feature maps that one evaluation of one picture keeps
FLOATS = ("F16", "BF16", "F32", "F64")
_OTHERS = "its weights are not those that its config.json describes"
_PIECE = 2**20

NetworkT = TypeVar("NetworkT", bound=nn.Module)


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
    """The UNet of these settings with the weights of a file; in fp32, on the CPU.

    Args:
        file: A safetensors file.
        config: The network's shape.
        rename: Turns the file's name of a parameter into the network's.

    Raises:
        ValueError: if the file holds other weights, or numbers that are not finite, in one
            sentence.
        SafetensorError: if the file is broken.
    """
    return read_network(
        file, lambda: UNet(config), rename, lambda held: _check_blocks(held, config)
    )


def read_network(
    file: Path,
    build: Callable[[], NetworkT],
    rename: Callable[[str], str] = str,
    check: Callable[[Collection[str]], None] = lambda held: None,
) -> NetworkT:
    """A network of any kind with the weights of a file; in fp32, on the CPU.

    Args:
        file: A safetensors file.
        build: Builds the network; called on the device "meta" first, and again where each of its
            parameters stands in the file in its shape.
        rename: Turns the file's name of a parameter into the network's.
        check: Called with the names that the file holds before anything is built; raises
            ValueError where these settings would build far more.

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
        check(shapes)
        _check_header(shapes, types, build)
        with Undrawn():
            network = build()
        parameters = network.state_dict()
        for new, name in names.items():
            with torch.no_grad():
                parameters[new].copy_(opened.get_tensor(name))
            _check_finite(new, parameters[new])
    return network


def parameters_in(file: Path) -> dict[str, int]:
    """How many numbers each parameter of a file has, by its name: its header alone is read.

    Raises:
        ValueError: if the header is too long.
        SafetensorError: if the file is broken.
    """
    _check_header_length(file)
    with safe_open(str(file), framework="pt") as opened:
        return {name: math.prod(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118


def _check_header_length(file: Path) -> None:
    with open(file, "rb") as opened:
        first = opened.read(8)
    length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
    # A length beyond the file's end is refused by safetensors, as that of a broken file.
    if MAX_HEADER < length <= file.stat().st_size:
        raise ValueError(
            f"the header of {file.name} has {length:,} bytes, and at most {MAX_HEADER:,} are read."
        )


def _check_blocks(held: Collection[str], config: UNetConfig) -> None:
    """Refuse settings that ask for far more residual blocks than a file holds: they build long."""
    blocks = len(config.channels) * (2 * config.blocks_per_level + 1) + 2
    there = sum(name.endswith(".conv1.weight") for name in held)
    if blocks > 2 * there + 50:
        raise ValueError(
            f"{_OTHERS}: they hold {there:,} residual blocks, where {blocks:,} are expected "
            f"({config.blocks_per_level:,} a level and way)."
        )


def _check_header(
    shapes: dict[str, tuple[int, ...]], types: dict[str, str], build: Callable[[], nn.Module]
) -> None:
    """Compare what a file holds with a network that has no memory yet."""
    count = sum(math.prod(shape) for shape in shapes.values())
    if count > MAX_PARAMETERS:
        raise ValueError(
            f"its weights hold {count:,} parameters, and at most {MAX_PARAMETERS:,} are read here."
        )
    state = without_memory(build).state_dict()
    expected = {name: tuple(value.shape) for name, value in state.items()}
    for name in [*expected, *shapes]:
        if expected.get(name) != shapes.get(name):
            raise ValueError(
                f"{_OTHERS}: {printable(name)[:100]} is {shapes.get(name, 'missing')}, where "
                f"{expected.get(name, 'nothing')} is expected."
            )
    for name, kind in types.items():
        if kind not in FLOATS:
            raise ValueError(
                f"its weights are not read: {name} holds numbers of the type {kind}, and must hold "
                f"one of {', '.join(FLOATS)}."
            )


def _check_finite(name: str, values: Tensor) -> None:
    # Not finite is the sum of anything that is not; the sum of the finite may overflow, so that it
    # is looked at again.
    if not bool(torch.isfinite(values.sum())) and not bool(torch.isfinite(values).all()):
        raise ValueError(
            f"its weights hold numbers that are not finite (NaN or Infinity), in {name}: the "
            "training that made them diverged; take an earlier save of it."
        )
