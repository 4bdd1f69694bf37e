"""The painter of a hole: a picture at the model's own pixels, and what a person painted over."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

import numpy as np
import torch

from .wire import HoleMessage, as_base64


def painter_message(
    picture: np.ndarray,
    before: str | None = "{}",
    *,
    opened: np.ndarray | None = None,
    shapes: Mapping[str, np.ndarray] | None = None,
) -> str:
    """For the painter: a picture to paint a hole into.

    Args:
        picture: uint8 (H, W, C), as the model sees it.
        before: The painter's present message; its hole stays where the picture is the same.
        opened: What is open where nothing was painted before, uint8 (H, W), 1 is made anew.
        shapes: Holes that are offered by their names, as `opened`; None are the painter's own.
    """
    H, W, C = picture.shape
    values: HoleMessage = {"width": W, "height": H, "channels": C, "px": as_base64(picture)}
    if shapes is not None:
        values["shapes"] = [{"name": k, "mask": as_base64(v)} for k, v in shapes.items()]
    kept = dict(values)
    if opened is not None:
        values["mask"] = as_base64(opened.astype(np.uint8))
    try:
        known = json.loads(before or "{}")
        if "mask" in known and all(known[k] == value for k, value in kept.items()):
            values["mask"] = known["mask"]
    except (ValueError, TypeError, KeyError):
        pass  # the painter is empty
    return json.dumps(values)


def mask_of(hole: str | None, size: tuple[int, int], where: str) -> torch.Tensor:
    """The painted hole as a mask (1, 1, H, W): 1 keeps, 0 is to be filled.

    Args:
        hole: The painter's message.
        size: (H, W) of the model's pictures.
        where: What to do where nothing is painted, for the sentence: "in the view Hole, then press
            Denoise".

    Raises:
        ValueError: if nothing is painted, or it was painted for another size.
    """
    H, W = size
    try:
        values = json.loads(hole or "{}")
        opened = np.frombuffer(base64.b64decode(values.get("mask") or ""), np.uint8)
    except (ValueError, AttributeError, TypeError, binascii.Error):
        opened = np.zeros(0, np.uint8)
    if not opened.any():
        raise ValueError(f"Paint over the part that is to be filled, {where}.")
    if opened.size != H * W:
        raise ValueError("The hole was painted for a model of another size; paint it again.")
    return 1 - torch.from_numpy((opened > 0).astype(np.float32)).reshape(1, 1, H, W)
