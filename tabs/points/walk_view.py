"""The view "Walk": particles on their way from noise to data, by two samplers side by side."""

from __future__ import annotations

import json
import secrets
from typing import Any

import torch

from diffusion_core.denoiser import ScheduledDenoiser
from diffusion_core.samplers import SAMPLERS
from diffusion_core.seeding import parse_seed, seeded

from ..shared.components import component
from ..shared.forms import Named, parsed
from ..shared.wire import PointsWalkMessage, packed_points
from .form import BESIDE, EXACT, MODELS, NOTHING, RETURN
from .learnt import LEARNT
from .points_page import Asked, PointsPage
from .subject import DIFFUSION
from .walks import lane, return_lane

MOST_WEIGHED = 500_000_000  # particles × points × evaluations of the exact denoiser, some seconds


def denoiser_of(asked: Asked) -> ScheduledDenoiser:
    """What predicts: the visitor's network, or the exact denoiser.

    Raises:
        ValueError: with a sentence for the page, if there is no such network.
    """
    model = asked.form.model
    if model not in MODELS:
        raise ValueError(f"There is no denoiser {model!r}; choose one of the two.")
    if model == EXACT:
        return asked.subject.exact()
    known = LEARNT.of(asked.session, asked.subject.key, DIFFUSION)
    if known is None:
        raise ValueError(
            "No network has learnt these points yet: press Train, or choose the exact denoiser."
        )
    return known.denoiser


def walk_message(asked: Asked) -> PointsWalkMessage:
    """The walks that the controls ask for.

    Raises:
        ValueError: with a sentence for the page, if something does not fit.
    """
    form = asked.form
    steps, particles = parsed(form, "steps"), parsed(form, "particles")
    seed = parse_seed(form.seed)
    if form.sampler not in SAMPLERS or form.beside not in BESIDE:
        raise ValueError("Choose the samplers from their menus.")
    denoiser = denoiser_of(asked)
    ways = {NOTHING: 1, RETURN: 3}.get(form.beside, 2)
    weighed = ways * steps * particles * len(asked.subject.points)
    if form.model == EXACT and weighed > MOST_WEIGHED:
        raise ValueError(
            "The exact denoiser weighs every particle against every point, which would take long: "
            "choose fewer particles, steps or points to learn from."
        )
    noise = torch.randn(particles, 2, generator=seeded("points", "walk", seed))
    lanes = [lane(asked.subject, denoiser, noise, form.sampler, steps, seed)]
    if form.beside == RETURN:
        lanes.append(return_lane(asked.subject, denoiser, particles, steps, seed))
    elif form.beside != NOTHING:
        lanes.append(lane(asked.subject, denoiser, noise, form.beside, steps, seed))
    return {
        "id": secrets.token_hex(6),
        "lanes": lanes,
        "data": packed_points(asked.subject.points[:2000].numpy()),
        "words": f"{asked.subject.words} · {MODELS[form.model].lower()}",
    }


def show_walk(asked: Asked) -> dict[str, Any]:
    """Updates of the view."""
    return {"walk_stage": json.dumps(walk_message(asked))}


def build_walk(points: PointsPage) -> None:
    """Lay the view out and wire it."""
    controls = points.controls
    stage = component("points_walk", "{}", "points-walk")
    names = ("model", "sampler", "beside", "steps", "particles", "seed")
    points.follow(
        "walk",
        show_walk,
        [],
        Named({"walk_stage": stage}),
        also=[controls[name].change for name in names],
    )
