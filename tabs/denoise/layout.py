"""The Denoise tab: the reverse process, live."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import gradio as gr

from ..shared import models
from ..shared.class_menu import class_choices
from ..shared.components import LATEST, QUIET, never_silent, script, why
from ..shared.forms import Controls, Named, components, wired
from ..shared.page import Page, open_tab
from ..shared.player import player
from ..shared.start_image import StartImage
from . import (
    attributes,
    changed,
    defaults,
    folds,
    form,
    model_picker,
    open_inside,
    start_controls,
    views,
)
from .browser_walk import runs_on, walk_noise
from .downloads import keep
from .form import DenoiseForm
from .handlers import (
    branch,
    denoise,
    denoise_anew,
    denoise_in_browser,
    give_up,
    replay,
    stop,
)
from .link import qr_code
from .model_picker import arrived, choose
from .recall import recall
from .run_card_controls import card_values

WHY = r"""
At every step the network looks at the noisy picture $x_t$ and says what noise $\hat\epsilon$ it
sees. Take it away, and what is left is its guess of the finished picture:

$$\hat x_0 = \frac{x_t - \sqrt{1 - \bar\alpha_t}\;\hat\epsilon}{\sqrt{\bar\alpha_t}}$$

(Ho et al. 2020, eq. 15)

The walk goes only a little way towards that guess, to a picture with slightly less noise, and
asks again:

$$x_{t'} = \sqrt{\bar\alpha_{t'}}\;\hat x_0 + \sqrt{1 - \bar\alpha_{t'}}\;\hat\epsilon$$

(DDIM; Song et al. 2021, eq. 12, with $\eta = 0$)

Early guesses are blurs: the average of all pictures that could have become this noise. Details
come last.

*Try:* keep the seed and change the number of steps from 50 to 5. Which parts of the picture stay
the same? Then stop at a middle step, raise the guidance, and branch.
"""


def menu(request: gr.Request) -> gr.Dropdown:
    """The models' menu as it is now: some came after the page was built."""
    return gr.Dropdown(models.available(request.session_hash or ""))


def begin_with(given: StartImage | None, model: str) -> dict[str, Any]:
    """Updates for "Denoise from here" of the Noise tab: this tab begins with what it hands over."""
    updates = start_controls.from_noise_tab(given, model)
    if not updates:
        return {"tabs": open_tab("denoise")}
    return {**updates, "tabs": open_tab("denoise"), "now": uuid4().hex}


def handed_over(
    model: str,
    loaded: str,
    label: str | None,
    chosen: tuple[str | None, ...],
    request: gr.Request,
) -> dict[str, Any]:
    """Updates of the controls that follow the model, where no person chose it in its menu.

    The events of the menu make the same ones, but nobody waits for those before a run begins.
    """
    updates = arrived(model, loaded, label, request)
    if "label" in updates:
        label = defaults.kept_class(model, label, defaults.classes(model))
        updates |= attributes.attribute_updates(model, label, chosen)
    return updates


def place_sampler_words(controls: Controls[DenoiseForm]) -> None:
    """Lay out the words below the menu of samplers, and the offer of more steps."""
    at = controls.opening
    told = start_controls.sampler_told(at.sampler, at.begin, at.steps, at.model)
    words = gr.Markdown(
        told["sampler_words"], elem_classes=["hint"], elem_id="denoise-sampler-words"
    )
    controls.add("sampler_words", words)
    offer = told["more_steps"]
    more = gr.Button(offer.value, visible=offer.visible, size="sm", elem_id="denoise-more-steps")
    controls.add("more_steps", more)


def where_it_runs(model: str) -> dict[str, Any]:
    """Options of the control for what the page opens with; none where it cannot be read."""
    try:
        return runs_on(models.get(model))
    except ValueError:
        return {}


def build(page: Page) -> None:
    """Lay out the tab and wire it.

    Args:
        page: The page: gives what the Noise tab hands over, and gets the menu of models.
    """
    choices = models.available()
    first = models.first() if choices else ""
    models.log_left_out()
    controls = Controls(DenoiseForm, defaults.opening(first))
    gr.Markdown(
        "A network that has learnt to see noise turns noise into a picture. "
        "Choose a class, press Denoise, then drag along the curve.",
        elem_classes=["lead"],
    )
    run_id, parent_id, parent_card = (gr.Textbox(visible=False) for _ in range(3))
    step_index = gr.Number(visible=False)
    runs: dict[str, Any] = {
        "concurrency_limit": None,  # they wait in the one line for all that computes
        "trigger_mode": "multiple",
        **QUIET,
    }
    with gr.Row(elem_classes=["tab-row", "with-folds"]):
        with gr.Column(scale=2, min_width=300, elem_classes=["controls"]):
            with gr.Row(elem_classes=["pair"]):
                model = controls.place("model", choices=choices, min_width=100)
                label = controls.place("label", choices=class_choices(first), min_width=100)
            loaded = controls.add("loaded", gr.State(first))  # the last one that could be read
            summary = gr.HTML(
                model_picker.opening_summary(first), elem_id="denoise-model", elem_classes=["told"]
            )
            controls.add("model_summary", summary)
            attributes.place(controls, first, label.value)
            with gr.Row(elem_classes=["go"]):
                run_button = gr.Button(
                    "Denoise", variant="primary", min_width=120, elem_id="denoise-run"
                )
                die = gr.Button(
                    "New seed and run", variant="primary", min_width=44, elem_id="denoise-die"
                )
                stop_button = gr.Button("Stop", min_width=64, elem_id="denoise-stop")
            expects = gr.Markdown(elem_classes=["hint"], elem_id="denoise-expects")
            controls.add("expects", expects)
            with gr.Column(elem_classes=["lines"]):
                for name in ("steps", "images", "guidance", "seed", "sampler"):
                    controls.place(name)
            place_sampler_words(controls)
            start_controls.place(controls)
            with gr.Accordion("More", open=False):
                for name in ("eta", "spacing", "threshold"):
                    controls.place(name)
                controls.place("runs_on", elem_id="denoise-runs-on", **where_it_runs(first))
        with gr.Column(scale=5, elem_classes=["stage"]):
            views.row(controls)
            controls.add("begins", gr.Markdown(visible=False, elem_classes=["begins"]))
            changed.place(controls)
            with_noise = gr.Button("Begin with noise again", visible=False, size="sm")
            controls.add("begin_with_noise", with_noise)
            with views.panel(views.WALK):
                asks: list[Any] = [keep, give_up, recall, qr_code, walk_noise]
                stage = player(page["denoise_opening"].result(), "denoise-player", asks)
                branch_button = gr.Button(
                    "Branch from this step, with the settings as they now are", size="md"
                )
                open_inside.build(page)
            views.build(controls, run_id, runs)
        with gr.Column(scale=5, elem_classes=["folds"]):
            folds.build(controls)
            why(WHY)
    started = [
        run_button.click(
            **wired(never_silent(denoise), [controls, run_id], stage),
            js=script("player/clicks.js", "startRun"),
            **runs,
        ),
        branch_button.click(
            **wired(
                never_silent(branch),
                [controls, parent_id, parent_card, step_index, run_id],
                stage,
            ),
            js=script("player/clicks.js", "startBranch"),
            **runs,
        ),
        die.click(
            **wired(
                never_silent(denoise_anew),
                [controls, run_id],
                controls.named("seed") | Named({"stage": stage}),
            ),
            js=script("denoise/clicks.js", "startAnew", controls.inputs.index(controls["seed"])),
            **runs,
        ),
    ]
    started.append(
        stage.retry(  # where the page's limits refuse a walk
            **wired(
                never_silent(denoise_in_browser),
                [controls, run_id],
                controls.named("runs_on") | Named({"stage": stage}),
            ),
            js=script("player/clicks.js", "startRun"),
            **runs,
        )
    )
    for event in started:
        event.failure(None, js=script("player/clicks.js", "failRun"), api_visibility="private")
    # The player hands over a run card: opened, dropped on the page, or out of the address. It is
    # walked, and the controls show its request.
    stage.submit(
        never_silent(replay), run_id, stage, js=script("player/clicks.js", "startRun"), **runs
    )
    stage.upload(**wired(card_values, outputs=controls.named(*form.CARD_PARTS)), **LATEST)
    stop_button.click(stop, run_id, js=script("player/clicks.js", "stopRun"), queue=False, **QUIET)
    model.input(
        **wired(
            never_silent(choose), [model, loaded, label], controls.named(*model_picker.CHOSEN_PARTS)
        ),
        concurrency_limit=8,
        trigger_mode="multiple",
        **QUIET,
    )
    # In one line, so that whoever waits for the last of them, below, has waited for all.
    in_order: dict[str, Any] = {"concurrency_id": "follow the model", "concurrency_limit": 1}
    in_order |= QUIET
    model.change(
        **wired(arrived, [model, loaded, label], controls.named(*model_picker.ARRIVED_PARTS)),
        **in_order,
    )
    loaded.change(
        **wired(
            attributes.attribute_updates,
            [loaded, label, controls["attributes"]],
            controls.named(*attributes.ATTRIBUTE_PARTS),
        ),
        **in_order,
    )
    label.change(
        **wired(
            attributes.seen,
            [loaded, label, controls["attributes"]],
            controls.named(*attributes.ATTRIBUTE_PARTS),
        ),
        **in_order,
    )
    page.on_restore(
        **wired(
            handed_over,
            [model, loaded, label, controls["attributes"]],
            controls.named(*model_picker.ARRIVED_PARTS, *attributes.ATTRIBUTE_PARTS),
        ),
        **in_order,
    )
    gr.on(
        [menu.change for menu in controls["attributes"]],
        **wired(
            attributes.shown,
            [loaded, label, controls["attributes"]],
            controls.named("attribute_fold", "attribute_words"),
        ),
        trigger_mode="always_last",
        **QUIET,
    )
    start_controls.wire(controls)
    page.give("denoise_model", model)
    # What another tab hands over is denoised at once: it sets controls of this tab, then this.
    now = gr.State("")
    page.give("denoise_now", now)
    now.change(
        **wired(
            handed_over,
            [model, loaded, label, controls["attributes"]],
            controls.named(*model_picker.ARRIVED_PARTS, *attributes.ATTRIBUTE_PARTS),
        ),
        **QUIET,
    ).then(None, js=script("denoise/clicks.js", "denoiseNow"), api_visibility="private")
    changed.wire(controls, page, now)
    page["noise_start"].change(
        **wired(
            begin_with,
            [page["noise_start"], model],
            controls.named(*start_controls.NOISE_TAB_PARTS)
            | Named({"tabs": page.tabs, "now": now}),
        ),
        **QUIET,
    )
    page.on_load(fn=menu, outputs=model)
    page.on_load(fn=None, js=script("denoise/fit.js", "fitStage"), api_visibility="private")
    page.on_return(fn=menu, outputs=model)
    opened = components(controls.named(*defaults.OPENING_PARTS))
    found = gr.Textbox(visible=False)
    page.on_load(fn=defaults.correction(controls.opening), outputs=found)
    found.change(
        None,
        [found, model, *opened],
        opened,
        js=script("denoise/clicks.js", "correct", defaults.OPENING_PARTS),
        api_visibility="private",
    )
    picture = [controls["picture"], controls["t"], model]
    page.on_restore(fn=start_controls.own_start, inputs=picture, outputs=controls["start"], **QUIET)
