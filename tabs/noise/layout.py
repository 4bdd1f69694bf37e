"""The Noise tab: an uploaded picture, noised to any timestep."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from diffusion_core.data import CROPS, read_picture
from diffusion_core.generation import MAX_SEED
from diffusion_core.schedule import SCHEDULES

from ..shared.components import STATIC, component, why
from ..shared.page import Page
from ..shared.picture_and_noise import SIZES
from ..shared.picture_upload import picture_input
from .compute import animation, chain_messages, prepare, start_here

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


# The timestep lives in the browser; this sends it along.
SEND_T = """(...inputs) => [...inputs.slice(0, -1),
  Number(document.querySelector("#noise-stage .noise").dataset.t)]"""


def refresh(*controls: Any) -> Any:
    """New data for the stage, which keeps the last where there is no picture or a bad number.

    It never raises: Gradio drops what was typed meanwhile when a handler does.
    """
    if controls[0] is None:
        return gr.skip(), gr.skip()
    try:
        return prepare(*controls), controls[0]
    except gr.Error as error:
        gr.Warning(error.message)
        return gr.skip(), gr.skip()


def build(page: Page) -> None:
    """Lay out the tab and wire it.

    Args:
        page: The page: gets the last good picture, and what "Denoise from here" fills.
    """
    # Served from where they lie: copies in Gradio's cache are cleared away after an hour.
    gr.set_static_paths(PICTURES)
    first = str(PICTURES / "chelsea.png")
    gr.Markdown(
        "A picture dissolves into noise: drag the timestep. The same noise all the way, ever more "
        "of it.",
        elem_classes=["lead"],
    )
    with gr.Row(elem_classes=["tab-row"]):
        with gr.Column(scale=2, min_width=300):
            picture = picture_input(
                value=first,
                label="Picture",
                height=220,
                buttons=["fullscreen"],
                sources=["upload", "clipboard", "webcam"],
                alt_text="the picture to be noised",
            )
            with gr.Row(elem_classes=["shipped"]):
                offered = [
                    gr.Button(words, icon=str(PICTURES / file), size="sm", min_width=80)
                    for words, file in SHIPPED.items()
                ]
            size = gr.Radio([(str(s), s) for s in SIZES], value=128, label="Size in pixels")
            name = gr.Dropdown(list(SCHEDULES), value="linear", label="Schedule")
            with gr.Row():
                seed = gr.Number(0, label="Seed", precision=None, min_width=140)
                another = gr.Button("New noise", min_width=80, elem_classes=["beside"])
            with gr.Accordion("More", open=False):
                crop = gr.Dropdown(list(CROPS), value=CROPS[0], label="Crop to a square")
        with gr.Column(scale=5, elem_classes=["stage"]):
            controls: list[gr.Image | gr.Radio | gr.Dropdown | gr.Number]
            controls = [picture, size, crop, seed, name]
            opening = prepare(read_picture(first), 128, CROPS[0], 0, "linear")
            stage = component("noise", opening, "noise-stage")
            with gr.Row():
                onward = gr.Button("Denoise from here", min_width=180)
                make = gr.Button("Make animation", min_width=180)
            gif = gr.File(label="Animation (GIF)", interactive=False, visible=False)
            start = gr.State(None)
            kept = gr.State(read_picture(first))
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
        [c.change for c in controls],
        refresh,
        controls,
        [stage, kept],
        show_progress="hidden",
        trigger_mode="always_last",
        concurrency_limit=8,
        api_visibility="private",
    )
    for button, file in zip(offered, SHIPPED.values(), strict=True):
        button.click(
            partial(str, PICTURES / file),
            outputs=picture,
            show_progress="hidden",
            api_visibility="private",
        )
    another.click(
        None,
        outputs=seed,
        js=f"() => Math.floor(Math.random() * {MAX_SEED})",
        api_visibility="private",
    )
    walk_button.click(
        chain_messages,
        [*controls, t_now],
        chain,
        show_progress="hidden",
        concurrency_limit=4,
        js=SEND_T,
        api_visibility="private",
    )
    make.click(animation, controls, gif, concurrency_limit=4, api_visibility="private").then(
        lambda: gr.File(visible=True), outputs=gif, show_progress="hidden", api_visibility="private"
    )
    onward.click(
        start_here,
        [*controls, t_now],
        start,
        js=SEND_T,
        show_progress="hidden",
        api_visibility="private",
    )
    page.give("noise_picture", kept)
    page.give("noise_start", start)
