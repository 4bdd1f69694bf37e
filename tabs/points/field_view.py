"""The view "Field": what is predicted all over the plane, exactly and by the network."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import numpy as np
import torch
from torch import Tensor

from diffusion_core.denoiser import ExactDenoiser, ModelDenoiser
from diffusion_core.process import q_sample
from diffusion_core.seeding import seeded

from ..shared.components import component, script
from ..shared.forms import Named
from ..shared.wire import PointsError, PointsFieldMessage, as_base64, packed_points
from .learnt import LEARNT
from .points_page import Asked, PointsPage
from .subject import DIFFUSION, PATHS, Subject

REACH = 2.2  # half the side of the plane that is seen
ARROWS, DENSITY, APART = 21, 72, 48  # places along a side of each grid
PROBES = 1_000  # noisy points on which fields are compared
FIRST_T = 120
SUPPORT = 0.02  # of the largest density; below it, hardly a noisy point comes, and the map fades


def grid(side: int) -> Tensor:
    """The places of a grid over the plane, float32 (side², 2): rows from the top."""
    at = (torch.arange(side) + 0.5) / side * 2 * REACH - REACH
    y, x = torch.meshgrid(-at, at, indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2)


def levels(values: Tensor, most: float) -> str:
    """Numbers from 0 to `most` as bytes in base64."""
    shares = (values / max(most, 1e-12)).clamp(0, 1) * 255
    return as_base64(shares.round().to(torch.uint8).numpy())


def noisy(points: Tensor, t: int, purpose: str) -> tuple[Tensor, Tensor]:
    """Points noised to t, and their noise, each float32 (1000, 2); the same for the same points."""
    generator = seeded("points", purpose)
    x0 = points[torch.randint(len(points), (PROBES,), generator=generator)]
    eps = torch.randn(x0.shape, generator=generator)
    return q_sample(x0, torch.full((PROBES,), t), eps, PATHS[DIFFUSION][0]), eps


def errors_of(
    denoiser: ExactDenoiser | ModelDenoiser, subject: Subject, t: int, name: str
) -> PointsError:
    """Mean squared error of the guessed noise on the points to learn from, and on held-out ones."""
    found = []
    for points, purpose in ((subject.points, "known"), (subject.held_out, "new")):
        x_t, eps = noisy(points, t, purpose)
        found.append(float((predicted(denoiser, x_t, t) - eps).square().mean()))
    return {"name": name, "known": round(found[0], 4), "new": round(found[1], 4)}


@torch.no_grad()
def predicted(denoiser: ExactDenoiser | ModelDenoiser, x_t: Tensor, t: int) -> Tensor:
    """eps_hat at places of the plane, (B, 2)."""
    return denoiser.predict(x_t, t)[0]


def field_message(asked: Asked, t: int) -> PointsFieldMessage:
    """The fields at a timestep; the network's where there is one for these points."""
    subject = asked.subject
    schedule = PATHS[DIFFUSION][0]
    t = max(0, min(t, len(schedule) - 1))
    exact = subject.exact()
    density = exact.log_density(grid(DENSITY), t)
    arrows = predicted(exact, grid(ARROWS), t)
    message: PointsFieldMessage = {
        "t": t,
        "T": len(schedule),
        "alpha": float(f"{float(schedule.alpha(t)):.6g}"),
        "sigma": float(f"{float(schedule.sigma(t)):.6g}"),
        "reach": REACH,
        "side": ARROWS,
        "exact": packed_points(arrows.numpy()),
        "density": levels(((density - density.max()) / 2).exp(), 1.0),
        "density_side": DENSITY,
        "errors": [errors_of(exact, subject, t, "exact")],
        "data": packed_points(subject.points[:2000].numpy()),
        "words": subject.words,
    }
    known = LEARNT.of(asked.session, subject.key, DIFFUSION)
    if known is None:
        return message
    network = known.denoiser
    places = grid(APART)
    apart = (predicted(network, places, t) - predicted(exact, places, t)).norm(dim=1)
    support = exact.log_density(places, t) - density.max()
    apart = apart * (support.exp() / SUPPORT).clamp_max(1).float()
    x_t, _ = noisy(subject.points, t, "known")
    ours, theirs = predicted(network, x_t, t), predicted(exact, x_t, t)
    missed = float((ours - theirs).square().sum() / theirs.square().sum().clamp_min(1e-12))
    most = float(np.quantile((ours - theirs).norm(dim=1).numpy(), 0.98)) or 1.0
    message["learnt"] = packed_points(predicted(network, grid(ARROWS), t).numpy())
    message["apart"] = levels(apart, most)
    message["apart_side"] = APART
    message["most_apart"] = round(most, 4)
    message["mean_apart"] = round(float((ours - theirs).norm(dim=1).mean()), 4)
    message["share"] = round(1 - missed, 4)
    message["errors"].append(errors_of(network, subject, t, "network"))
    return message


def show_field(asked: Asked, t: str) -> dict[str, Any]:
    """Updates of the view.

    Args:
        asked: The points and the session.
        t: The timestep of the view's slider, as the browser writes it.
    """
    wanted = int(t) if str(t).isdecimal() and len(str(t)) < 6 else FIRST_T
    return {"field_stage": json.dumps(field_message(asked, wanted))}


def build_field(points: PointsPage) -> None:
    """Lay the view out and wire it."""
    stage = component("points_field", "{}", "points-field")
    t = gr.Textbox("", visible=False)
    stage.input(
        None,
        outputs=t,
        js=script("points_field/clicks.js", "chosenTimestep"),
        api_visibility="private",
    )
    points.follow("field", show_field, [t], Named({"field_stage": stage}), also=[t.change])
