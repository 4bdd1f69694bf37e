"""The Noise tab: an uploaded picture, noised to any timestep."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from diffusion_core.data import read_picture

from ..shared.components import STATIC, component, script, why
from ..shared.forms import Controls, wired
from ..shared.page import Page
from ..shared.seed_input import new_seed
from .compute import animation, chain_messages, levels_of, prepare, start_here
from .form import NoiseForm

PICTURES = STATIC / "pictures"
SHIPPED = {
    "Cat": "chelsea.png",
    "Astronaut": "astronaut.png",
    "Boot": "ankle-boot.png",
    "Bag": "bag.png",
}
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
the papers count from 1. The noisy picture keeps the size of the picture: it has no smaller code.

*Try:* go to the timestep where you can just no longer say what the picture shows. How many decibels
are left? Is it the same for a photograph and for a boot, at 28 and at 256 pixels?
"""


# What changes with the controls: the stage, and the last good picture.
SHOWN_PARTS = ("stage", "kept")


def refresh(form: NoiseForm) -> dict[str, Any]:
    """Updates of `SHOWN_PARTS`; none where there is no picture or a bad number.

    It never raises: Gradio drops what was typed meanwhile when a handler does.
    """
    if form.picture is None:
        return {}
    try:
        return {"stage": prepare(form), "kept": levels_of(form)[0]}
    except gr.Error as error:
        gr.Warning(error.message)
        return {}


def build(page: Page) -> None:
    """Lay out the tab and wire it.

    Args:
        page: The page: gets the last good picture, and what "Denoise from here" fills.
    """
    # Served from where they lie: copies in Gradio's cache are cleared away after an hour.
    gr.set_static_paths(PICTURES)
    first = str(PICTURES / "chelsea.png")
    controls = Controls(NoiseForm, NoiseForm(picture=read_picture(first)))
    gr.Markdown(
        "A picture dissolves into noise: drag the timestep. The same noise all the way, ever more "
        "of it.",
        elem_classes=["lead"],
    )
    with gr.Row(elem_classes=["tab-row"]):
        with gr.Column(scale=2, min_width=300):
            controls.place("picture", value=first)
            with gr.Row(elem_classes=["shipped"]):
                offered = [
                    gr.Button(words, icon=str(PICTURES / file), size="sm", min_width=80)
                    for words, file in SHIPPED.items()
                ]
            controls.place("size")
            controls.place("schedule")
            with gr.Row():
                controls.place("seed")
                another = gr.Button("New noise", min_width=80, elem_classes=["beside"])
            with gr.Accordion("More", open=False):
                controls.place("crop")
                controls.place("value_range")
        with gr.Column(scale=5, elem_classes=["stage"]):
            controls.add("stage", component("noise", prepare(controls.opening), "noise-stage"))
            with gr.Row():
                onward = gr.Button("Denoise from here", min_width=180)
                make = gr.Button("Make animation", min_width=180)
            gif = gr.File(label="Animation (GIF)", interactive=False, visible=False)
            start = gr.State(None)
            kept = controls.add("kept", gr.State(controls.opening.picture))
            with gr.Accordion("Markov chain or one jump?", open=False):
                gr.Markdown(
                    "The same picture, noised to this timestep by single steps with fresh noise in "
                    "each, beside the closed form."
                )
                walk_button = gr.Button("Walk the chain", elem_classes=["walk-chain"])
                chain = component("chain", "{}", "noise-chain")
                t_now = gr.Number(0, visible=False)
            why(WHY)
    gr.on(
        [c.change for c in controls.inputs],
        **wired(refresh, [controls], controls.named(*SHOWN_PARTS)),
        show_progress="hidden",
        trigger_mode="always_last",
        concurrency_limit=8,
        api_visibility="private",
    )
    for button, file in zip(offered, SHIPPED.values(), strict=True):
        button.click(
            partial(str, PICTURES / file),
            outputs=controls["picture"],
            show_progress="hidden",
            api_visibility="private",
        )
    another.click(
        None,
        outputs=controls["seed"],
        js=new_seed(),
        api_visibility="private",
    )
    walk_button.click(
        **wired(chain_messages, [controls, t_now], chain),
        show_progress="hidden",
        concurrency_limit=4,
        js=script("noise/clicks.js", "withTimestep"),
        api_visibility="private",
    )
    make.click(
        **wired(animation, [controls], gif), concurrency_limit=4, api_visibility="private"
    ).then(
        lambda: gr.File(visible=True), outputs=gif, show_progress="hidden", api_visibility="private"
    )
    onward.click(
        **wired(start_here, [controls, t_now], start),
        js=script("noise/clicks.js", "withTimestep"),
        show_progress="hidden",
        api_visibility="private",
    )
    page.give("noise_picture", kept)
    page.give("noise_start", start)
