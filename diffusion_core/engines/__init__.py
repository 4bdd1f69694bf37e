"""Engines: what evaluates a network, torch or another library, and which of them walks.

choice         which engine a walk takes
onnx_network   a UNet that ONNX Runtime evaluates, as a `denoiser.Network`
torch_network  a network that torch evaluates on a given number of threads
onnx_graph     a UNet as an ONNX graph, built from its module tree
onnx_export    a checkpoint as an ONNX file, with a card of its inputs and outputs
browser_graph  the graph as a visitor's browser gets it
cuda_graph     a network on a CUDA device, its evaluations replays of CUDA graphs
"""

from __future__ import annotations

from .browser_graph import browser_graph
from .choice import (
    CUDA_GRAPHS,
    ENGINES,
    ONNXRUNTIME,
    TORCH,
    VARIABLE,
    check_engine,
    on_engine,
    on_threads,
)
from .cuda_graph import CudaGraphNetwork
from .onnx_export import export_onnx
from .onnx_graph import onnx_graph
from .onnx_network import OnnxNetwork
from .torch_network import TorchNetwork

__all__ = [
    "CUDA_GRAPHS",
    "ENGINES",
    "ONNXRUNTIME",
    "TORCH",
    "VARIABLE",
    "CudaGraphNetwork",
    "OnnxNetwork",
    "TorchNetwork",
    "browser_graph",
    "check_engine",
    "export_onnx",
    "on_engine",
    "on_threads",
    "onnx_graph",
]
