"""The Noise tab's form: one table of named fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import gradio as gr
import numpy as np

from diffusion_core.data import AUTOMATIC, CROPS, RawPicture
from diffusion_core.schedule import SCHEDULES

from ..shared.forms import entry
from ..shared.picture_and_noise import SIZES
from ..shared.picture_upload import picture_input
from ..shared.seed_input import seed_input
from ..shared.value_range import value_range_menu


@dataclass(frozen=True, eq=False)
class NoiseForm:
    """What the tab's controls hold: the table of their names, defaults and controls.

    The values are checked where picture and noise are made of them, by `picture_and_noise` and
    `make_schedule`.

    Attributes:
        picture: The picture to be noised, uint8, (H, W, C), or with more than 8 bits a value; None
            where there is none.
        size: Side, in pixels, of the square that the picture is fitted to.
        crop: The way to a square; see `fit_picture`.
        value_range: Of more than 8 bits a value, which are black and white: a key of `RANGES`, or
            the value that is white.
        seed: The seed of the noise, in digits; empty where the control is.
        schedule: The name of the noise schedule.
    """

    picture: np.ndarray | RawPicture | None = entry(
        None,
        partial(  # its control takes the path of a file
            picture_input,
            raw=True,
            label="Picture",
            height=170,
            buttons=["fullscreen"],
            sources=["upload", "clipboard", "webcam"],
            alt_text="the picture to be noised",
        ),
    )
    size: int = entry(
        128,
        partial(
            gr.Radio,
            [(str(s), s) for s in SIZES],
            label="Size in pixels",
            elem_classes=["in-a-row"],
        ),
    )
    crop: str = entry(CROPS[0], partial(gr.Dropdown, list(CROPS), label="Crop to a square"))
    seed: str | int | None = entry(0, partial(seed_input, label="Seed"))
    schedule: str = entry("linear", partial(gr.Dropdown, list(SCHEDULES), label="Schedule"))
    value_range: str = entry(
        AUTOMATIC,
        partial(
            value_range_menu,
            info="of 16-bit and float pictures: which values are black and white; or type white's",
        ),
    )
