"""A network that torch evaluates on a given number of threads, whatever others do.

The last bits of torch's results depend on the number of threads, which belongs to the thread that
calls it: a walk of which every step may be computed in another thread needs to say it each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..denoiser import Network, NetworkConfig
from ..device import torch_threads


class TorchNetwork:
    """A `denoiser.Network`, of any kind, on so many threads of the CPU.

    Attributes:
        module: The network itself.
        threads: The number of threads of an evaluation.
    """

    def __init__(self, module: Network, threads: int) -> None:
        """Hold the parts; nothing is computed."""
        self.module, self.threads = module, threads

    @property
    def config(self) -> NetworkConfig:
        """The network's shape."""
        return self.module.config

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor | None = None, /) -> Tensor:
        """What the network gives."""
        with torch_threads(self.threads):
            return self.module(x_t, t, y)

    def parameters(self) -> Iterator[nn.Parameter]:
        """The network's weights."""
        return self.module.parameters()

    def to(self, device: torch.device, /) -> Any:
        """Move the weights to a device, in place."""
        return self.module.to(device)
