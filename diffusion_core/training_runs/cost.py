"""What a training takes on this machine, known before it begins: seconds a step, and memory."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..device import MEASURING, PATIENCE, fastest_precision
from ..unet import UNet, UNetConfig

MEASURED = 2**16  # pixels of a batch, at patches of one pixel, that a measurement may take
FEW = 16  # pictures of a batch that a measurement takes at most
LATEST, NETWORKS = 8, 256  # measures of a step that are kept, and networks whose are
OLD = 300.0  # seconds after which a step is measured anew
_Asked = tuple[UNetConfig, int, str, str]


@dataclass
class _Took:
    """The latest measures of a step, and when it was last measured, on the monotonic clock."""

    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=LATEST))
    measured: float = -math.inf


_TOOK: OrderedDict[_Asked, _Took] = OrderedDict()
_LOCK = threading.Lock()


def step_seconds(config: UNetConfig, batch_size: int, precision: str, device: str) -> float:
    """Seconds of one training step, measured: forward, backward and AdamW, on pictures of noise.

    The quickest of up to four, fewer where they are slow. Measures are remembered, and the quickest
    of the latest counts, since what else the machine does only makes them longer; a trained step
    is one too (`note_step_seconds`). Only some of the batch are computed, and the rest is counted.

    Args:
        config: The shape of the network.
        batch_size: Images a step.
        precision: "bf16", "fp32", or "auto" for the faster.
        device: The device, by the name that torch gives it.
    """
    asked = (config, _few(config, batch_size), precision, device)
    with MEASURING:
        took = _TOOK.get(asked)
        if took is None or time.monotonic() - took.measured > OLD:
            _note(asked, _step_seconds(*asked), measured=time.monotonic())
    known = known_step_seconds(config, batch_size, precision, device)
    assert known is not None
    return known


def note_step_seconds(
    config: UNetConfig, batch_size: int, precision: str, device: str, seconds: float
) -> None:
    """Add what a step of a real training took to the measures of `step_seconds`.

    Args:
        config: The shape of the network.
        batch_size: Images a step.
        precision: As it was asked for: "bf16", "fp32" or "auto".
        device: The device, by the name that torch gives it.
        seconds: Seconds of the step; what is not above 0 is not kept.
    """
    few = _few(config, batch_size)
    if 0 < seconds < math.inf:
        _note((config, few, precision, device), seconds * few / batch_size)


def _note(asked: _Asked, seconds: float, measured: float = -math.inf) -> None:
    with _LOCK:
        took = _TOOK.setdefault(asked, _Took())
        took.seconds.append(seconds)
        took.measured = max(took.measured, measured)
        _TOOK.move_to_end(asked)
        while len(_TOOK) > NETWORKS:
            _TOOK.popitem(last=False)


def known_step_seconds(
    config: UNetConfig, batch_size: int, precision: str, device: str
) -> float | None:
    """The result of `step_seconds` where it was measured before; None where it was not."""
    few = _few(config, batch_size)
    with _LOCK:
        took = _TOOK.get((config, few, precision, device))
        return None if took is None else min(took.seconds) * batch_size / few


def _few(config: UNetConfig, batch_size: int) -> int:
    """The number of pictures of a batch that are measured."""
    H, W = config.image_size
    return max(1, min(batch_size, FEW, MEASURED * config.patch_size**2 // (H * W)))


def _step_seconds(config: UNetConfig, count: int, precision: str, device: str) -> float:
    where = torch.device(device)
    if precision == "auto":
        precision = fastest_precision(where)
    unet = UNet(config).to(where)
    optimizer = torch.optim.AdamW(unet.parameters(), fused=where.type != "mps")
    H, W = config.image_size
    x = torch.randn(count, config.in_channels, H, W, device=where)
    t = torch.zeros(count, dtype=torch.int64, device=where)
    took: list[float] = []
    for _ in range(4):
        start = time.perf_counter()
        with torch.autocast(where.type, torch.bfloat16, enabled=precision == "bf16"):
            loss = (unet(x, t, t if config.num_classes else None).float() - x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # waits for the device
        took.append(time.perf_counter() - start)
        if sum(took) > PATIENCE:
            break
    return min(took)  # what else runs only ever makes it longer


# Bytes of a process that trains, before its first step: Python, torch, what an optimiser imports.
# Measured with torch 2.14: 0.75 GB resident, 0.9 GB of what RLIMIT_DATA counts.
PROCESS_BYTES = 750 * 10**6
# With samples, saves and the momentary, the peak of a training was 1.7 times what a step keeps.
AT_MOST = 1.7


def memory_of_process(step: int) -> int:
    """Bytes that a training's process takes at its peak, about.

    Args:
        step: Bytes that a step takes, of `memory_of_training`.
    """
    return PROCESS_BYTES + int(AT_MOST * step)


def memory_of_training(unet: UNet, batch_size: int) -> int:
    """Bytes that a training step takes, about.

    Weights, gradients, AdamW's two moments and the average are five times the weights; what is
    kept for the backward pass is measured on one image and counted for the batch.

    Args:
        unet: The network, on the CPU.
        batch_size: Images a step.
    """
    weights = sum(p.numel() * p.element_size() for p in unet.parameters())
    kept: dict[int, Tensor] = {}

    def note(tensor: Tensor) -> Tensor:
        # Held until all are counted, so that no two have one address, but without what it was
        # computed by: a node of the graph that saves its own output is never freed, and with it
        # neither are the network's weights.
        kept[tensor.data_ptr()] = tensor.detach()
        return kept[tensor.data_ptr()]

    config = unet.config
    x = torch.zeros(1, config.in_channels, *config.image_size)
    y = torch.zeros(1, dtype=torch.int64) if config.num_classes else None
    with MEASURING, torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        unet(x, torch.zeros(1, dtype=torch.int64), y).sum()
    own = {p.data_ptr() for p in unet.parameters()}
    activations = sum(t.numel() * t.element_size() for at, t in kept.items() if at not in own)
    return 5 * weights + batch_size * activations
