"""The form of the view "GLIDE": one table of named fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import gradio as gr

from diffusion_core.samplers import SAMPLERS

from ..shared.forms import entry
from ..shared.number_input import in_range, slider
from ..shared.seed_input import seed_input

MOST_SCALE, MOST_CLIP_SCALE, MOST_STEPS = 10, 10, 50
# What the page offers to begin with, by a short name each: people, pixels, a thumb, and sentences
# of different orders.
EXAMPLES = {
    "Afro": "a smiling person with an afro and round glasses, mint background",
    "Pink hair": "on a pink backdrop, a furious person with pink hair and a beard",
    "Old": "an old person with grey hair in a yellow shirt",
    "Turban": "a calm person in a turban, without glasses",
    "Pixel art": "pixel art, blue hair, a red hat, yellow background",
    "Thumb": "a happy orange thumb on a blue background",
}


def caption_field(label: str, **options: object) -> gr.Textbox:
    """A field for a caption.

    Args:
        label: The control's name.
        **options: Those of `gr.Textbox`.
    """
    return gr.Textbox(
        label=label,
        lines=2,
        max_lines=4,
        html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
        **options,  # type: ignore[arg-type]
    )


@dataclass(frozen=True, eq=False)
class GlideForm:
    """What the controls hold: the table of their names, defaults and controls.

    Attributes:
        caption: What is drawn, in words.
        second: What is drawn beside it from the same noise; "" is the empty caption.
        scale: The scale of guidance against the empty caption; 1 is off.
        clip_scale: The scale of the CLIP's guidance to the caption; 0 is off.
        sampler: The sampler of the walks.
        steps: Steps of the walks.
        seed: The seed of the noise, in digits.
    """

    caption: str = entry(EXAMPLES["Afro"], partial(caption_field, "Caption"))
    second: str = entry(EXAMPLES["Turban"], partial(caption_field, "Second caption"))
    scale: float | None = entry(
        2,
        partial(slider, 1, MOST_SCALE, step=0.5, label="Guidance"),
        parse=lambda value: in_range(value, "scale", "Guidance", 1, MOST_SCALE),
    )
    clip_scale: float | None = entry(
        0,
        partial(slider, 0, MOST_CLIP_SCALE, step=0.5, label="CLIP guidance"),
        parse=lambda value: in_range(value, "clip_scale", "CLIP guidance", 0, MOST_CLIP_SCALE),
    )
    steps: float | None = entry(
        10,
        partial(slider, 1, MOST_STEPS, step=1, label="Steps"),
        parse=lambda value: round(in_range(value, "steps", "Steps", 1, MOST_STEPS)),
    )
    sampler: str = entry("dpmpp_2m", partial(gr.Dropdown, list(SAMPLERS), label="Sampler"))
    seed: str | int | None = entry(0, partial(seed_input, label="Seed"))
