"""The form of the view "Guided diffusion": one table of named fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import gradio as gr

from diffusion_core.samplers import SAMPLERS

from ..shared.forms import entry
from ..shared.number_input import in_range, slider
from ..shared.seed_input import seed_input

MOST_SCALE, MOST_STEPS = 20, 100
BY_CLASSIFIER, BY_BOTH = "classifier", "both"
GUIDES = {BY_CLASSIFIER: "The classifier", BY_BOTH: "Both, half each"}


@dataclass(frozen=True, eq=False)
class GuidedForm:
    """What the controls hold: the table of their names, defaults and controls.

    Attributes:
        model: The model that is guided: a value of the menu of models.
        label: The class that it is guided to, one of the classifier's.
        scale: The scale of the guidance.
        guide: What guides: a key of `GUIDES`.
        free: Whether a walk by classifier-free guidance stands beside it.
        sampler: The sampler of the walks.
        steps: Steps of the walks.
        seed: The seed of the noise, in digits.
    """

    model: str = entry("", partial(gr.Dropdown, label="Model"))
    label: str | None = entry(None, partial(gr.Dropdown, label="Class"))
    scale: float | None = entry(
        4,
        partial(slider, 0, MOST_SCALE, step=0.5, label="Classifier scale"),
        parse=lambda value: in_range(value, "scale", "Classifier scale", 0, MOST_SCALE),
    )
    guide: str = entry(
        BY_CLASSIFIER,
        partial(
            gr.Radio,
            [(words, name) for name, words in GUIDES.items()],
            label="Guided by",
            elem_classes=["in-a-row"],
        ),
    )
    free: bool = entry(True, partial(gr.Checkbox, label="Classifier-free guidance beside it"))
    sampler: str = entry("ddim", partial(gr.Dropdown, list(SAMPLERS), label="Sampler"))
    steps: float | None = entry(
        25,
        partial(slider, 1, MOST_STEPS, step=1, label="Steps"),
        parse=lambda value: round(in_range(value, "steps", "Steps", 1, MOST_STEPS)),
    )
    seed: str | int | None = entry(0, partial(seed_input, label="Seed"))
