"""Engines: other ways to evaluate a network than torch.

onnx_graph   a UNet as an ONNX graph, built from its module tree
onnx_export  a checkpoint as an ONNX file, with a card of its inputs and outputs
"""

from __future__ import annotations

from .onnx_export import export_onnx
from .onnx_graph import onnx_graph

__all__ = ["export_onnx", "onnx_graph"]
