"""The pictures that the Noise tab offers, and the one that it opens with."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np

from diffusion_core.data import RawPicture, read_picture

from ..shared import models
from ..shared.components import STATIC

PICTURES = STATIC / "pictures"
SHIPPED = {
    "Avatar": "avatar.png",
    "Cat": "chelsea.png",
    "Astronaut": "astronaut.png",
    "Boot": "ankle-boot.png",
    "Bag": "bag.png",
}
# What a model's data set is seen best by: the picture, and the size that the data set has.
OPENING = {"avatars": ("Avatar", 64), "fashion-mnist": ("Boot", 28)}
OWN = "picture"  # the name of one's own, in the names of files


def opening_picture() -> tuple[str, int]:
    """(name in `SHIPPED`, size): what suits the model that the page opens with."""
    try:
        dataset = models.get(models.first()).config.dataset
    except ValueError:  # no model, or one that cannot be read
        dataset = ""
    for name, opening in OPENING.items():
        if str(dataset or "").startswith(name):
            return opening
    return "Cat", 128


def name_of(picture: np.ndarray | RawPicture | None) -> str:
    """The name of a picture in the names of files: that of a shipped one, else `OWN`."""
    file = file_of(picture)
    return next((name.lower() for name, of in SHIPPED.items() if of == file), OWN)


def file_of(picture: np.ndarray | RawPicture | None) -> str:
    """The file in `PICTURES` of a shipped picture; "" of any other."""
    return _files().get(_digest(picture), "") if isinstance(picture, np.ndarray) else ""


@cache
def _files() -> dict[str, str]:
    return {_digest(read_picture(PICTURES / file)): file for file in SHIPPED.values()}


def _digest(picture: np.ndarray) -> str:
    return hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).hexdigest()
