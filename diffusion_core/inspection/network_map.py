"""The map of a UNet, read off its module tree and measured in one forward pass.

Blocks are the modules between the network and its single layers: convolutions in and out, residual
blocks, attentions, changes of resolution, embeddings. Their order is that in which they compute.
Shares of the arithmetic are multiply-adds of convolutions, linear layers and attention, counted
operation by operation while the network computes (a product of matrices of m × k and k × n numbers
has m k n of them). What torch's own counter does not know, as norms and activations, counts
nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ..conditioning import ConditionEncoder
from ..denoiser import network_output
from ..unet import (
    Attention,
    Downsample,
    EmbeddingMLP,
    FourierEmbedding,
    ResnetBlock,
    UNet,
    Upsample,
)
from .shallow_copy import shallow_copy

QUICK = 0.5  # seconds of a pass, up to which times are the middle of three


@dataclass(frozen=True)
class Block:
    """One block of a network.

    Attributes:
        name: Its path in the module tree, as "down_blocks.0.resnets.1".
        kind: "in", "residual", "attention", "down", "up", "time", "condition", "norm" or "out".
        way: "down", "middle", "up", or "" of what has no level.
        level: 0 is the finest; that of its input for a change of resolution.
        resolution: Height and width of its output; None where that is no map.
        channels: Channels of its output, or the length of its vector.
        parameters: Number of its parameters.
        multiply_adds: In one evaluation of one picture.
        seconds: Measured in one evaluation of one picture.
    """

    name: str
    kind: str
    way: str
    level: int
    resolution: tuple[int, int] | None
    channels: int
    parameters: int
    multiply_adds: int
    seconds: float


@dataclass(frozen=True)
class NetworkMap:
    """The blocks of a network in the order in which they compute, and its skip connections.

    Attributes:
        blocks: The blocks. Their parameters add up to those of the network.
        skips: Pairs of numbers of blocks: the output of the first is also an input of the second,
            behind the channels that come from the block before it.
        resolution: Height and width of the picture.
        patch: Side of the square of pixels that the network folds into channels first; 1 is off.
    """

    blocks: tuple[Block, ...]
    skips: tuple[tuple[int, int], ...]
    resolution: tuple[int, int]
    patch: int


def kind_of(name: str, module: nn.Module) -> str | None:
    """The kind of block that a module is; None where it is none, but may hold some."""
    if isinstance(module, ResnetBlock):
        return module.resample or "residual"
    kinds: list[tuple[type[nn.Module], str]] = [
        (Attention, "attention"),
        (Downsample, "down"),
        (Upsample, "up"),
        (EmbeddingMLP, "time"),
        (FourierEmbedding, "time"),
        (ConditionEncoder, "condition"),
        (nn.GroupNorm, "norm"),
    ]
    if isinstance(module, nn.Conv2d):
        return "in" if name == "conv_in" else "out"
    return next((kind for known, kind in kinds if isinstance(module, known)), None)


def blocks_of(network: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    """(name, module, kind) of a network's blocks, in the order of its module tree."""

    def within(prefix: str, parent: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
        for own, child in parent.named_children():
            name = prefix + own
            if (kind := kind_of(name, child)) is not None:
                yield name, child, kind
            else:
                yield from within(f"{name}.", child)

    return within("", network)


class _Counting(TorchDispatchMode):
    """Counts the multiply-adds of all that this thread computes.

    Not `FlopCounterMode`, which registers hooks on all modules of all threads.
    """

    def __init__(self) -> None:
        from torch.utils.flop_counter import flop_registry  # imports Triton, for a quarter second

        super().__init__()
        aten = torch.ops.aten
        fused = flop_registry[aten._scaled_dot_product_flash_attention]
        on_a_cpu = {aten._scaled_dot_product_flash_attention_for_cpu: fused}  # torch leaves it out
        self.count, self._known = 0, flop_registry | on_a_cpu

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        known = self._known.get(getattr(function, "overloadpacket", function))
        if known is not None:
            self.count += known(*args, **(kwargs or {}), out_val=out) // 2
        return out


def network_map(network: UNet) -> NetworkMap:
    """Read a network's blocks off its module tree, and measure each in forward passes.

    It takes two evaluations of one picture, or four where one takes less than half a second. The
    network itself is not touched: the hooks are on a shallow copy.

    Args:
        network: The network, in evaluation mode, on any device.
    """
    copy = shallow_copy(network)
    device = next(network.parameters()).device
    found = {name: _Met(module, kind) for name, module, kind in blocks_of(copy)}
    order: list[str] = []
    counting = _Counting()
    clock = _clock_of(device)

    def enter(name: str) -> Callable[..., None]:
        def entered(*_: Any) -> None:
            found[name].entered, found[name].counted = clock(), counting.count

        return entered

    def leave(name: str) -> Callable[..., None]:
        def left(module: nn.Module, inputs: Any, output: Tensor) -> None:
            met = found[name]
            met.seconds.append(clock() - met.entered)
            met.multiply_adds = max(met.multiply_adds, counting.count - met.counted)
            met.shape = tuple(output.shape)
            if name not in order:
                order.append(name)

        return left

    for name, met in found.items():
        met.module.register_forward_pre_hook(enter(name))
        met.module.register_forward_hook(leave(name))
    config = network.config
    x_t = torch.zeros((1, *config.sample_shape), device=device)
    t = torch.ones(1, dtype=torch.int64, device=device)
    needs_label = config.num_classes is not None and not config.null_label
    y = torch.zeros(1, dtype=torch.int64, device=device) if needs_label else None

    def evaluate() -> float:
        began = clock()
        network_output(copy, config, x_t, t, y)
        return clock() - began

    with torch.no_grad(), counting:  # in inference mode composite operations are not taken apart
        evaluate()
    with torch.inference_mode():
        for met in found.values():
            met.seconds.clear()
        for _ in range(2 if evaluate() < QUICK else 0):
            evaluate()
    order += [name for name in found if name not in order]
    blocks = [_block(name, found[name]) for name in order]
    return NetworkMap(tuple(_levels(blocks)), _skips(blocks), config.image_size, config.patch_size)


class _Met:
    """What the passes tell of a block."""

    def __init__(self, module: nn.Module, kind: str) -> None:
        self.module, self.kind = module, kind
        self.shape: tuple[int, ...] = ()
        self.entered, self.counted, self.multiply_adds = 0.0, 0, 0
        self.seconds: list[float] = []


def _clock_of(device: torch.device) -> Callable[[], float]:
    """A clock that waits for what a device still computes."""

    def clock() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()
        return time.perf_counter()

    return clock


def _block(name: str, met: _Met) -> Block:
    first, *rest = name.split(".")
    ways = {"down_blocks": "down", "mid_block": "middle", "up_blocks": "up"}
    way = ways.get(first, "")
    times = sorted(met.seconds)
    is_map = len(met.shape) == 4
    return Block(
        name=name,
        kind=met.kind,
        way=way,
        level=int(rest[0]) if way in ("down", "up") else 0,
        resolution=(met.shape[2], met.shape[3]) if is_map else None,
        channels=met.shape[1] if len(met.shape) > 1 else 0,
        parameters=sum(p.numel() for p in met.module.parameters()),
        multiply_adds=met.multiply_adds,
        seconds=times[len(times) // 2] if times else 0.0,
    )


def _levels(blocks: list[Block]) -> list[Block]:
    """The blocks with the levels of the way up numbered as those of the way down: 0 is finest."""
    last = max((b.level for b in blocks if b.way == "down"), default=0)
    own = {"up": lambda level: last - level, "middle": lambda level: last}
    return [replace(b, level=own[b.way](b.level)) if b.way in own else b for b in blocks]


def _skips(blocks: list[Block]) -> tuple[tuple[int, int], ...]:
    """Pairs of blocks of the way down and of residual blocks of the way up.

    What is kept on the way down is the picture after the first convolution, after each residual
    block with its attention, and after each change of resolution; the way up takes the last first.
    """
    kept: list[int] = []
    for i, block in enumerate(blocks):
        if block.kind == "in":
            kept.append(i)
        elif block.way == "down" and block.kind == "attention":
            kept[-1] = i
        elif block.way == "down":
            kept.append(i)
    takers = [i for i, b in enumerate(blocks) if b.way == "up" and b.kind == "residual"]
    return tuple((kept.pop(), i) for i in takers if kept)
