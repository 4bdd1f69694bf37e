"""Engines: other ways to evaluate a network than torch.

onnx_graph   a UNet as an ONNX graph, built from its module tree
onnx_export  a checkpoint as an ONNX file, with a card of its inputs and outputs
cuda_graph   a network on a CUDA device, its evaluations replays of CUDA graphs
"""

from __future__ import annotations

from .cuda_graph import CudaGraphNetwork
from .onnx_export import export_onnx
from .onnx_graph import onnx_graph

__all__ = ["CudaGraphNetwork", "export_onnx", "onnx_graph"]
