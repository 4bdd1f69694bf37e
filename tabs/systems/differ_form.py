"""The form of the view "How the systems differ": one table of named fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ..shared.forms import entry
from ..shared.number_input import in_range, slider
from ..shared.seed_input import seed_input
from .glide_form import EXAMPLES, caption_field

MOST_SCALE, MOST_CLASSIFIER_SCALE, MOST_STEPS = 10, 20, 50


@dataclass(frozen=True, eq=False)
class DifferForm:
    """What the controls hold: the table of their names, defaults and controls.

    Attributes:
        caption: What all systems draw, in words.
        scale: Scale of classifier-free guidance, of menus, captions and embeddings; 1 is off.
        classifier_scale: Scale of the classifier's guidance; 0 is off.
        steps: Steps of every walk to a picture.
        seed: The seed of all noise, in digits.
    """

    caption: str = entry(EXAMPLES["Afro"], partial(caption_field, "Caption"))
    scale: float | None = entry(
        2,
        partial(slider, 1, MOST_SCALE, step=0.5, label="Guidance"),
        parse=lambda value: in_range(value, "scale", "Guidance", 1, MOST_SCALE),
    )
    classifier_scale: float | None = entry(
        8,
        partial(slider, 0, MOST_CLASSIFIER_SCALE, step=1, label="Classifier scale"),
        parse=lambda value: in_range(
            value, "classifier_scale", "Classifier scale", 0, MOST_CLASSIFIER_SCALE
        ),
    )
    steps: float | None = entry(
        10,
        partial(slider, 1, MOST_STEPS, step=1, label="Steps"),
        parse=lambda value: round(in_range(value, "steps", "Steps", 1, MOST_STEPS)),
    )
    seed: str | int | None = entry(0, partial(seed_input, label="Seed"))
