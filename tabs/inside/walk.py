"""A step of a walk that another tab hands over: the controls that follow it, and the way along."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..shared.components import QUIET
from ..shared.forms import Controls, wired
from ..shared.number_input import slider
from ..shared.page import Page
from ..shared.walk_step import WalkStep
from . import model_menu
from .form import InsideForm

FOLLOWING = ("model", *model_menu.ARRIVED_PARTS, "along", "picture_again", "walked")


def place(controls: Controls[InsideForm]) -> None:
    """Lay out the slider along the walk, and the way back to the picture; unseen without a walk."""
    along = slider(
        0,
        1,
        value=0,
        step=1,
        label="Step of the walk",
        visible=False,
        elem_id="inside-along",
    )
    controls.add("along", along)
    again = gr.Button(
        "Back to the picture", size="sm", visible=False, elem_id="inside-picture-again"
    )
    controls.add("picture_again", again)
    controls.add("walked", gr.State(""))


def follow(step: WalkStep | None, loaded: str) -> dict[str, Any]:
    """Updates of `FOLLOWING` for another step, or for none."""
    if step is None:
        return {
            "along": gr.Slider(visible=False),
            "picture_again": gr.Button(visible=False),
            "walked": "",
        }
    updates: dict[str, Any] = {
        "along": gr.Slider(
            visible=step.steps > 1, maximum=max(1, step.steps - 1), value=step.index
        ),
        "picture_again": gr.Button(visible=True),
        "walked": step.pressed,
    }
    if step.model != loaded:
        updates |= {"model": step.model}
        updates |= model_menu.arrived_updates(step.model, step.label, step.t)
    else:
        updates |= {"label": step.label, "t": step.t}
    return updates


def wire(controls: Controls[InsideForm], page: Page) -> None:
    """Have the controls follow the step, and give the page what the walk's tab needs."""
    step = controls["step"]
    step.change(**wired(follow, [step, controls["loaded"]], controls.named(*FOLLOWING)), **QUIET)
    controls["picture_again"].click(lambda: None, outputs=step, **QUIET)
    page.give("inside_step", step)
    page.give("inside_along", controls["along"])
    page.give("inside_told", controls["told"])
    page.give("inside_tab", page.tab)
