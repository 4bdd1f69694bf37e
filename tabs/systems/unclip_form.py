"""The form of the view "DALL·E 2": one table of named fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import gradio as gr
import numpy as np

from diffusion_core.samplers import SAMPLERS

from ..shared.forms import entry
from ..shared.number_input import in_range, slider
from ..shared.picture_upload import picture_input
from ..shared.seed_input import seed_input
from .glide_form import EXAMPLES, caption_field
from .pictures import PICTURES

MOST_SCALE, MOST_STEPS = 10, 50
WORDS, VARIATIONS, INTERPOLATION = "words", "variations", "interpolation"
DIFFERENCE, COMPONENTS = "difference", "components"
TASKS = {
    WORDS: "Words to a picture",
    VARIATIONS: "Variations of a picture",
    INTERPOLATION: "Between two pictures",
    DIFFERENCE: "A difference of two captions",
    COMPONENTS: "What the embedding keeps",
}


@dataclass(frozen=True, eq=False)
class UnclipForm:
    """What the controls hold: the table of their names, defaults and controls.

    Attributes:
        task: The experiment: a key of `TASKS`.
        caption: What is drawn, in words.
        prior_scale: Scale of the prior's guidance; 1 is off.
        sampler: Of the decoder's walk from words.
        steps: Steps of that walk.
        picture: One of `PICTURES`.
        own: One's own picture, uint8 (H, W, C), which goes before it; None is none.
        other: The second picture, one of `PICTURES`.
        before: A caption that says what is there.
        after: One that says what shall be there.
        eta: DDIM's stochasticity in variations.
        row_steps: Steps of DDIM, and of the way to the noise, where a picture is drawn from.
        scale: Scale of the decoder's guidance; 1 is off.
        seed: The seed of all noise, in digits.
    """

    task: str = entry(
        WORDS,
        partial(gr.Dropdown, [(words, name) for name, words in TASKS.items()], label="Experiment"),
    )
    caption: str = entry(EXAMPLES["Afro"], partial(caption_field, "Caption"))
    prior_scale: float | None = entry(
        2,
        partial(slider, 1, MOST_SCALE, step=0.5, label="Guidance of the prior"),
        parse=lambda v: in_range(v, "prior_scale", "Guidance of the prior", 1, MOST_SCALE),
    )
    sampler: str = entry("dpmpp_2m", partial(gr.Dropdown, list(SAMPLERS), label="Sampler"))
    steps: float | None = entry(
        10,
        partial(slider, 1, MOST_STEPS, step=1, label="Steps"),
        parse=lambda value: round(in_range(value, "steps", "Steps", 1, MOST_STEPS)),
    )
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
    other: str = entry(PICTURES[3], partial(gr.Dropdown, list(PICTURES), label="Second picture"))
    before: str = entry("a person with an afro", partial(caption_field, "What is there"))
    after: str = entry("a person with a bun", partial(caption_field, "What shall be there"))
    eta: float | None = entry(
        1,
        partial(slider, 0, 1, step=0.05, label="eta"),
        parse=lambda value: in_range(value, "eta", "eta", 0, 1),
    )
    row_steps: float | None = entry(
        12,
        partial(slider, 1, MOST_STEPS, step=1, label="Steps of DDIM"),
        parse=lambda value: round(in_range(value, "row_steps", "Steps of DDIM", 1, MOST_STEPS)),
    )
    scale: float | None = entry(
        2,
        partial(slider, 1, MOST_SCALE, step=0.5, label="Guidance of the decoder"),
        parse=lambda v: in_range(v, "scale", "Guidance of the decoder", 1, MOST_SCALE),
    )
    seed: str | int | None = entry(0, partial(seed_input, label="Seed"))
