"""Engines: other ways to evaluate a network than torch.

onnx_graph     a UNet as an ONNX graph, built from its module tree
onnx_export    a checkpoint as an ONNX file, with a card of its inputs and outputs
browser_graph  the graph as a visitor's browser gets it
"""

from __future__ import annotations

from .browser_graph import browser_graph
from .onnx_export import export_onnx
from .onnx_graph import onnx_graph

__all__ = ["browser_graph", "export_onnx", "onnx_graph"]
