"""The form of the view "GLIDE: inpainting": one table of named fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import gradio as gr
import numpy as np

from diffusion_core.data import PART_BOXES, part_of_person

from ..shared.components import component
from ..shared.forms import entry
from ..shared.hole import painter_message
from ..shared.number_input import in_range, slider
from ..shared.picture_upload import picture_input
from ..shared.seed_input import seed_input
from .glide_form import caption_field
from .pictures import PICTURES, held_out

MOST_SCALE, MOST_STEPS, MOST_REPEATS = 10, 50, 5
FIRST_PICTURE, FIRST_PART = PICTURES[2], "head"
SHAPES = {
    {"accessory": "glasses", "clothing": "clothes"}.get(part, part): part_of_person(part)
    for part in PART_BOXES
}


def opening_hole() -> str:
    """The painter's message as the page opens: a picture without its head."""
    picture = held_out(FIRST_PICTURE)
    return painter_message(picture, opened=part_of_person(FIRST_PART), shapes=SHAPES)


@dataclass(frozen=True, eq=False)
class FillingForm:
    """What the controls hold: the table of their names, defaults and controls.

    Attributes:
        caption: What the whole picture shall show, in words; "" is nothing.
        picture: One of `PICTURES`.
        own: One's own picture, uint8 (H, W, C), which goes before it; None is none.
        hole: The painter's message; see `hole.painter_message`.
        scale: Scale of guidance against the empty caption; 1 is off.
        steps: Steps of ddim with eta 1.
        repeats: How often RePaint takes each of them.
        seed: The seed of all noise, in digits.
    """

    caption: str = entry("a calm person with an afro", partial(caption_field, "Caption"))
    picture: str = entry(FIRST_PICTURE, partial(gr.Dropdown, list(PICTURES), label="Picture"))
    own: np.ndarray | None = entry(
        None,
        partial(
            picture_input,
            label="Or one's own picture",
            height=150,
            sources=["upload", "clipboard"],
            alt_text="one's own picture",
        ),
    )
    hole: str | None = entry("{}", lambda value: component("hole", opening_hole(), "filling-hole"))
    scale: float | None = entry(
        2,
        partial(slider, 1, MOST_SCALE, step=0.5, label="Guidance"),
        parse=lambda value: in_range(value, "scale", "Guidance", 1, MOST_SCALE),
    )
    steps: float | None = entry(
        20,
        partial(slider, 1, MOST_STEPS, step=1, label="Steps"),
        parse=lambda value: round(in_range(value, "steps", "Steps", 1, MOST_STEPS)),
    )
    repeats: float | None = entry(
        1,
        partial(slider, 1, MOST_REPEATS, step=1, label="Repeats of RePaint's steps"),
        parse=lambda v: round(
            in_range(v, "repeats", "Repeats of RePaint's steps", 1, MOST_REPEATS)
        ),
    )
    seed: str | int | None = entry(0, partial(seed_input, label="Seed"))
