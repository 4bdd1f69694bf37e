"""What a training takes on this machine, known before it begins: seconds a step, and memory."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from ..device import MEASURING, PATIENCE, fastest_precision
from ..unet import UNet, UNetConfig

MEASURED = 2**16  # pixels of a batch, at patches of one pixel, that a measurement may take
FEW = 16  # pictures of a batch that a measurement takes at most
_TOOK: dict[tuple[UNetConfig, int, str, str], float] = {}


def step_seconds(config: UNetConfig, batch_size: int, precision: str, device: str) -> float:
    """Seconds of one training step, measured: forward, backward and AdamW, on pictures of noise.

    The quickest of up to four, fewer where they are slow; remembered. Only some of the batch are
    computed, and the rest is counted.

    Args:
        config: The shape of the network.
        batch_size: Images a step.
        precision: "bf16", "fp32", or "auto" for the faster.
        device: The device, by the name that torch gives it.
    """
    asked = (config, _few(config, batch_size), precision, device)
    with MEASURING:
        if asked not in _TOOK:
            _TOOK[asked] = _step_seconds(*asked)
        return _TOOK[asked] * batch_size / asked[1]


def known_step_seconds(
    config: UNetConfig, batch_size: int, precision: str, device: str
) -> float | None:
    """The result of `step_seconds` where it was measured before; None where it was not."""
    few = _few(config, batch_size)
    took = _TOOK.get((config, few, precision, device))
    return None if took is None else took * batch_size / few


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
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    config = unet.config
    x = torch.zeros(1, config.in_channels, *config.image_size)
    y = torch.zeros(1, dtype=torch.int64) if config.num_classes else None
    with MEASURING, torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        unet(x, torch.zeros(1, dtype=torch.int64), y).sum()
    own = {p.data_ptr() for p in unet.parameters()}
    activations = sum(size for pointer, size in kept.items() if pointer not in own)
    return 5 * weights + batch_size * activations
