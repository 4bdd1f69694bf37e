"""What a walk begins with: noise, two seeds, a picture, a picture with a hole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from diffusion_core.data import read_picture
from diffusion_core.generation import MAX_RESAMPLE, MAX_SEED

from ..shared import models
from ..shared.components import QUIET, STATIC, component
from ..shared.picture_upload import picture_input
from ..shared.start_image import Start
from .form import BEGINNINGS, HOLE, NOISE, PICTURE, SEEDS, hole_message

FIRST_PICTURE = STATIC / "pictures" / "ankle-boot.png"
FIRST_T = 600


@dataclass(frozen=True)
class Beginning:
    """The controls that say what a walk begins with.

    Attributes:
        begin: Which of `BEGINNINGS`.
        seed_to: Where the noise leads to.
        picture, t: The picture, and the timestep that it is noised to.
        start: State that holds both as a `Start`.
        hole: The painter; its value says what is open.
        resample: How often each step is taken.
        groups: What is shown only with one of the beginnings: seeds, picture, hole.
    """

    begin: gr.Radio
    seed_to: gr.Number
    picture: gr.Image
    t: gr.Slider
    start: gr.State
    hole: gr.HTML
    resample: gr.Slider
    groups: tuple[gr.Group, gr.Group, gr.Group]


def first_start(model: str) -> Start | None:
    """The picture that is there before anybody chose one; None without a model."""
    try:
        schedule = models.get(model).schedule
    except ValueError:
        return None
    t = min(FIRST_T, len(schedule) - 1)
    return Start(read_picture(FIRST_PICTURE), float(schedule.log_snr(t)))


def controls(model: str) -> Beginning:
    """Lay the controls out; `wire` makes them work."""
    begin = gr.Radio(list(BEGINNINGS), value=NOISE, label="Begin with")
    with gr.Group(visible=False) as seeds:
        seed_to = gr.Number(
            42,
            label="Second seed",
            precision=None,
            info=f"nine pictures lead from the first seed's noise to this one's; 0 to {MAX_SEED}",
        )
    with gr.Group(visible=False) as of_picture:
        picture = picture_input(
            value=str(FIRST_PICTURE),
            label="Picture to begin with",
            height=180,
            sources=["upload", "clipboard", "webcam"],
            alt_text="the picture to begin with",
        )
        t = gr.Slider(
            0,
            999,
            value=FIRST_T,
            step=1,
            label="Noised to t",
            info="0 hardly at all, 999 until nothing is left",
        )
    start = gr.State(first_start(model))
    with gr.Group(visible=False) as open_part:
        hole = component("hole", "{}", "denoise-hole")
        resample = gr.Slider(
            1,
            MAX_RESAMPLE,
            value=5,
            step=1,
            label="Times each step is taken",
            info="more of it, and the new part fits the old better (RePaint)",
        )
    groups = (seeds, of_picture, open_part)
    return Beginning(begin, seed_to, picture, t, start, hole, resample, groups)


def wire(
    parts: Beginning, model: gr.Dropdown, loaded: gr.State, begins: gr.Markdown, forget: gr.Button
) -> None:
    """Make the controls follow each other.

    Args:
        parts: From `controls`.
        model: The model's menu.
        loaded: Changes when the model can be read.
        begins: Says what happens to the picture.
        forget: Goes back to noise.
    """
    # On the user's own doing only: what the Noise tab hands over comes as a `Start` already.
    gr.on(
        [parts.picture.input, parts.picture.clear, parts.t.input],
        own_start,
        [parts.picture, parts.t, model],
        parts.start,
        trigger_mode="always_last",
        **QUIET,
    )
    gr.on(
        [parts.start.change, parts.begin.change, loaded.change],
        shown,
        [parts.begin, parts.start, loaded, parts.hole],
        [begins, forget, *parts.groups, parts.t, parts.hole],
        **QUIET,
    )
    forget.click(lambda: NOISE, outputs=parts.begin, **QUIET)


def own_start(picture: np.ndarray | None, t: float, model: str) -> Any:
    """The chosen picture as a `Start`."""
    try:
        checkpoint = models.get(model)
    except ValueError:
        return gr.skip()
    if picture is None:
        return None
    t = max(0, min(int(t), len(checkpoint.schedule) - 1))
    return Start(picture, float(checkpoint.schedule.log_snr(t)))


def shown(begin: str, start: Start | None, model: str, hole: str) -> list[Any]:
    """What is on the page for this beginning, and what it says of the picture.

    The hole stays while its picture does.
    """
    words = ""
    if begin == PICTURE:
        try:
            words = start.words(models.get(model)) if start else "Choose a picture to begin with."
        except ValueError as error:
            words = str(error)
    return [
        gr.Markdown(words, visible=begin == PICTURE),
        gr.Button(visible=begin != NOISE),
        gr.Group(visible=begin == SEEDS),
        gr.Group(visible=begin in (PICTURE, HOLE)),
        gr.Group(visible=begin == HOLE),
        gr.Slider(visible=begin == PICTURE),
        hole_message(start, model, hole) if begin == HOLE else gr.skip(),
    ]


def from_noise_tab(given: Start | None, model: str) -> list[Any]:
    """Values of begin, start, picture and t for what the Noise tab hands over."""
    if given is None:
        return [gr.skip()] * 4
    try:
        _, t = given.fit(models.get(model))
    except ValueError:
        return [gr.skip()] * 4
    return [PICTURE, given, given.picture, t]
