"""What the controls stand at for a model: what its files say suits it, else the page's own."""

from __future__ import annotations

from typing import Any, TypeGuard

import gradio as gr

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.schedule import SPACINGS

from ..shared import models
from .form import LARGE_VARIANCE, NO_CLASS, NOISE, SAMPLER_CHOICES, DenoiseForm

LONG = 60.0  # seconds that a first walk should not take
FEW, MOST = 25, 1000  # steps that do; that the slider holds
SPACING = "trailing"
STRONGEST = 8  # guidance that the slider holds
IMAGES, SEED, RESAMPLE = 4, 7, 5
OPENING_CLASS = 9  # of the menu, where the model names none: of garments, the bag
OWN: tuple[Any, ...] = (1.0, "ddim", FEW, SPACING, IMAGES)  # in the order of `suited`


def suited(checkpoint: Checkpoint, otherwise: tuple[Any, ...] | None = None) -> list[Any]:
    """Values of guidance, sampler, steps, spacing, images: what the model's files say suits it.

    Where that takes longer than one would wait for a first picture, fewer steps and images.

    Args:
        checkpoint: The model.
        otherwise: What holds where its files say nothing; None leaves the controls as they are.
    """
    guidance, sampler, steps, spacing, images = otherwise or [gr.skip()] * 5
    values = checkpoint.config.sampling
    if not checkpoint.unet.config.null_label:
        guidance = 1
    elif _is_number(values.get("guidance_scale"), 0, STRONGEST):
        guidance = values["guidance_scale"]
    if FEW * 4 * models.look(checkpoint) > LONG:
        images = 1
    own, own_steps, seconds = own_way(checkpoint)
    if values.get("sampler") and own in [value for _, value in SAMPLER_CHOICES]:
        named = values.get("spacing")
        sampler, steps = own, min(own_steps, MOST)
        spacing = named if named in SPACINGS else SPACING
        if too_long(own_steps, seconds):
            sampler, steps, spacing = "ddim", FEW, SPACING
    return [guidance, sampler, steps, spacing, images]


def own_way(checkpoint: Checkpoint) -> tuple[str, int, float]:
    """The sampler and steps that a model's files name, and the seconds for four pictures here."""
    values, T = checkpoint.config.sampling, len(checkpoint.schedule)
    sampler, named = values.get("sampler", "ddim"), values.get("num_steps")
    own = T if sampler == "ddpm" else min(FEW, T)
    steps = int(named) if _is_number(named, 1, T) else own
    if sampler == "ddpm" and values.get("variance") == "beta":
        sampler = LARGE_VARIANCE
    return sampler, steps, steps * 4 * models.look(checkpoint)


def too_long(steps: int, seconds: float) -> bool:
    """Whether a model's own way is left for the page's: only where that takes fewer steps."""
    return seconds > LONG and steps > FEW


def classes(model: str) -> list[str]:
    """Choices of the class menu for a model; only "none" where it cannot be read."""
    try:
        checkpoint = models.get(model)
    except ValueError:
        return [NO_CLASS]
    shape = checkpoint.unet.config
    names = checkpoint.config.class_names or [str(i) for i in range(shape.num_classes or 0)]
    return [*([] if names and not shape.null_label else [NO_CLASS]), *names]


def class_menu(model: str, label: str | None) -> gr.Dropdown:
    """The class menu for another model; the choice stays where that model has it too."""
    choices = classes(model)
    return gr.Dropdown(choices, value=kept_class(model, label, choices))


def kept_class(model: str, label: str | None, choices: list[str]) -> str:
    """The class that is chosen, where another model has it too; else that model's own."""
    return label if label in choices else own_class(model, choices, 0)


def asks_nothing(model: str, label: str | None) -> bool:
    """Whether there is nothing to guide to, once this model has come: guidance is then off."""
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
    """What the controls stand at when the page opens with this model.

    One that cannot be read says so only when it is asked to walk.
    """
    guidance, sampler, steps, spacing, images = OWN
    try:
        checkpoint = models.get(model)
        guidance, sampler, steps, spacing, images = suited(checkpoint, OWN)
        steps = min(steps, len(checkpoint.schedule))
    except ValueError:
        pass
    label = own_class(model, classes(model), OPENING_CLASS)
    if label == NO_CLASS:
        guidance = 1
    return DenoiseForm(
        model=model,
        label=label,
        guidance=guidance,
        sampler=sampler,
        steps=steps,
        seed=SEED,
        images=images,
        eta=0.0,
        spacing=spacing,
        begin=NOISE,
        seed_to=None,
        start=None,
        hole=None,
        resample=RESAMPLE,
        exact=False,
    )


def _is_number(value: Any, least: float, most: float) -> TypeGuard[float]:
    """Whether what a file says is a number in these bounds; files say anything."""
    return type(value) in (int, float) and least <= value <= most
