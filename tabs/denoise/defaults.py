"""The controls' values for a model: what its files recommend, else the form's defaults."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any, TypeGuard

import gradio as gr

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.samplers import SAMPLERS, count_evaluations
from diffusion_core.schedule import SPACINGS

from ..shared import models
from ..shared.class_menu import NO_CLASS, class_choices, classes
from .form import (
    MOST_STEPS,
    STRONGEST_GUIDANCE,
    DenoiseForm,
    sampler_of,
)
from .sampler_words import LARGE_VARIANCE, SAMPLER_WORDS

LONG = 60.0  # seconds that a first walk should not take
OPENING_CLASS = 9  # of the menu, where the model names none: of garments, the bag
OWN = DenoiseForm()
FEW = int(OWN.steps or 1)  # steps that do


def recommended_settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """Values of guidance, sampler, steps, spacing, images, as far as the model's files give them.

    Where that takes longer than one would wait for a first picture, fewer steps and images.
    """
    settings: dict[str, Any] = {}
    values = checkpoint.config.sampling
    if not checkpoint.null_label:
        settings["guidance"] = 1
    elif _is_number(values.get("guidance_scale"), 0, STRONGEST_GUIDANCE):
        settings["guidance"] = values["guidance_scale"]
    own, own_steps, seconds = own_way(checkpoint)
    if values.get("sampler") and own in SAMPLER_WORDS:
        if too_long(own_steps, seconds):
            settings |= {name: getattr(OWN, name) for name in ("sampler", "steps", "spacing")}
        else:
            named = values.get("spacing")
            spacing = named if named in SPACINGS else OWN.spacing
            settings |= {"sampler": own, "steps": min(own_steps, MOST_STEPS), "spacing": spacing}
    if FEW * 4 * models.evaluation_seconds_of(checkpoint, 4) > LONG:
        settings["images"] = 1
    return settings


def own_way(checkpoint: Checkpoint) -> tuple[str, int, float]:
    """The sampler and steps that a model's files name, and the seconds for four pictures here."""
    values, T = checkpoint.config.sampling, len(checkpoint.schedule)
    sampler, named = values.get("sampler", OWN.sampler), values.get("num_steps")
    own = T if sampler == "ddpm" else min(FEW, T)
    steps = int(named) if _is_number(named, 1, T) else own
    if sampler == "ddpm" and values.get("variance") == "beta":
        sampler = LARGE_VARIANCE
    base, _ = sampler_of(sampler)
    evaluations = steps
    if base in SAMPLERS:
        walk = [*checkpoint.schedule.timesteps(steps), -1]
        evaluations = count_evaluations(base, walk, checkpoint.schedule)
    return sampler, steps, evaluations * 4 * models.evaluation_seconds_of(checkpoint, 4)


def too_long(steps: int, seconds: float) -> bool:
    """Whether a model's own sampler gives way to the page's: only where that has fewer steps."""
    return seconds > LONG and steps > FEW


def class_menu(model: str, label: str | None) -> gr.Dropdown:
    """The class menu for another model; the choice stays where that model has it too."""
    return gr.Dropdown(class_choices(model), value=kept_class(model, label, classes(model)))


def kept_class(model: str, label: str | None, choices: list[str]) -> str:
    """The class that is chosen, where another model has it too; else that model's own."""
    return label if label in choices else own_class(model, choices, 0)


def has_no_condition(model: str, label: str | None) -> bool:
    """Whether this model, once chosen, has no condition to guide to: guidance is then off."""
    none = kept_class(model, label, classes(model)) == NO_CLASS
    return none and not models.get(model).config.attribute_names


def own_class(model: str, choices: list[str], otherwise: int) -> str:
    """The class that a model's files name, if it has it; else the menu's choice of this number."""
    try:
        named = models.get(model).config.sampling.get("label")
    except ValueError:
        named = None
    return named if named in choices else choices[min(otherwise, len(choices) - 1)]


def opening(model: str) -> DenoiseForm:
    """The controls' values when the page opens with this model.

    A model that cannot be read raises its error only when a walk is requested.
    """
    at = dataclasses.replace(OWN, model=model)
    try:
        checkpoint = models.for_walks(models.get(model))
        at = dataclasses.replace(at, **recommended_settings(checkpoint))
        at = dataclasses.replace(at, steps=min(at.steps or FEW, len(checkpoint.schedule)))
    except ValueError:
        pass
    at = dataclasses.replace(at, label=own_class(model, classes(model), OPENING_CLASS))
    return dataclasses.replace(at, guidance=1) if at.label == NO_CLASS else at


OPENING_PARTS = ("guidance", "sampler", "steps", "spacing", "images")


def correction(built: DenoiseForm) -> Callable[[], str]:
    """The handler that corrects the controls of a page that is opened now.

    The controls are laid out once, at start-up, when the machine may have been busy with something
    else; since then walks may have shown that it is faster. What a visitor chose stays, and what
    they choose while the answer is under way: the page itself compares, in `correct` of clicks.js.

    Args:
        built: The controls' values as they were laid out.
    """

    def corrected() -> str:
        """JSON: the model, and of `OPENING_PARTS` what it was and what it is to be; "" for none."""
        now = opening(built.model or "")
        changed = {
            name: [was, new]
            for name in OPENING_PARTS
            if (new := getattr(now, name)) != (was := getattr(built, name))
        }
        return json.dumps({"model": built.model, "changed": changed}) if changed else ""

    return corrected


def _is_number(value: Any, least: float, most: float) -> TypeGuard[float]:
    """Whether a value from a file is a number in these bounds; a file may hold anything."""
    return type(value) in (int, float) and least <= value <= most
