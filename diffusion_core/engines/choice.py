"""Which engine evaluates the network of a walk: torch, ONNX Runtime on a CPU, or CUDA graphs.

Torch is the reference, and the only one for training, gradients, hooks and GPUs without CUDA. On a
CPU a walk takes ONNX Runtime unless it is told otherwise: in no size of network and batch that was
measured is it slower (`python -m bench engines`). On CUDA it takes torch's own kernels, launched as
one graph. The rule asks for no time of this machine, since walks of the page, the endpoints and the
command line are to give the same pictures, to the bit.

A walk has one engine from its first step to its last, that of its `Checkpoint`, and its run card
names it.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
from functools import lru_cache
from weakref import WeakKeyDictionary

from ..checkpoint import Checkpoint
from ..unet import UNet
from .cuda_graph import CudaGraphNetwork
from .onnx_network import OnnxNetwork, load_onnxruntime
from .torch_network import TorchNetwork

TORCH, ONNXRUNTIME, CUDA_GRAPHS = "torch", "onnxruntime", CudaGraphNetwork.engine
ENGINES = (TORCH, ONNXRUNTIME, CUDA_GRAPHS)
OF_DEVICE = {"cpu": ONNXRUNTIME, "cuda": CUDA_GRAPHS}  # of new walks; on others it is torch
VARIABLE = "PLAYGROUND_ENGINE"

_LOCK = threading.Lock()
# The same with another engine, or None where that cannot be. A session or the graphs go with their
# checkpoint, as when the page lets go of a model.
_BUILT: dict[str, WeakKeyDictionary[Checkpoint, Checkpoint | None]] = {
    ONNXRUNTIME: WeakKeyDictionary(),
    CUDA_GRAPHS: WeakKeyDictionary(),
}


def check_engine(name: str, of: str = "engine") -> str:
    """The name of an engine as it is.

    Args:
        name: What was asked for.
        of: What asked, for the sentence.

    Raises:
        ValueError: if there is no such engine.
    """
    if name not in ENGINES:
        raise ValueError(
            f"The {of} must be {', '.join(ENGINES[:-1])} or {ENGINES[-1]}, not {name!r}."
        )
    return name


def on_engine(checkpoint: Checkpoint, engine: str | None = None) -> Checkpoint:
    """The checkpoint with the engine that is to evaluate its network.

    The session of ONNX Runtime is built once a checkpoint object, in about a third of a second, and
    holds a copy of the weights. Where it cannot be built, since the library is not there or does
    not take the network, walks go on by torch, and the log says so in a sentence. So do networks
    that are not UNets, those with Fourier features, which have no session, and CUDA graphs of a
    network that is not on CUDA.

    Args:
        checkpoint: The model, with any engine.
        engine: One of `ENGINES`, whatever the device; None is the variable PLAYGROUND_ENGINE, else
            ONNX Runtime for a network on the CPU, CUDA graphs on CUDA, and torch elsewhere.

    Returns:
        The checkpoint itself where it has that engine already.

    Raises:
        ValueError: if there is no such engine.
    """
    device = checkpoint.device.type
    if engine is None:
        here = OF_DEVICE.get(device, TORCH)
        engine = check_engine(os.environ.get(VARIABLE) or here, f"variable {VARIABLE}")
    if check_engine(engine) == checkpoint.engine:
        return checkpoint
    network = checkpoint.network
    if isinstance(network, OnnxNetwork | CudaGraphNetwork | TorchNetwork):
        plain = dataclasses.replace(checkpoint, network=network.module)
        return plain if engine == TORCH else on_engine(plain, engine)
    if not isinstance(network, UNet) or not runs_on(engine, network, device):
        return checkpoint
    with _LOCK:
        built = _BUILT[engine]
        if checkpoint not in built:
            built[checkpoint] = _built(checkpoint, network, engine)
        return built[checkpoint] or checkpoint


def runs_on(engine: str, network: UNet, device: str) -> bool:
    """Whether an engine can evaluate a network that lies on such a device.

    Args:
        engine: ONNX Runtime, which takes a copy to the CPU, or CUDA graphs.
        network: The network.
        device: The type of its device, as "cpu".
    """
    if engine == CUDA_GRAPHS:
        return device == "cuda"
    return network.config.time_embedding != "fourier"


def on_threads(checkpoint: Checkpoint, threads: int) -> Checkpoint:
    """The checkpoint by torch on so many threads of the CPU, on which the last bits depend.

    Args:
        checkpoint: The model, with any engine; on a GPU it stays as it is.
        threads: At least 1.
    """
    checkpoint = on_engine(checkpoint, TORCH)
    network = checkpoint.network
    if checkpoint.device.type != "cpu" or getattr(network, "threads", None) == threads:
        return checkpoint
    module = network.module if isinstance(network, TorchNetwork) else network
    return dataclasses.replace(checkpoint, network=TorchNetwork(module, threads))


def _built(checkpoint: Checkpoint, unet: UNet, engine: str) -> Checkpoint | None:
    if engine == CUDA_GRAPHS:
        return dataclasses.replace(checkpoint, network=CudaGraphNetwork(unet))
    if not _importable():
        return None
    try:
        return dataclasses.replace(checkpoint, network=OnnxNetwork(unet))
    except Exception as error:  # ONNX Runtime's own have no class in common
        logging.warning(
            "%s is walked by torch, since ONNX Runtime did not take its network: %s",
            checkpoint.name,
            " ".join(str(error).split())[:300],
        )
        return None


@lru_cache(maxsize=1)
def _importable() -> bool:
    try:
        load_onnxruntime()
    except ImportError as error:
        logging.warning(
            "Walks are computed by torch, which takes about three times as long, for ONNX Runtime "
            "cannot be loaded (%s); pip install onnxruntime installs it.",
            error,
        )
        return False
    return True
