"""Pictures that the views of the tab Systems draw from: held-out avatars, and one's own."""

from __future__ import annotations

import base64
import io

import numpy as np

from diffusion_core.data import fit_picture, read_picture, to_pil

from ..shared.components import STATIC

HELD_OUT = STATIC / "pictures" / "avatars-held-out.png"
# Of combinations that no model learnt from, in the order of that sheet.
PICTURES = (
    "Bun and sunglasses",
    "Long afro",
    "Turban and glasses",
    "Pink hair",
    "Wide eyes",
    "Pixels, red hair",
    "Pixels, purple hat",
    "Orange thumb",
)


def held_out(name: str) -> np.ndarray:
    """One of `PICTURES`, uint8 (H, W, 3).

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in PICTURES:
        raise ValueError("Choose the picture from its menu.")
    sheet = read_picture(HELD_OUT)
    side = len(sheet)
    at = PICTURES.index(name) * side
    return np.ascontiguousarray(sheet[:, at : at + side])


def fitted(picture: np.ndarray, size: int) -> np.ndarray:
    """Any picture (H, W, C) as a network takes it: square, in colour, uint8 (size, size, 3)."""
    return np.array(to_pil(fit_picture(picture, size)).convert("RGB"))


def as_png(picture: np.ndarray) -> str:
    """A picture, uint8 (H, W, C), as a file in base64."""
    buffer = io.BytesIO()
    to_pil(picture).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def of_png(text: str) -> np.ndarray:
    """The way back.

    Raises:
        ValueError: if it is no picture, in a sentence.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("its pictures must be PNG in base64.") from None
    return read_picture(data)
