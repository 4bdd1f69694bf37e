"""The Inside tab: the network laid open at one timestep, on the picture that one looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from diffusion_core.data import read_picture

from ..shared import models
from ..shared.class_menu import class_choices
from ..shared.components import LATEST, QUIET, component, never_silent, script, why
from ..shared.forms import Controls, wired
from ..shared.page import Page
from ..shared.seed_input import new_seed
from ..shared.suited_picture import first_picture, suited
from . import model_menu, walk
from .form import InsideForm
from .inside_page import InsidePage
from .loss_view import build_loss
from .network_view import build_network
from .switches_view import build_switches
from .timestep_view import build_timestep

EVENTS = "inside/clicks.js"
# The views, by the names that address and markup have for them.
VIEWS = {
    "network": build_network,
    "timestep": build_timestep,
    "switches": build_switches,
    "loss": build_loss,
}
WHY = r"""
One evaluation of the network takes a noisy picture $x_t$ and its timestep $t$, and gives its guess
of the noise, $\hat\epsilon = \epsilon_\theta(x_t, t)$. From that follows the guess of the picture:

$$\hat x_0 = \frac{x_t - \sqrt{1 - \bar\alpha_t}\;\hat\epsilon}{\sqrt{\bar\alpha_t}}$$

(Ho et al. 2020, eq. 15)

The network is a UNet (Ronneberger et al. 2015). On the way down the picture gets smaller and
deeper: fewer places, more numbers at each. A *residual block* adds a branch to what comes in
(He et al. 2016), and the branch is normed in groups of channels (Wu and He 2018):

$$h \leftarrow h + F(h, e_t)$$

$$\mathrm{GN}(h) = \gamma\,\frac{h - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta$$

*Attention* lets every place look at every other one (Vaswani et al. 2017):

$$\mathrm{softmax}\!\left(\frac{Q K^{\mathsf T}}{\sqrt d}\right) V$$

On the way up, *skip connections* bring back the fine maps of the way down, which the small ones no
longer hold. $e_t$ is the embedding of the timestep, which enters every residual block: two linear
layers make it of sines and cosines of $t$ (Vaswani et al. 2017, section 3.5),

$$\sin\big(t\,10000^{-k/(d/2)}\big), \quad \cos\big(t\,10000^{-k/(d/2)}\big)$$

A step of training draws a picture, $t$ and $\epsilon$ at random, and lowers

$$w(t)\,\lVert \epsilon - \epsilon_\theta(x_t, t) \rVert^2$$

(Ho et al. 2020, eq. 14, with $w = 1$; min-SNR weights: Hang et al. 2023; clamped ones: Salimans and
Ho 2022).

*Try:* set the timestep to 950, then to 50, and look at the first map of the finest level and at
those of the coarsest. Which of them changes more? Which blocks add most to what passes through them
when there is almost only noise? Then tell the network the wrong timestep: is it worse
to name too much noise, or too little?
"""


def address_updates(query: Mapping[str, str], session: str = "") -> dict[str, Any]:
    """Updates of the controls, by name, for the parameters of an address; nonsense is left out.

    Args:
        query: The address's parameters; those of the tab are read where it names this tab.
        session: The session, whose own models the menu holds.
    """
    if query.get("tab") != "inside":
        return {}
    updates: dict[str, Any] = {}
    known = dict(models.available(session))
    model = query.get("model", "")
    if model in known:
        updates["model"] = known[model]
    if "class" in query:
        updates["label"] = query["class"]
    if (query.get("t") or "").isdecimal():
        updates["t"] = min(int(query["t"]), 10**6)
    if (query.get("seed") or "").isdecimal() and len(query["seed"]) < 30:
        updates["seed"] = query["seed"]
    return updates


def from_address(request: gr.Request) -> dict[str, Any]:
    """Updates of the controls whose values stand in the page's address."""
    updates = address_updates(dict(request.query_params), request.session_hash or "")
    label, t = updates.get("label"), updates.pop("t", None)
    if "model" in updates:
        updates |= model_menu.arrived_updates(updates["model"], label, t)
    elif t is not None:
        updates["t"] = t
    return updates


def build(page: Page) -> None:
    """Lay out the tab and wire it.

    Args:
        page: The page: gets the state that another tab fills to have a step of a walk shown here.
    """
    choices = models.available()
    first = models.first() if choices else ""
    file = str(first_picture(first))
    opening = InsideForm(
        model=first,
        loaded=first,
        label=model_menu.opening_class(first),
        picture=read_picture(file),
    )
    controls = Controls(InsideForm, opening)
    inside = InsidePage(page, controls)
    gr.Markdown(
        "The network, laid open: what each of its parts makes of this noisy picture at this "
        "timestep. Move the timestep, then open a block.",
        elem_classes=["lead"],
    )
    with gr.Row(elem_classes=["tab-row", "with-folds"]):
        with gr.Column(scale=2, min_width=300, elem_classes=["controls"]):
            with gr.Row(elem_classes=["pair"]):
                controls.place("model", choices=choices, min_width=100, scale=6)
                controls.place("label", choices=class_choices(first), min_width=100, scale=5)
            controls.place("loaded")
            controls.add("model_told", gr.HTML(elem_classes=["told"], elem_id="inside-model"))
            controls.place("t", info="0 is the picture, the last is noise", elem_id="inside-t")
            with gr.Row():
                controls.place("seed")
                another = gr.Button(
                    "New noise", min_width=80, elem_classes=["beside"], elem_id="inside-die"
                )
            controls.add("told", gr.HTML(elem_classes=["told"], elem_id="inside-told"))
            controls.place("picture", value=file)
            controls.place("step")
            walk.place(controls)
        with gr.Column(scale=5, elem_classes=["stage"]):
            chooser = component("inside_views", "{}", "inside-views", looks_like="views")
            view = controls.add("view", gr.Textbox(visible=False))
            inside.after.extend(
                event(None, None, view, js=script(EVENTS, "seenView"), api_visibility="private")
                for event in (page.select, chooser.input)
            )
            controls.add("stage", component("inside", "{}", "inside-stage"))
            for name, build_view in VIEWS.items():
                with gr.Column(elem_id=f"inside-view-{name}", elem_classes=["stage-view"]):
                    build_view(inside)
            inside.wire()
        with gr.Column(scale=5, elem_classes=["folds"]):
            why(WHY)
    _wire_controls(controls, page, another)
    walk.wire(controls, page)


def _wire_controls(controls: Controls[InsideForm], page: Page, another: gr.Button) -> None:
    """Have the controls follow each other, the address follow them, and them the address."""
    model, loaded, label, t = (controls[name] for name in ("model", "loaded", "label", "t"))
    arrived = controls.named(*model_menu.ARRIVED_PARTS)
    model.input(
        **wired(
            never_silent(model_menu.bring),
            [model, loaded, label, t],
            controls.named("model") | arrived,
        ),
        trigger_mode="multiple",
        concurrency_limit=8,
        **QUIET,
    )
    model.change(**wired(model_menu.arrived, [model, loaded, label, t], arrived), **QUIET)
    # Two events, since an update of the picture that changes nothing would make it anew, and it
    # would then read files as Gradio does.
    file = gr.State(str(first_picture(controls.opening.model)))
    loaded.change(suited, [controls["picture"], loaded], file, **QUIET)
    file.change(lambda path: path, file, controls["picture"], **QUIET)
    another.click(None, outputs=controls["seed"], js=new_seed(), api_visibility="private")
    # Whoever chooses another picture or noise no longer looks at the step of a walk.
    gr.on(
        [controls["picture"].input, controls["seed"].input, another.click],
        lambda: None,
        outputs=controls["step"],
        **LATEST,
    )
    changed = [controls[name].input for name in ("model", "label", "t", "seed")]
    gr.on(
        [*changed, another.click],
        None,
        [label, t, controls["seed"]],
        js=script(EVENTS, "writeState"),
        api_visibility="private",
    )
    page.on_load(fn=model_menu.menu, outputs=model)
    page.on_return(fn=model_menu.menu, outputs=model)
    addressed = controls.named("model", "seed", *model_menu.ARRIVED_PARTS)
    page.on_address(**wired(from_address, outputs=addressed))
