"""The Points tab: points of the plane, where density, field and every path can be seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from ..shared.components import QUIET, component, script, why
from ..shared.forms import Controls, wired
from ..shared.page import Page
from ..shared.seed_input import new_seed
from .data_view import build_data
from .families_view import build_families
from .field_view import build_field
from .form import BESIDE, COUNTS, DATA, MODELS, PICTURE, SAMPLERS, WORD, PointsForm
from .learn_view import build_learn
from .paths_view import build_paths
from .points_page import PointsPage
from .walk_view import build_walk

EVENTS = "points/clicks.js"
# The views, by the names that address and markup have for them.
VIEWS = {
    "data": build_data,
    "learn": build_learn,
    "walk": build_walk,
    "field": build_field,
    "paths": build_paths,
    "families": build_families,
}
# The controls that stand in the address, by its names for them: NAMED of points/clicks.js.
ADDRESSED = {
    "data": "data",
    "word": "word",
    "count": "count",
    "denoiser": "model",
    "sampler": "sampler",
    "beside": "beside",
    "steps": "steps",
    "particles": "particles",
    "seed": "seed",
}
MENUS: dict[str, Any] = {
    "data": DATA,
    "denoiser": MODELS,
    "sampler": SAMPLERS,
    "beside": BESIDE,
}
WHY = r"""
Points are data like pictures, with two numbers each instead of 784. The forward process is the
same,

$$x_t = \alpha_t\,x_0 + \sigma_t\,\epsilon$$

(Ho et al. 2020, eq. 4, with $\alpha_t = \sqrt{\bar\alpha_t}$, $\sigma_t = \sqrt{1 - \bar\alpha_t}$)
"""


def address_updates(query: Mapping[str, str]) -> dict[str, Any]:
    """Updates of the controls, by name, for the parameters of an address; nonsense is left out.

    Args:
        query: The address's parameters; those of the tab are read where it names this tab.
    """
    if query.get("tab") != "points":
        return {}
    updates: dict[str, Any] = {}
    for name, field in ADDRESSED.items():
        value = query.get(name, "")
        if name in MENUS:
            if value in MENUS[name]:
                updates[field] = value
        elif name == "word":
            if value:
                updates[field] = value[:60]
        elif value.isdecimal() and len(value) < 30:
            if name == "seed":
                updates[field] = value
            elif name != "count" or int(value) in COUNTS:
                updates[field] = min(int(value), 10**6)
    return updates


def from_address(request: gr.Request) -> dict[str, Any]:
    """Updates of the controls whose values stand in the page's address."""
    return address_updates(dict(request.query_params))


def shown_inputs(data: str) -> dict[str, Any]:
    """Updates of the inputs that only some data need."""
    return {
        "worded": gr.Group(visible=data == WORD),
        "pictured": gr.Group(visible=data == PICTURE),
    }


def build(page: Page) -> None:
    """Lay out the tab and wire it.

    Args:
        page: The page; this tab gives and takes nothing.
    """
    controls = Controls(PointsForm)
    points = PointsPage(page, controls)
    gr.Markdown(
        "Diffusion where all of it can be seen: every point is one picture of two numbers. Choose "
        "data, let noise take them apart, and press Train.",
        elem_classes=["lead"],
    )
    with gr.Row(elem_classes=["tab-row", "with-folds"]):
        with gr.Column(scale=2, min_width=300, elem_classes=["controls"]):
            controls.place("data", elem_id="points-data-menu")
            with gr.Group(visible=False) as worded:
                controls.place("word")
            with gr.Group(visible=False) as pictured:
                controls.place("picture")
            controls.add("worded", worded)
            controls.add("pictured", pictured)
            controls.place("drawn")
            controls.place("count", elem_id="points-count")
            with gr.Row(elem_classes=["go"], elem_id="points-train-row"):
                controls.add("train", gr.Button("Train", variant="primary", elem_id="points-train"))
                controls.add("stop", gr.Button("Stop", elem_id="points-stop", min_width=76))
            controls.add("told", gr.HTML(elem_classes=["told"], elem_id="points-told"))
            with gr.Column(elem_id="points-walk-controls"):
                controls.place("model", elem_id="points-model")
                controls.place("sampler")
                controls.place("beside")
                controls.place("steps", elem_id="points-steps")
                controls.place("particles")
                with gr.Row():
                    controls.place("seed")
                    another = gr.Button(
                        "New noise", min_width=80, elem_classes=["beside"], elem_id="points-die"
                    )
        with gr.Column(scale=5, elem_classes=["stage"]):
            chooser = component("points_views", "{}", "points-views", looks_like="views")
            view = controls.add("view", gr.Textbox(visible=False))
            points.after.extend(
                event(None, None, view, js=script(EVENTS, "seenView"), api_visibility="private")
                for event in (page.select, chooser.input)
            )
            for name, build_view in VIEWS.items():
                with gr.Column(elem_id=f"points-view-{name}", elem_classes=["stage-view"]):
                    build_view(points)
        with gr.Column(scale=5, elem_classes=["folds"]):
            why(WHY)
    points.wire()
    controls["data"].change(
        **wired(shown_inputs, [controls["data"]], controls.named("worded", "pictured")), **QUIET
    )
    another.click(None, outputs=controls["seed"], js=new_seed(), api_visibility="private")
    gr.on(
        [controls[name].change for name in ADDRESSED.values()],
        None,
        [controls[name] for name in ADDRESSED.values()],
        js=script(EVENTS, "writeState"),
        api_visibility="private",
    )
    page.on_address(**wired(from_address, outputs=controls.named(*ADDRESSED.values())))
