"""The Denoise tab: the reverse process, live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from diffusion_core.generation import MAX_SEED
from diffusion_core.schedule import SPACINGS

from ..shared import models
from ..shared.components import QUIET, never_silent, why
from ..shared.player import player
from ..shared.sessions import PUBLIC
from . import defaults, folds, form, race, reconstruction, start_controls
from .downloads import keep
from .form import SAMPLER_CHOICES, WORDS
from .handlers import branch, denoise, give_up, opening, replay, stop
from .model_picker import arrived, choose
from .run_card_controls import card_values

IMAGE_COUNTS = (1, 4, 16)
CONCURRENT_WALKS = 4
THRESHOLD_CHOICES = [
    ("static: cut at ±1", "static"),
    ("dynamic: scaled by its own range (Imagen)", "dynamic"),
]
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
# The browser's part of a click: the player is told at once, before any answer of the server.
TELL = """(...inputs) => {
  const id = newRun();
  const player = document.querySelector("#denoise-player .player"), ask = {};
  player.dispatchEvent(new CustomEvent("player:ask", { detail: ask }));
  player.dispatchEvent(new CustomEvent("player:start", { detail: { id, branch: %s } }));
  return [...inputs.slice(0, -%d), %s id];
}"""
TELL_START = TELL % ("false", 1, "")
TELL_BRANCH = TELL % ("true", 4, "ask.run, ask.card, ask.step,")
# What did not even begin: a value that a control refuses, a full queue.
TELL_FAILED = """() => document.querySelector("#denoise-player .player").dispatchEvent(
  new Event("player:failed"))"""
TELL_STOP = """() => {
  const player = document.querySelector("#denoise-player .player");
  player.dispatchEvent(new Event("player:stop"));
  return player.dataset.wanted || "";
}"""


@dataclass(frozen=True)
class Parts:
    """What other parts of the page speak to.

    Attributes:
        begins: Fed by `beginning.from_noise_tab`: begin, start, picture, t.
        model: The model's menu.
    """

    begins: list[Any]
    model: gr.Dropdown


def menu(request: gr.Request) -> gr.Dropdown:
    """The models' menu as it is now: some came after the page was built."""
    return gr.Dropdown(models.available(request.session_hash or ""))


def build() -> Parts:
    """Lay out the tab and wire it; called inside a gr.Tab."""
    choices = models.available()
    first = models.first() if choices else ""
    at = defaults.opening(first)
    gr.Markdown(
        "A network that has only ever learnt to see noise in pictures turns noise into a picture. "
        "Choose a class, press Denoise, then drag along the curve.",
        elem_classes=["lead"],
    )
    run_id, parent_id, parent_card = (gr.Textbox(visible=False) for _ in range(3))
    step_index = gr.Number(visible=False)
    runs: dict[str, Any] = {
        "concurrency_id": "model",
        "concurrency_limit": CONCURRENT_WALKS,
        "trigger_mode": "multiple",
        **QUIET,
    }
    with gr.Row(elem_classes=["tab-row", "with-folds"]):
        with gr.Column(scale=2, min_width=300, elem_classes=["controls"]):
            model = gr.Dropdown(
                choices,
                value=first,
                label="Model",
                allow_custom_value=True,
                info=f"or type a Hub id{'' if PUBLIC else ' or a folder'}: google/ddpm-cifar10-32",
            )
            loaded = gr.State(first)  # the last one that could be read
            told = gr.HTML(elem_id="denoise-model", elem_classes=["told"])
            label = gr.Dropdown(
                defaults.classes(first),
                value=at.label,
                label="Class",
                interactive=True,
                allow_custom_value=True,  # what it cannot be is said by the walk
            )
            asks = form.build(first)
            with gr.Row():
                run_button = gr.Button(
                    "Denoise", variant="primary", min_width=120, elem_id="denoise-run"
                )
                stop_button = gr.Button("Stop", min_width=80)
            expects = gr.Markdown(elem_classes=["hint"], elem_id="denoise-expects")
            steps = gr.Slider(
                1,
                defaults.MOST,
                value=at.steps,
                step=1,
                label="Steps",
                info="1 to 1000; a network look each, with heun two",
            )
            guidance = gr.Slider(
                0,
                defaults.STRONGEST,
                value=at.guidance,
                step=0.1,
                label="Guidance",
                info="how hard to insist on the class; 1 is off, 0 ignores it",
            )
            images = gr.Radio(
                [(str(n), n) for n in IMAGE_COUNTS], value=at.images, label="Images", type="value"
            )
            with gr.Row():
                seed = gr.Number(
                    at.seed,
                    label="Seed",
                    precision=None,
                    info="same seed, same noise",
                    min_width=140,
                )
                another = gr.Button("New seed", min_width=80, elem_classes=["beside"])
            sampler = gr.Dropdown(SAMPLER_CHOICES, value=at.sampler, label="Sampler")
            sampler_words = gr.Markdown(WORDS[at.sampler], elem_classes=["hint"])
            begin = start_controls.controls(first)
            with gr.Accordion("More", open=False):
                eta = gr.Slider(
                    0,
                    1,
                    value=0,
                    step=0.05,
                    label="Eta",
                    info="noise that ddim adds on the way; 0 none, 1 as much as ddpm",
                )
                spacing = gr.Dropdown(
                    list(SPACINGS),
                    value=at.spacing,
                    label="Spacing",
                    info="which timesteps are visited; karras: finer where little noise is left",
                )
                threshold = gr.Dropdown(
                    THRESHOLD_CHOICES,
                    value="static",
                    label="Clipping",
                    info="of the guess x̂₀; at strong guidance, dynamic keeps its shades",
                )
                exact = gr.Checkbox(
                    False,
                    label="Show the exact answer beside",
                    info="of a denoiser that remembers 200 training images",
                )
        with gr.Column(scale=5, elem_classes=["stage"]):
            begins = gr.Markdown(visible=False, elem_classes=["begins"])
            forget = gr.Button("Begin with noise again", visible=False, size="sm")
            stage = player(opening(), "denoise-player", keep, give_up)
            branch_button = gr.Button(
                "Branch from this step, with the settings as they now are", size="md"
            )
            asked = [
                model,
                label,
                guidance,
                sampler,
                steps,
                seed,
                images,
                eta,
                spacing,
                begin.begin,
                begin.seed_to,
                begin.start,
                begin.hole,
                begin.resample,
                exact,
                threshold,
                *asks.menus,
            ]
        with gr.Column(scale=5, elem_classes=["folds"]):
            with gr.Accordion("Race: several walks from the same noise", open=False):
                race.build(asked, run_id, runs)
            with gr.Accordion("Whose picture comes back?", open=False):
                reconstruction.build(asked, run_id, runs)
            folds.build(asked, loaded, expects)
            why(WHY)
    started = [
        run_button.click(never_silent(denoise), [*asked, run_id], stage, js=TELL_START, **runs),
        branch_button.click(
            never_silent(branch),
            [*asked, parent_id, parent_card, step_index, run_id],
            stage,
            js=TELL_BRANCH,
            **runs,
        ),
    ]
    for event in started:
        event.failure(None, js=TELL_FAILED, api_visibility="private")
    # The player hands over a run card: opened, dropped on the page, or out of the address. It is
    # walked, and the controls say what is walked.
    stage.submit(never_silent(replay), run_id, stage, js=TELL_START, **runs)
    stage.upload(
        card_values,
        None,
        [
            model,
            label,
            guidance,
            sampler,
            steps,
            seed,
            images,
            eta,
            spacing,
            begin.begin,
            begin.seed_to,
            begin.start,
            begin.picture,
            begin.t,
            begin.hole,
            begin.resample,
            threshold,
            *asks.all,
        ],
        **QUIET,
    )
    stop_button.click(stop, run_id, js=TELL_STOP, queue=False, **QUIET)
    another.click(
        None,
        outputs=seed,
        js=f"() => Math.floor(Math.random() * {MAX_SEED})",
        api_visibility="private",
    )
    model.input(
        never_silent(choose),
        [model, loaded, label],
        [told, model, loaded, label, guidance, sampler, steps, spacing, images],
        concurrency_limit=8,
        trigger_mode="multiple",
        **QUIET,
    )
    model.change(arrived, [model, loaded, label], [loaded, label, told, guidance], **QUIET)
    loaded.change(form.updates, [loaded, *asks.menus], asks.all, **QUIET)
    sampler.change(lambda chosen: WORDS.get(chosen, ""), sampler, sampler_words, **QUIET)
    start_controls.wire(begin, model, loaded, begins, forget)
    return Parts([begin.begin, begin.start, begin.picture, begin.t], model)
