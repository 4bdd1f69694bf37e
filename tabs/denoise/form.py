"""The Denoise tab's controls as a request: a class, attributes (one menu each), and how to walk."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
import torch

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.data import to_uint8
from diffusion_core.generation import InitialImage, SamplingRequest

from ..shared import models
from ..shared.start_image import Start
from ..shared.wire import HoleMessage, as_base64

ANY = "any"
SLOTS = 8  # menus that the page holds; a model with fewer attributes leaves the rest unseen


@dataclass(frozen=True)
class Menus:
    """The menus, and the group that holds them.

    Attributes:
        group: Seen only with a model that has attributes.
        words: Says which classes have which of them.
        menus: `SLOTS` of them, in the order of the model's attributes.
    """

    group: gr.Group
    words: gr.Markdown
    menus: tuple[gr.Dropdown, ...]

    @property
    def all(self) -> list[Any]:
        """What `updates` gives values for."""
        return [self.group, self.words, *self.menus]


def names_of(model: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The model's attributes and their values; none where it cannot be read."""
    try:
        return models.get(model).config.attribute_names[:SLOTS]
    except ValueError:
        return ()


def build(model: str) -> Menus:
    """Lay the menus out, as the first model has them."""
    names = names_of(model)
    menus = []
    with gr.Group(visible=bool(names)) as group:
        for first in range(0, SLOTS, 2):
            with gr.Row():
                for i in (first, first + 1):
                    name, values = names[i] if i < len(names) else (f"attribute {i + 1}", ())
                    menus.append(
                        gr.Dropdown(
                            [ANY, *values],
                            value=ANY,
                            label=name.capitalize(),
                            min_width=120,
                            visible=i < len(names),
                            interactive=True,
                            allow_custom_value=True,
                        )
                    )
    said_of = _words(model)
    words = gr.Markdown(said_of, visible=bool(said_of), elem_classes=["hint"])
    return Menus(group, words, tuple(menus))


def updates(model: str, *chosen: str | None) -> list[Any]:
    """Group, words and menus for another model; a choice stays where that model has it too.

    Args:
        model: The one now chosen.
        *chosen: What the menus say.
    """
    names = names_of(model)
    words = _words(model)
    given: list[Any] = [
        gr.Group(visible=bool(names)),
        gr.Markdown(words, visible=bool(words)),
    ]
    for i, value in enumerate(chosen):
        if i >= len(names):
            given.append(gr.Dropdown([ANY], value=ANY, visible=False))
            continue
        name, values = names[i]
        kept = value if value in values else ANY
        given.append(gr.Dropdown([ANY, *values], value=kept, label=name.capitalize(), visible=True))
    return given


def said(checkpoint: Checkpoint, chosen: tuple[Any, ...]) -> tuple[tuple[str, str], ...]:
    """The menus' choices as pairs of names; what they hold beyond the model's own is no choice."""
    names = [name for name, _ in checkpoint.config.attribute_names]
    return tuple(
        (name, value)
        for name, value in zip(names, chosen, strict=False)
        if value not in (None, "", ANY)
    )


def _words(model: str) -> str:
    """Which classes have which attributes, in a sentence."""
    try:
        config = models.get(model).config
    except ValueError:
        return ""
    names = dict(config.attribute_names)
    known = {n: c for n, c in config.attribute_classes if n in names}
    if not known:
        return ""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, classes in known.items():
        groups.setdefault(tuple(classes), []).append(name)
    parts = [f"{_listed(listed)}: {_listed(list(c))} only." for c, listed in groups.items()]
    return " ".join(part[0].upper() + part[1:] for part in parts)


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


NO_CLASS = "none"
NOISE, SEEDS, PICTURE, HOLE = "noise", "two seeds", "a picture", "a picture with a hole"
BEGINNINGS = (NOISE, SEEDS, PICTURE, HOLE)
ROW = 9  # pictures from seed to seed
LARGE_VARIANCE = "ddpm, large variance"
SAMPLER_CHOICES = [
    ("ddim (few steps do)", "ddim"),
    ("ddpm (wants many steps)", "ddpm"),
    ("ddpm, large variance (wants all steps)", LARGE_VARIANCE),
    ("heun (two looks a step)", "heun"),
    ("dpmpp_2m (few steps do)", "dpmpp_2m"),
]
WORDS = {
    "ddim": "Walks straight towards the guess, with no new noise: 20 to 50 steps do. "
    "Song et al. 2021.",
    "ddpm": "Adds fresh noise at every step, as the training's own chain does: good with hundreds "
    "of steps. Ho et al. 2020.",
    LARGE_VARIANCE: "The same with the larger of the paper's two variances, β: best with all the "
    "steps, worst with few. Ho et al. 2020, section 3.2.",
    "heun": "Looks where a step would lead, then goes the mean of both ways: two evaluations a "
    "step, and the error falls with the square of the steps. Karras et al. 2022.",
    "dpmpp_2m": "Draws a line through its last two guesses: second order for one evaluation a "
    "step, so 10 to 20 steps do. Lu et al. 2022.",
}


class DenoiseForm(NamedTuple):
    """The controls' values, in the order in which the page hands them over."""

    model: str
    label: str | None
    guidance: float | None
    sampler: str
    steps: float | None
    seed: float | None
    images: float
    eta: float
    spacing: str
    begin: str
    seed_to: float | None
    start: Start | None
    hole: str | None
    resample: float
    exact: bool
    threshold: str = "static"
    attribute_0: str | None = ANY
    attribute_1: str | None = ANY
    attribute_2: str | None = ANY
    attribute_3: str | None = ANY
    attribute_4: str | None = ANY
    attribute_5: str | None = ANY
    attribute_6: str | None = ANY
    attribute_7: str | None = ANY

    def checkpoint(self) -> Checkpoint:
        """The model.

        Raises:
            ValueError: if it cannot be had.
        """
        return models.get(self.model)

    def walk(self, checkpoint: Checkpoint) -> tuple[SamplingRequest, InitialImage | None]:
        """The walk that is asked for, and what it begins with beside noise.

        Raises:
            ValueError: with a sentence for the page, if the values do not fit the model.
        """
        if self.seed is None or self.steps is None or self.guidance is None:
            raise ValueError("Fill in seed, steps and guidance.")
        chosen = None if self.label in (None, "", NO_CLASS) else self.label
        attributes = said(checkpoint, self[-SLOTS:])
        if chosen is None and not attributes and self.guidance != 1:
            raise ValueError("Guidance needs a class: choose one, or set guidance to 1.")
        given, t_start = self._given(checkpoint)
        sampler, variance = sampler_of(self.sampler)
        num_images = whole(self.images, "number of images")
        seed_to = None
        if self.begin == SEEDS:
            if self.seed_to is None:
                raise ValueError("Fill in the second seed.")
            seed_to, num_images = whole(self.seed_to, "second seed"), ROW
        walk = SamplingRequest(
            num_images=num_images,
            label=chosen,
            attributes=attributes,
            sampler=sampler,
            variance=variance,
            threshold=self.threshold,
            num_steps=whole(self.steps, "number of steps"),
            eta=float(self.eta) if sampler == "ddim" else 0.0,
            spacing=self.spacing,
            guidance_scale=float(self.guidance),
            seed=whole(self.seed, "seed"),
            seed_to=seed_to,
            t_start=t_start if self.begin == PICTURE else None,
            resample=whole(self.resample, "number of resamplings") if self.begin == HOLE else 0,
        )
        checkpoint.condition(walk.condition)
        walk.timesteps(checkpoint)  # raises what does not fit this model
        return walk, given

    def _given(self, checkpoint: Checkpoint) -> tuple[InitialImage | None, int | None]:
        if self.begin not in (PICTURE, HOLE):
            return None, None
        if self.start is None:
            raise ValueError("Choose a picture to begin with.")
        x0, t = self.start.fit(checkpoint)
        if self.begin == PICTURE:
            return InitialImage(x0), t
        return InitialImage(x0, mask_of(self.hole, checkpoint)), None


def sampler_of(choice: str) -> tuple[str, str]:
    """(sampler, variance) of a menu's choice."""
    return ("ddpm", "beta") if choice == LARGE_VARIANCE else (choice, "posterior")


def choice_of(walk: SamplingRequest) -> str:
    """The menu's choice for a walk: the way back from `sampler_of`."""
    large = walk.sampler == "ddpm" and walk.variance == "beta"  # which others do not heed
    return LARGE_VARIANCE if large else walk.sampler


def whole(value: float, name: str) -> int:
    """A whole number.

    Raises:
        ValueError: with a sentence, if it is none.
    """
    if int(value) != value:
        raise ValueError(f"The {name} must be a whole number, got {value}.")
    return int(value)


def hole_message(start: Start | None, model: str, before: str = "{}") -> str:
    """For the painter: the picture as the model sees it, to paint a hole into.

    Args:
        start: The picture.
        model: Which.
        before: What the painter holds; its hole stays where the picture is the same.
    """
    try:
        checkpoint = models.get(model)
    except ValueError:
        return "{}"
    if start is None:
        return "{}"
    C, H, W = checkpoint.image_shape
    px = as_base64(to_uint8(start.fit(checkpoint)[0])[0])
    values: HoleMessage = {"width": W, "height": H, "channels": C, "px": px}
    try:
        known = json.loads(before)
        if "mask" in known and all(known[k] == value for k, value in values.items()):
            values["mask"] = known["mask"]
    except (ValueError, TypeError, KeyError):
        pass  # the painter is empty
    return json.dumps(values)


def mask_of(hole: str | None, checkpoint: Checkpoint) -> torch.Tensor:
    """What the painter says is open, as a mask (1, 1, H, W): 1 keeps, 0 is to be filled.

    Raises:
        ValueError: if nothing is painted, or it was painted for another size.
    """
    _, H, W = checkpoint.image_shape
    try:
        values = json.loads(hole or "{}")
        opened = np.frombuffer(base64.b64decode(values.get("mask") or ""), np.uint8)
    except (ValueError, AttributeError, TypeError, binascii.Error):
        opened = np.zeros(0, np.uint8)
    if not opened.any():
        raise ValueError("Paint over what is to be made anew, then press Denoise.")
    if opened.size != H * W:
        raise ValueError("The hole was painted for a model of another size; paint it again.")
    return 1 - torch.from_numpy((opened > 0).astype(np.float32)).reshape(1, 1, H, W)
