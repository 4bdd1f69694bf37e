"""The view "Noise": the points, and the same points noised to any timestep in the browser."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import torch

from diffusion_core.seeding import seeded

from ..shared.components import QUIET, component, script
from ..shared.forms import Named, wired
from ..shared.wire import PointsDataMessage, packed_points
from .form import DRAWN, PointsForm
from .points_page import Asked, PointsPage
from .subject import DIFFUSION, PATHS, Subject, subject_of

EVENTS = "points/clicks.js"


def data_message(subject: Subject | None, drawing: bool) -> str:
    """The points and their noise, as JSON; without any points, an empty plane to draw on."""
    schedule = PATHS[DIFFUSION][0]
    points = torch.zeros(0, 2) if subject is None else subject.points
    eps = torch.randn(points.shape, generator=seeded("points", "noise"))
    alphas = schedule.alpha(torch.arange(len(schedule)))
    message: PointsDataMessage = {
        "id": "" if subject is None else subject.key,
        "x0": packed_points(points.numpy()),
        "eps": packed_points(eps.numpy()),
        "alphas": [float(f"{a:.6g}") for a in alphas.tolist()],
        "words": "Nothing is drawn yet." if subject is None else subject.words,
        "drawing": drawing,
    }
    return json.dumps(message)


def show_data(asked: Asked) -> dict[str, Any]:
    """Updates of the view."""
    return {"data_stage": data_message(asked.subject, asked.form.data == DRAWN)}


def begin_drawing(form: PointsForm) -> dict[str, Any]:
    """Updates where the plane is to be drawn on: empty, until something is drawn."""
    if form.data != DRAWN or form.drawn:
        return {}
    return {"data_stage": data_message(None, drawing=True)}


def build_data(points: PointsPage) -> None:
    """Lay the view out and wire it."""
    opening = data_message(subject_of(points.controls.opening), drawing=False)
    stage = component("points_data", opening, "points-data")
    outputs = Named({"data_stage": stage})
    points.follow("data", show_data, [], outputs)
    stage.input(
        None,
        outputs=points.controls["drawn"],
        js=script(EVENTS, "drawnPoints"),
        api_visibility="private",
    )
    controls = points.controls
    gr.on(
        [controls["data"].change, controls["drawn"].change],
        **wired(begin_drawing, [controls], outputs),
        **QUIET,
    )
