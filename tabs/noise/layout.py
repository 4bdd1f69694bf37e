"""The Noise tab: an uploaded picture, noised to any timestep."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from diffusion_core.data import parse_range, read_picture
from diffusion_core.seeding import parse_seed

from ..shared.code_fold import CodeFold
from ..shared.components import QUIET, component, script, why
from ..shared.forms import Controls, wired
from ..shared.number_input import beside
from ..shared.page import Page
from ..shared.seed_input import new_seed
from .code import code
from .compute import animation, chain_messages, levels_of, prepare, start_here
from .form import NoiseForm
from .pictures import PICTURES, SHIPPED, opening_picture

WHY = r"""
One step of the forward process shrinks the picture a little and adds a little noise:

$$q(x_t \mid x_{t-1}) = \mathcal N\big(\sqrt{1 - \beta_t}\,x_{t-1},\; \beta_t I\big)$$

(Ho et al. 2020, eq. 2)

A sum of Gaussians is Gaussian, so all steps up to $t$ can be done at once:

$$x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1 - \bar\alpha_t}\,\epsilon,$$

$$\bar\alpha_t = \prod_{s \le t} (1 - \beta_s)$$

(eq. 4)

The two weights are a cosine and a sine: their squares add up to 1. So a picture of variance 1 keeps
variance 1, and the last $x_t$ is noise that knows nothing of the picture. $t$ counts from 0, where
the papers count from 1. The noisy picture is not compressed: it has as many numbers as the
picture.

*Try:* go to the timestep where you can just no longer say what the picture shows. How many decibels
are left? Is it the same for a photograph and for a boot, at 28 and at 256 pixels?
"""


# What changes with the controls: the stage, the last good picture, and the sentences beside them.
SHOWN_PARTS = ("stage", "kept", "seed_told", "range_told")


def refresh(form: NoiseForm) -> dict[str, Any]:
    """Updates of `SHOWN_PARTS`; what is there stays where there is no picture or a bad number.

    It never raises: Gradio drops what was typed meanwhile when a handler does.
    """
    told = {
        "seed_told": beside(_wrong(parse_seed, form.seed)),
        "range_told": beside(_wrong(parse_range, form.value_range)),
    }
    if form.picture is None or any(told.values()):
        return told
    try:
        return {**told, "stage": prepare(form), "kept": levels_of(form)[0]}
    except gr.Error as error:
        return {**told, "seed_told": beside(error.message)}


def _wrong(parse: Callable[[Any], Any], value: Any) -> str:
    """The sentence on what a control holds; "" where it can be parsed."""
    try:
        parse(value)
    except ValueError as error:
        return str(error)
    return ""


def build(page: Page) -> None:
    """Lay out the tab and wire it.

    Args:
        page: The page: gets the last good picture, and what "Denoise from here" fills.
    """
    # Served from where they lie: copies in Gradio's cache are cleared away after an hour.
    gr.set_static_paths(PICTURES)
    name, size = opening_picture()
    first = str(PICTURES / SHIPPED[name])
    controls = Controls(NoiseForm, NoiseForm(picture=read_picture(first), size=size))
    gr.Markdown(
        "A picture dissolves into noise: press Play, or drag along the curve. It is the same noise "
        "at every timestep, only more of it.",
        elem_classes=["lead"],
    )
    with gr.Row(elem_classes=["tab-row", "with-folds"]):
        with gr.Column(scale=2, min_width=300, elem_classes=["controls"]):
            controls.place("picture", value=first)
            with gr.Row(elem_classes=["shipped"]):
                offered = [
                    gr.Button(words, icon=str(PICTURES / file), size="sm", min_width=50)
                    for words, file in SHIPPED.items()
                ]
            controls.place("size")
            controls.place("schedule")
            with gr.Row():
                controls.place("seed")
                another = gr.Button(
                    "New noise", min_width=80, elem_classes=["beside"], elem_id="noise-die"
                )
            controls.add("seed_told", gr.HTML(elem_classes=["told"]))
            onward = gr.Button("Denoise from here", min_width=180)
            with gr.Accordion("More", open=False):
                controls.place("crop")
                controls.place("value_range")
                controls.add("range_told", gr.HTML(elem_classes=["told"]))
                make = gr.Button("Make animation", min_width=180)
                gif = gr.File(label="Animation (GIF)", interactive=False, visible=False)
        with gr.Column(scale=5, elem_classes=["stage"]):
            controls.add("stage", component("noise", prepare(controls.opening), "noise-stage"))
        with gr.Column(scale=5, elem_classes=["folds"]):
            start = gr.State(None)
            kept = controls.add("kept", gr.State(controls.opening.picture))
            with gr.Accordion("Markov chain or one jump?", open=False) as markov:
                gr.Markdown(
                    "The same picture, noised to this timestep by single steps with fresh noise in "
                    "each, beside the closed form."
                )
                chain = component("chain", "{}", "noise-chain")
                walk_button = gr.Button("Walk the chain again", elem_classes=["walk-chain"])
                t_now = gr.Number(0, visible=False)
            fold = CodeFold("The same in Python", "noise-code")
            why(WHY)
    gr.on(
        [c.change for c in controls.inputs],
        **wired(refresh, [controls], controls.named(*SHOWN_PARTS)),
        trigger_mode="always_last",
        concurrency_limit=8,
        **QUIET,
    )
    for button, file in zip(offered, SHIPPED.values(), strict=True):
        button.click(
            partial(str, PICTURES / file),
            outputs=controls["picture"],
            **QUIET,
        )
    another.click(
        None,
        outputs=controls["seed"],
        js=new_seed(),
        api_visibility="private",
    )
    gr.on(
        [markov.expand, walk_button.click],
        **wired(chain_messages, [controls, t_now], chain),
        concurrency_limit=4,
        js=script("noise/clicks.js", "withTimestep"),
        **QUIET,
    )
    fold.follow(
        code,
        controls,
        also=[t_now],
        after=[controls["stage"].input],  # a new timestep
        prepare=("noise/clicks.js", "withTimestep"),
    )
    make.click(
        **wired(animation, [controls], gif), concurrency_limit=4, api_visibility="private"
    ).then(lambda: gr.File(visible=True), outputs=gif, **QUIET)
    onward.click(
        **wired(start_here, [controls, t_now], start),
        js=script("noise/clicks.js", "withTimestep"),
        **QUIET,
    )
    page.give("noise_picture", kept)
    page.give("noise_start", start)
