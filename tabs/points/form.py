"""The Points tab's form: one table of named fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import gradio as gr
import numpy as np

from diffusion_core.points import MAX_LETTERS
from diffusion_core.samplers import SAMPLERS

from ..shared.forms import entry
from ..shared.number_input import in_range, slider
from ..shared.picture_upload import picture_input
from ..shared.seed_input import seed_input

# The sets of points by their values in the menu and in addresses.
WORD, DRAWN, PICTURE = "word", "drawn", "picture"
DATA = {
    "ring": "Ring of eight",
    "moons": "Two moons",
    "spiral": "Spiral",
    "checkerboard": "Checkerboard",
    WORD: "A word",
    DRAWN: "Your own drawing",
    PICTURE: "Dark parts of a picture",
}
COUNTS = (20, 200, 2_000, 10_000)  # of points to learn from
EXACT, LEARNT = "exact", "learnt"
MODELS = {LEARNT: "Learnt network", EXACT: "Exact (memorises)"}
# What is walked beside the chosen sampler: another one, or the way from data to noise and back.
NOTHING, RETURN = "nothing", "return"
BESIDE = {
    NOTHING: "Nothing",
    RETURN: "Data → noise → data",
    **{name: name for name in SAMPLERS},
}
MOST_STEPS, MOST_PARTICLES = 100, 2_000


@dataclass(frozen=True, eq=False)
class PointsForm:
    """What the tab's controls hold: the table of their names, defaults and controls.

    Attributes:
        data: Which points: a key of `DATA`.
        word: The word that is written, where the points are a word's.
        drawn: Points that were drawn by hand, as the browser packs them; see `wire.packed`.
        picture: The picture whose dark parts the points are, uint8 (H, W, C); or None.
        count: How many points there are to learn from: one of `COUNTS`.
        model: What predicts in walks: a key of `MODELS`.
        sampler: The sampler of a walk.
        beside: What is walked beside it, from the same noise: a key of `BESIDE`.
        steps: Steps of a walk.
        particles: Points that walk.
        seed: The seed of the noise that walks begin with, and of a training, in digits.
    """

    data: str = entry(
        "ring",
        partial(gr.Dropdown, [(words, name) for name, words in DATA.items()], label="Data"),
    )
    word: str = entry(
        "noise",
        partial(
            gr.Textbox,
            label=f"Word, at most {MAX_LETTERS} letters",
            max_lines=1,
        ),
    )
    drawn: str = entry("", partial(gr.Textbox, visible=False))
    picture: np.ndarray | None = entry(
        None,
        partial(
            picture_input,
            label="Picture",
            height=150,
            buttons=["fullscreen"],
            sources=["upload", "clipboard", "webcam"],
            alt_text="the picture whose dark parts are the points",
        ),
    )
    count: int = entry(
        2_000,
        partial(
            gr.Radio,
            [(f"{count:,}", count) for count in COUNTS],
            label="Points to learn from",
            elem_classes=["in-a-row"],
        ),
    )
    model: str = entry(
        EXACT,
        partial(
            gr.Radio,
            [(words, name) for name, words in MODELS.items()],
            label="Denoiser",
            elem_classes=["in-a-row"],
        ),
    )
    sampler: str = entry("ddim", partial(gr.Dropdown, list(SAMPLERS), label="Sampler"))
    beside: str = entry(
        "ddpm",
        partial(gr.Dropdown, [(words, name) for name, words in BESIDE.items()], label="Beside it"),
    )
    steps: float | None = entry(
        50,
        partial(slider, 1, MOST_STEPS, step=1, label="Steps"),
        parse=lambda value: round(in_range(value, "steps", "Steps", 1, MOST_STEPS)),
    )
    particles: float | None = entry(
        600,
        partial(slider, 10, MOST_PARTICLES, step=10, label="Particles"),
        parse=lambda value: round(in_range(value, "particles", "Particles", 10, MOST_PARTICLES)),
    )
    seed: str | int | None = entry(0, partial(seed_input, label="Seed"))
