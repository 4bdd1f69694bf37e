"""The device that computes: which one, how fast it is, and in which precision it is fastest."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from .denoiser import Network

PATIENCE = 4.0  # seconds of measuring after which no second forward pass is begun
ENOUGH, MOST_PASSES = 0.1, 8  # seconds of measuring that do, and forward passes that do
MEASURING = threading.Lock()  # two measurements at once would each find the machine slow


def best_device() -> torch.device:
    """The device to compute on: CUDA where there is one, else MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Have torch take so many threads of the CPU for what this thread computes meanwhile.

    The setting belongs to the thread that sets it, and takes less than a microsecond.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def evaluation_seconds(network: Network, samples: int = 1) -> float:
    """Seconds of one forward pass with so many samples, on the device that the network is on.

    The quickest of several is taken, since the first one also prepares the kernels, and others may
    be using the machine: two, more where they are quick, and one where the first was very slow.
    """
    where, config = next(network.parameters()).device, network.config
    x = torch.zeros(samples, *config.sample_shape, device=where)
    t = torch.zeros(samples, dtype=torch.int64, device=where)
    # What a label is differs between kinds of network; that there is none is None in all of them.
    y = t if config.num_classes and not config.null_label else None
    took: list[float] = []
    with MEASURING:
        while len(took) < MOST_PASSES and sum(took) < (PATIENCE if len(took) < 2 else ENOUGH):
            start = time.perf_counter()
            network(x, t, y).sum().item()  # waits for the device
            took.append(time.perf_counter() - start)
    return min(took)


def fastest_precision(device: torch.device) -> str:
    """The faster of "fp32" and "bf16": on a CPU by timing a convolution and its gradient.

    GPUs without bf16, as a T4, emulate it more slowly than they compute in fp32.
    """
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type != "cpu":
        return "fp32"
    took: dict[str, float] = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        try:
            x = torch.ones(32, 64, 16, 16, device=device, dtype=dtype)
            conv = nn.Conv2d(64, 64, 3, padding=1, device=device, dtype=dtype)
            for repeat in range(4):
                if repeat == 1:
                    start = time.perf_counter()  # the first round warms up
                conv(x).sum().backward()
            took[name] = float(conv.weight.grad.sum().isnan()) + time.perf_counter() - start  # type: ignore[union-attr]
        except RuntimeError:
            took[name] = math.inf
    return min(took, key=lambda name: took[name])
