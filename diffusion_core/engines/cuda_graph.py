"""A network on a CUDA device whose evaluations are replays of CUDA graphs.

A network of this size is a few hundred kernels, each of which takes the GPU less time than Python
takes to launch it: an evaluation then takes as long for 1 image as for 64. A CUDA graph is the row
of launches, recorded once for a shape and launched as one (`torch.cuda.graph`). The kernels are the
same, so are the numbers but for the order of sums.

A graph reads and writes at fixed addresses. Hence inputs are copied into its own tensors, and its
output is copied out before anybody else may replay it. All evaluations of a shape are replays, the
first one too, so that a walk that is repeated or branched off is computed in the same way.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..denoiser import Network, NetworkConfig

MOST_GRAPHS = 8  # shapes of a network that are kept; each holds the feature maps of an evaluation
WARM_UPS = 3  # evaluations before the recording, in which libraries choose kernels and get memory

Evaluation = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def captured(network: Network, x_t: Tensor, t: Tensor, y: Tensor | None) -> Evaluation:
    """A CUDA graph of the network's evaluation at inputs of these shapes.

    Args:
        network: The network, on x_t's device, in evaluation mode.
        x_t: Noisy samples, (B, ...), on a CUDA device.
        t: Timesteps, (B,).
        y: Conditions, or None.

    Returns:
        What evaluates inputs of the same shapes and types. It may be called by one thread at a
        time, on the stream on which this was called.

    Raises:
        RuntimeError: where the evaluation cannot be recorded.
    """
    x_t, t, y = x_t.clone(), t.clone(), None if y is None else y.clone()
    stream = torch.cuda.current_stream(x_t.device)
    beside = torch.cuda.Stream(x_t.device)
    beside.wait_stream(stream)
    with torch.cuda.stream(beside):
        for _ in range(WARM_UPS):
            network(x_t, t, y)
    stream.wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    # "thread_local": what other threads do with the device meanwhile is no error of this recording.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        output = network(x_t, t, y)

    def evaluate(new_x_t: Tensor, new_t: Tensor, new_y: Tensor | None) -> Tensor:
        x_t.copy_(new_x_t)
        t.copy_(new_t)
        if y is not None and new_y is not None:
            y.copy_(new_y)
        graph.replay()
        return output.clone()

    return evaluate


class CudaGraphNetwork:
    """A `denoiser.Network` that replays a CUDA graph for each shape of its inputs.

    Where there is no graph to replay it evaluates the network itself: off CUDA, with gradients,
    under autocast, in training mode, and for good at a shape that could not be recorded.

    Attributes:
        engine: The name of what evaluates it.
        module: The network itself.
        version: The version of CUDA that torch was built with; "none" without.
    """

    engine = "cuda-graphs"
    version = str(torch.version.cuda).lower()

    def __init__(
        self,
        module: Network,
        *,
        capture: Callable[..., Evaluation] = captured,
        device_type: str = "cuda",
    ) -> None:
        """Hold the parts; nothing is computed.

        Args:
            module: The network. Its weights may change in place, but not move.
            capture: As `captured`; another one in tests.
            device_type: The type of the devices on which there are graphs; likewise.
        """
        self.module, self._capture, self._device_type = module, capture, device_type
        # None: the shape could not be recorded. It holds an evaluation otherwise.
        self._graphs: OrderedDict[tuple[Any, ...], Evaluation | None] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def config(self) -> NetworkConfig:
        """The network's shape."""
        return self.module.config

    def parameters(self) -> Iterator[nn.Parameter]:
        """The network's weights."""
        return self.module.parameters()

    def to(self, device: torch.device, /) -> CudaGraphNetwork:
        """Move the weights to a device, in place; the graphs, which know addresses, are let go."""
        with self._lock:
            self._graphs.clear()
            self.module.to(device)
        return self

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor | None = None, /) -> Tensor:
        """What the network gives at x_t (B, ...), t (B,) and y."""
        if not self._fits(x_t, t, y):
            return self.module(x_t, t, y)
        stream = torch.cuda.current_stream(x_t.device).cuda_stream if x_t.is_cuda else 0
        key = (x_t.device, stream, *((v.shape, v.dtype) for v in (x_t, t, y) if v is not None))
        with self._lock:
            if key not in self._graphs:
                self._graphs[key] = self._recorded(x_t, t, y)
            self._graphs.move_to_end(key)
            while len(self._graphs) > MOST_GRAPHS:
                self._graphs.popitem(last=False)
            evaluate = self._graphs[key]
            # Under the lock until the copies are in the stream's queue, where they are in order.
            return self.module(x_t, t, y) if evaluate is None else evaluate(x_t, t, y)

    def _fits(self, x_t: Tensor, t: Tensor, y: Tensor | None) -> bool:
        inputs = [v for v in (x_t, t, y) if v is not None]
        return (
            x_t.device.type == self._device_type
            and all(v.device == x_t.device for v in inputs)
            and not torch.is_grad_enabled()
            and not torch.is_autocast_enabled(x_t.device.type)
            and not getattr(self.module, "training", False)
        )

    def _recorded(self, x_t: Tensor, t: Tensor, y: Tensor | None) -> Evaluation | None:
        try:
            return self._capture(self.module, x_t, t, y)
        except RuntimeError as error:  # out of memory is one too
            logging.warning(
                "Evaluations of %s are launched one by one, since they could not be recorded as a "
                "CUDA graph: %s",
                " × ".join(map(str, x_t.shape)),
                " ".join(str(error).split())[:300],
            )
            return None
