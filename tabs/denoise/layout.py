"""The Denoise tab: the reverse process, live."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..shared import models
from ..shared.components import QUIET, never_silent, script, why
from ..shared.forms import Controls, Named, components, wired
from ..shared.page import Page, open_tab
from ..shared.player import player
from ..shared.seed_input import new_seed
from ..shared.start_image import StartImage
from . import defaults, folds, form, model_picker, race, reconstruction, start_controls
from .downloads import keep
from .form import WORDS, DenoiseForm
from .handlers import branch, denoise, give_up, opening, replay, stop
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
    return {**start_controls.from_noise_tab(given, model), "tabs": open_tab("denoise")}


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
        "A network that has only ever learnt to see noise in pictures turns noise into a picture. "
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
            model = controls.place("model", choices=choices)
            loaded = controls.add("loaded", gr.State(first))  # the last one that could be read
            summary = gr.HTML(elem_id="denoise-model", elem_classes=["told"])
            controls.add("model_summary", summary)
            label = controls.place("label", choices=form.classes(first))
            form.place_attributes(controls, first)
            with gr.Row():
                run_button = gr.Button(
                    "Denoise", variant="primary", min_width=120, elem_id="denoise-run"
                )
                stop_button = gr.Button("Stop", min_width=80)
            expects = gr.Markdown(elem_classes=["hint"], elem_id="denoise-expects")
            controls.add("expects", expects)
            for name in ("steps", "guidance", "images"):
                controls.place(name)
            with gr.Row():
                seed = controls.place("seed")
                another = gr.Button("New seed", min_width=80, elem_classes=["beside"])
            gr.Markdown("same seed, same noise", elem_classes=["hint"])
            sampler = controls.place("sampler")
            sampler_words = gr.Markdown(WORDS[sampler.value], elem_classes=["hint"])
            start_controls.place(controls)
            with gr.Accordion("More", open=False):
                for name in ("eta", "spacing", "threshold", "exact"):
                    controls.place(name)
        with gr.Column(scale=5, elem_classes=["stage"]):
            controls.add("begins", gr.Markdown(visible=False, elem_classes=["begins"]))
            with_noise = gr.Button("Begin with noise again", visible=False, size="sm")
            controls.add("begin_with_noise", with_noise)
            stage = player(opening(), "denoise-player", keep, give_up, recall)
            branch_button = gr.Button(
                "Branch from this step, with the settings as they now are", size="md"
            )
        with gr.Column(scale=5, elem_classes=["folds"]):
            with gr.Accordion("Race: several walks from the same noise", open=False):
                race.build(controls, run_id, runs)
            with gr.Accordion("Whose picture comes back?", open=False):
                reconstruction.build(controls, run_id, runs)
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
    ]
    for event in started:
        event.failure(None, js=script("player/clicks.js", "failRun"), api_visibility="private")
    # The player hands over a run card: opened, dropped on the page, or out of the address. It is
    # walked, and the controls show its request.
    stage.submit(
        never_silent(replay), run_id, stage, js=script("player/clicks.js", "startRun"), **runs
    )
    stage.upload(**wired(card_values, outputs=controls.named(*form.CARD_PARTS)), **QUIET)
    stop_button.click(stop, run_id, js=script("player/clicks.js", "stopRun"), queue=False, **QUIET)
    another.click(
        None,
        outputs=seed,
        js=new_seed(),
        api_visibility="private",
    )
    model.input(
        **wired(
            never_silent(choose), [model, loaded, label], controls.named(*model_picker.CHOSEN_PARTS)
        ),
        concurrency_limit=8,
        trigger_mode="multiple",
        **QUIET,
    )
    model.change(
        **wired(arrived, [model, loaded, label], controls.named(*model_picker.ARRIVED_PARTS)),
        **QUIET,
    )
    loaded.change(
        **wired(
            form.attribute_updates,
            [loaded, controls["attributes"]],
            controls.named(*form.ATTRIBUTE_PARTS),
        ),
        **QUIET,
    )
    sampler.change(lambda chosen: WORDS.get(chosen, ""), sampler, sampler_words, **QUIET)
    start_controls.wire(controls)
    page.give("denoise_model", model)
    page["noise_start"].change(
        **wired(
            begin_with,
            [page["noise_start"], model],
            controls.named(*start_controls.NOISE_TAB_PARTS) | Named({"tabs": page.tabs}),
        ),
        **QUIET,
    )
    page.on_load(fn=menu, outputs=model, **QUIET)
    page.on_return(fn=menu, outputs=model, **QUIET)
    opened = controls.named(*defaults.OPENING_PARTS)
    corrected = defaults.correction(controls.opening)
    page.on_load(**wired(corrected, [model, *components(opened)], opened), **QUIET)
    picture = [controls["picture"], controls["t"], model]
    page.on_restore(fn=start_controls.own_start, inputs=picture, outputs=controls["start"], **QUIET)
