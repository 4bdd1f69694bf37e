"""The form of the view "Imagen": one table of named fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import gradio as gr
import numpy as np

from diffusion_core.denoiser import THRESHOLDS
from diffusion_core.samplers import SAMPLERS

from ..shared.forms import entry
from ..shared.number_input import in_range, slider
from ..shared.picture_upload import picture_input
from ..shared.seed_input import seed_input
from .glide_form import EXAMPLES, caption_field
from .pictures import PICTURES

MOST_SCALE, MOST_STEPS = 15, 50
WORDS, PICTURE, LEVELS, CLIPPING = "words", "picture", "levels", "thresholds"
TASKS = {
    WORDS: "Words to a large picture",
    PICTURE: "A picture of one's own, larger",
    LEVELS: "Level of augmentation",
    CLIPPING: "Static and dynamic thresholding",
}
SOURCES = {WORDS: "From the words", PICTURE: "A picture"}


@dataclass(frozen=True, eq=False)
class ImagenForm:
    """What the controls hold: the table of their names, defaults and controls.

    Attributes:
        task: The experiment: a key of `TASKS`.
        source: Where the small picture of `LEVELS` comes from: a key of `SOURCES`.
        caption: What is drawn, in words; "" is anything.
        picture: One of `PICTURES`, which is shrunk.
        own: One's own picture, uint8 (H, W, C), which goes before it; None is none.
        about: What the picture shows, in words; "" says nothing.
        scale: Scale of the first walk's guidance; 1 is off.
        large_scale: Scale of the second walk's guidance; 1 is off.
        augmentation: Level of the noise in the small picture.
        threshold: How estimates are brought into range, in both walks.
        steps: Of each walk.
        sampler: Of both walks.
        seed: The seed of all noise, in digits.
    """

    task: str = entry(
        WORDS,
        partial(gr.Dropdown, [(words, name) for name, words in TASKS.items()], label="Experiment"),
    )
    source: str = entry(
        WORDS,
        partial(
            gr.Radio,
            [(words, name) for name, words in SOURCES.items()],
            label="Small picture",
            elem_classes=["in-a-row"],
        ),
    )
    caption: str = entry(EXAMPLES["Afro"], partial(caption_field, "Caption"))
    picture: str = entry(PICTURES[1], partial(gr.Dropdown, list(PICTURES), label="Picture"))
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
    about: str = entry("", partial(caption_field, "What it shows, if it shall be told"))
    scale: float | None = entry(
        2,
        partial(slider, 1, MOST_SCALE, step=0.5, label="Guidance"),
        parse=lambda value: in_range(value, "scale", "Guidance", 1, MOST_SCALE),
    )
    large_scale: float | None = entry(
        1,
        partial(slider, 1, MOST_SCALE, step=0.5, label="Guidance of the second walk"),
        parse=lambda v: in_range(v, "large_scale", "Guidance of the second walk", 1, MOST_SCALE),
    )
    augmentation: float | None = entry(
        0.1,
        partial(slider, 0, 1, step=0.05, label="Level of augmentation"),
        parse=lambda value: in_range(value, "augmentation", "Level of augmentation", 0, 1),
    )
    threshold: str = entry(
        THRESHOLDS[0],
        partial(
            gr.Radio,
            [(name.capitalize(), name) for name in THRESHOLDS],
            label="Threshold",
            elem_classes=["in-a-row"],
        ),
    )
    steps: float | None = entry(
        10,
        partial(slider, 1, MOST_STEPS, step=1, label="Steps"),
        parse=lambda value: round(in_range(value, "steps", "Steps", 1, MOST_STEPS)),
    )
    sampler: str = entry("dpmpp_2m", partial(gr.Dropdown, list(SAMPLERS), label="Sampler"))
    seed: str | int | None = entry(0, partial(seed_input, label="Seed"))
