"""A UNet that ONNX Runtime evaluates on the CPU, in the place of the module itself.

An evaluation of the networks that ship takes a third to a half of torch's time on one thread, and
its output differs from torch's by some units of the seventh digit. It does not depend on the number
of threads, to the bit (`tests/test_engines.py`), so that several walks may share the cores as they
come: each is computed in its caller's thread, and the session's own threads help where they are
free. They do not spin while they wait, which would take the cores from other walks.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..unet import UNet, UNetConfig
from .onnx_graph import onnx_graph

ERRORS_ALONE = 3  # of the severities of ONNX Runtime's log


def load_onnxruntime() -> ModuleType:
    """ONNX Runtime, which takes a tenth of a second to load, and is not there for some machines.

    From 1.32 on its packages report to Microsoft how they are used, from the moment they are
    loaded: they write an identity of the device and a database of reports to the user's cache, and
    send them. So it is told not to before it is loaded, unless the variable is set already.

    Raises:
        ImportError: if it is not installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return cast(ModuleType, onnxruntime)


class OnnxNetwork:
    """A `denoiser.Network` on the CPU, with the weights of a UNet at the time when it was made.

    It has no gradients. Any number of threads may call it at the same time.

    Attributes:
        engine: The name of what evaluates it.
        module: The UNet, for whoever needs its parts; on the CPU.
        threads: The number of threads of an evaluation, its caller's among them.
        version: The version of ONNX Runtime.
    """

    engine = "onnxruntime"

    def __init__(self, unet: UNet) -> None:
        """Build the graph and the session, in a third of a second for the models that ship.

        Args:
            unet: The network, on any device, with positional timesteps.

        Raises:
            ImportError: if ONNX Runtime is not installed.
            Exception: if the network is too large for a graph, or ONNX Runtime refuses it; its
                errors have no class in common.
        """
        onnxruntime = load_onnxruntime()
        if next(unet.parameters()).device.type != "cpu":
            unet = copy.deepcopy(unet).cpu()
        self.module, self.threads = unet, torch.get_num_threads()
        self.version = str(onnxruntime.__version__)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # An arena would keep the memory of the largest batch for ever, and is not faster.
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        options.log_severity_level = ERRORS_ALONE
        self._session = onnxruntime.InferenceSession(
            onnx_graph(unet).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    @property
    def config(self) -> UNetConfig:
        """The network's shape."""
        return self.module.config

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor | None = None, /) -> Tensor:
        """What `UNet.forward` gives, up to the order of sums; samples of another size are its own.

        Args:
            x_t: Noisy images, float32, (B, C, H, W).
            t: Timesteps, int64, (B,).
            y: The condition; see `UNet.forward`.

        Raises:
            ValueError: if the condition does not fit.
        """
        if tuple(x_t.shape[1:]) != self.config.sample_shape or t.shape != x_t.shape[:1]:
            return self.module(x_t, t, y)
        inputs: dict[str, Any] = {"x_t": x_t.detach().numpy(), "t": t.numpy()}
        if self.config.num_classes is not None:
            inputs["y"] = self.module.class_embedding.written_out(y, len(t)).numpy()
        elif y is not None:
            return self.module(x_t, t, y)  # which says that it takes no label
        (output,) = self._session.run(["output"], inputs)
        return torch.from_numpy(output)

    def parameters(self) -> Iterator[nn.Parameter]:
        """The weights, as the UNet holds them."""
        return self.module.parameters()

    def to(self, device: torch.device, /) -> OnnxNetwork:
        """Stay on the CPU, where alone it computes.

        Raises:
            ValueError: if it is another device.
        """
        if torch.device(device).type != "cpu":
            raise ValueError("ONNX Runtime walks on the CPU; choose torch for another device.")
        return self
