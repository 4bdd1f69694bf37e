"""The picture that a tab shows for a model before anybody chose one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from diffusion_core.data import read_picture

from . import models
from .components import STATIC

PICTURES = STATIC / "pictures"
# Of what the model's data set shows, else of a kind that it has never seen.
OF_DATASET = {"avatars": "avatar.png", "fashion-mnist": "ankle-boot.png"}
OTHERWISE = "chelsea.png"


def first_picture(model: str) -> Path:
    """The file of the picture that suits a model."""
    try:
        dataset = models.get(model).config.dataset
    except ValueError:
        dataset = ""
    found = (file for name, file in OF_DATASET.items() if dataset.startswith(name))
    return PICTURES / next(found, OTHERWISE)


def suited(picture: np.ndarray | None, model: str) -> Any:
    """The file of the picture that suits another model; no update where the user's own is there."""
    shipped = (read_picture(PICTURES / file) for file in {*OF_DATASET.values(), OTHERWISE})
    if picture is not None and not any(np.array_equal(picture, each) for each in shipped):
        return gr.skip()
    return str(first_picture(model))
