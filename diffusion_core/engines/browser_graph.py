"""A network as a visitor's browser gets it: its ONNX graph, as small as it can be to the bit."""

from __future__ import annotations

import torch

from ..unet import UNet, prediction_alone
from .onnx_graph import onnx_graph


def half_is_exact(unet: UNet) -> bool:
    """Whether half precision holds every weight exactly, as of a checkpoint stored in it."""
    weights = (p for p in unet.state_dict().values() if p.is_floating_point())
    return all(torch.equal(p, p.half().to(p.dtype)) for p in weights)


def browser_graph(unet: UNet) -> bytes:
    """The serialised graph; its weights are in half precision where that changes nothing.

    A learned variance is left out: a browser walks by tables, in which no network weighs the noise.
    """
    unet = prediction_alone(unet)
    return onnx_graph(unet, half=half_is_exact(unet)).SerializeToString()
