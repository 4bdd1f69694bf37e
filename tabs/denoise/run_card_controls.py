"""A run card's walk in the page's controls, so that the page shows what it replays."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import numpy as np

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.data import to_uint8
from diffusion_core.generation import InitialImage, RunCard, SamplingRequest

from ..shared import models
from ..shared.start_image import Start
from ..shared.wire import as_base64
from .defaults import MOST, STRONGEST, classes
from .form import (
    ANY,
    HOLE,
    NO_CLASS,
    NOISE,
    PICTURE,
    SEEDS,
    SLOTS,
    choice_of,
    hole_message,
    updates,
)

GUIDANCE, STEPS = (0.0, STRONGEST), (1, MOST)  # what the sliders can hold


def card_values(event: gr.EventData, request: gr.Request) -> list[Any]:
    """Values of the controls for a run card.

    Args:
        event: Carries the card's text.
        request: Of the session, whose own models are known too.

    Returns:
        For model, label, guidance, sampler, steps, seed, images, eta, spacing, begin, seed_to,
        start, picture, t, hole, resample, threshold, and the attributes' menus as
        `attributes.updates` gives them; gr.skip() for all where the card is not for this page.
    """
    nothing = [gr.skip()] * (17 + 2 + SLOTS)
    try:
        card = RunCard.from_json(str(event.card))
    except ValueError:
        return nothing
    known = models.by_hash(card.weights, request.session_hash or "")
    if known is None:
        return nothing
    path, checkpoint = known
    walk, root = card.walk, card.walk.root
    try:
        label = checkpoint.label(walk.label)
        checkpoint.condition(walk.condition)
        walk.timesteps(checkpoint)
    except ValueError:
        return nothing
    names, choices = checkpoint.config.class_names, classes(path)
    if label is None or label >= (checkpoint.unet.config.num_classes or 0):
        named = NO_CLASS
    else:
        named = names[label] if names else str(label)
    return [
        path,
        gr.Dropdown(choices, value=named),
        min(max(walk.guidance_scale, GUIDANCE[0]), GUIDANCE[1]),
        choice_of(walk),
        min(max(walk.num_steps, STEPS[0]), STEPS[1]),
        walk.seed,
        walk.num_images if walk.num_images in (1, 4, 16) else gr.skip(),
        walk.eta,
        walk.spacing,
        *_beginning(checkpoint, path, walk, root, card.given),
        walk.threshold,
        *updates(path, *_menus(checkpoint, walk)),
    ]


def _menus(checkpoint: Checkpoint, walk: SamplingRequest) -> list[str]:
    """What the attributes' menus say for a walk."""
    chosen = dict(walk.attributes)
    names = [name for name, _ in checkpoint.config.attribute_names[:SLOTS]]
    return [chosen.get(name, ANY) for name in names] + [ANY] * (SLOTS - len(names))


def _beginning(
    checkpoint: Checkpoint,
    path: str,
    walk: SamplingRequest,
    root: SamplingRequest,
    given: InitialImage | None,
) -> list[Any]:
    """Values of begin, seed_to, start, picture, t, hole, resample."""
    skip = gr.skip()
    if root.seed_to is not None:
        return [SEEDS, root.seed_to, *[skip] * 5]
    if given is None:
        return [NOISE, *[skip] * 6]
    t = len(checkpoint.schedule) // 2 if root.t_start is None else root.t_start
    picture = to_uint8(given.picture)[0]
    start = Start(picture, float(checkpoint.schedule.log_snr(t)))
    if given.mask is None:
        return [PICTURE, skip, start, picture, t, skip, skip]
    opened = (given.mask[0, 0] == 0).numpy().astype(np.uint8)
    hole = json.loads(hole_message(start, path))
    hole["mask"] = as_base64(opened)
    return [HOLE, skip, start, picture, t, json.dumps(hole), walk.resample]
