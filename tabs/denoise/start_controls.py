"""What a walk begins with: noise, two seeds, a picture, a picture with a hole."""

from __future__ import annotations

from math import ceil
from typing import Any

import gradio as gr
import numpy as np

from diffusion_core.data import read_picture

from ..shared import models
from ..shared.components import QUIET
from ..shared.forms import Controls, wired
from ..shared.picture_upload import picture_input
from ..shared.start_image import StartImage
from ..shared.suited_picture import first_picture, suited
from .form import (
    HOLE,
    HOLE_ETA,
    MOST_STEPS,
    NOISE,
    PICTURE,
    ROW,
    SEEDS,
    WORDS,
    DenoiseForm,
    fitting,
    hole_message,
)
from .sampler_words import SAMPLER_WORDS

FIRST_T = 600
HOLE_WORDS = "A hole takes ddim or ddpm: other samplers change to ddim with eta 1."
FOLD_WORDS = {
    NOISE: "begins with noise · change",
    SEEDS: "begins with two seeds · change",
    PICTURE: "begins with a picture · change",
    HOLE: "begins with a hole to fill · change",
}


def first_start(model: str) -> StartImage | None:
    """The picture that is there before anybody chose one; None without a model."""
    try:
        schedule = models.get(model).schedule
    except ValueError:
        return None
    t = min(FIRST_T, len(schedule) - 1)
    return StartImage(read_picture(first_picture(model)), float(schedule.log_snr(t)))


def show_suited(file: str, t: float | None, model: str) -> tuple[str, Any]:
    """The picture that suits a model, and what begins with it."""
    return file, own_start(read_picture(file), t, model)


def place(controls: Controls[DenoiseForm]) -> None:
    """Lay the controls out, in a fold whose name says what is chosen; `wire` makes them work."""
    fold = gr.Accordion(FOLD_WORDS[NOISE], open=False, elem_id="denoise-begin")
    with controls.add("begin_fold", fold):
        controls.place("begin")
        with controls.add("seeds_group", gr.Column(visible=False, min_width=0)):
            with gr.Column(elem_classes=["lines"], min_width=0):
                controls.place("seed_to")
            gr.Markdown(
                f"{ROW} pictures lead from the first seed's noise to this one's, so that the "
                "number of Images has no effect.",
                elem_classes=["hint"],
            )
        with controls.add("picture_group", gr.Column(visible=False, min_width=0)):
            picture = picture_input(
                value=str(first_picture(controls.opening.model)),
                label="Picture to begin with",
                height=180,
                sources=["upload", "clipboard", "webcam"],
                alt_text="the picture to begin with",
            )
            controls.add("picture", picture)
            t = gr.Slider(
                0,
                999,
                value=FIRST_T,
                step=1,
                label="Noised to t",
                info="0: hardly any noise; 999: nothing of the picture is left",
            )
            controls.add("t", t)
        controls.place("start", value=first_start(controls.opening.model))
        with controls.add("hole_group", gr.Column(visible=False, min_width=0)):
            gr.Markdown(
                "The hole is painted in the view *Hole* of the stage.", elem_classes=["hint"]
            )
            controls.place("resample")


SHOWN_PARTS = (
    "begin_fold",
    "images",
    "begins",
    "begin_with_noise",
    "seeds_group",
    "picture_group",
    "hole_group",
    "t",
    "hole",
)


def wire(controls: Controls[DenoiseForm]) -> None:
    """Make the controls follow each other.

    Args:
        controls: The tab's controls, with those that `place` laid out; "loaded" changes when the
            model can be read; "begins" shows what happens to the picture; "begin_with_noise" goes
            back to noise.
    """
    begin, picture, t = controls["begin"], controls["picture"], controls["t"]
    start, loaded = controls["start"], controls["loaded"]
    # On the user's own action only: the Noise tab hands over a `StartImage` that is made already.
    gr.on(
        [picture.input, picture.clear, t.input],
        own_start,
        [picture, t, controls["model"]],
        start,
        trigger_mode="always_last",
        **QUIET,
    )
    # Two events, since an update of the picture that changes nothing would make it anew, and it
    # would then read files as Gradio does.
    file = gr.State(str(first_picture(controls.opening.model)))
    loaded.change(suited, [picture, loaded], file, **QUIET)
    file.change(show_suited, [file, t, loaded], [picture, start], **QUIET)
    gr.on(
        [start.change, begin.change, loaded.change],
        **wired(shown, [begin, start, loaded, controls["hole"]], controls.named(*SHOWN_PARTS)),
        **QUIET,
    )
    sampler, steps = controls["sampler"], controls["steps"]
    gr.on(
        [sampler.change, begin.change, steps.change, loaded.change],
        **wired(sampler_told, [sampler, begin, steps, loaded], controls.named(*SAMPLER_PARTS)),
        trigger_mode="always_last",
        **QUIET,
    )
    controls["more_steps"].click(wanted_steps, [sampler, loaded], steps, **QUIET)
    controls["begin_with_noise"].click(lambda: NOISE, outputs=begin, **QUIET)


def own_start(picture: np.ndarray | None, t: float | None, model: str) -> Any:
    """The chosen picture as a `StartImage`; as it was where the timestep was emptied."""
    try:
        checkpoint = models.get(model)
    except ValueError:
        return gr.skip()
    if t is None:
        return gr.skip()
    if picture is None:
        return None
    t = max(0, min(int(t), len(checkpoint.schedule) - 1))
    return StartImage(picture, float(checkpoint.schedule.log_snr(t)))


def shown(begin: str, start: StartImage | None, model: str, hole: str) -> dict[str, Any]:
    """Updates of `SHOWN_PARTS`: what is seen for this beginning, and the words on the picture.

    The hole stays while its picture does.
    """
    words = ""
    if begin == HOLE:
        words = "**A picture with a hole:** paint over the part that is to be filled."
    if begin == PICTURE:
        try:
            words = start.words(models.get(model)) if start else "Choose a picture to begin with."
        except ValueError as error:
            words = str(error)
    updates = {
        "begin_fold": gr.Accordion(label=FOLD_WORDS.get(begin, FOLD_WORDS[NOISE])),
        "images": gr.Radio(interactive=begin != SEEDS),
        "begins": gr.Markdown(words, visible=bool(words)),
        "begin_with_noise": gr.Button(visible=begin != NOISE),
        "seeds_group": gr.Column(visible=begin == SEEDS),
        "picture_group": gr.Column(visible=begin in (PICTURE, HOLE)),
        "hole_group": gr.Column(visible=begin == HOLE),
        "t": gr.Slider(visible=begin == PICTURE),
    }
    return {**updates, "hole": hole_message(start, model, hole)} if begin == HOLE else updates


SAMPLER_PARTS = ("sampler", "eta", "sampler_words", "more_steps")


def sampler_told(sampler: str, begin: str, steps: float | None, model: str) -> dict[str, Any]:
    """Updates of `SAMPLER_PARTS`: the words for a sampler, and what it needs.

    A sampler that cannot fill a hole gives way to one that can. One that needs more steps than are
    set is offered them by a button.

    Args:
        sampler: The menu's choice.
        begin: What the walk begins with.
        steps: The number of steps that is set.
        model: The model.
    """
    chosen = fitting(sampler, begin)
    words = WORDS.get(chosen, "")
    if begin == HOLE:
        words += f" **{HOLE_WORDS}**"
    offered = wanted_steps(chosen, model)
    offer = gr.Button(f"Set {offered:,} steps", visible=bool(steps and steps < offered))
    updates: dict[str, Any] = {"sampler_words": words, "more_steps": offer}
    if chosen != sampler:
        updates |= {"sampler": chosen, "eta": HOLE_ETA}
    return updates


def wanted_steps(sampler: str, model: str) -> int:
    """The steps that a sampler needs for a good picture of this model; 0 where few are enough."""
    try:
        T = len(models.get(model).schedule)
    except ValueError:
        return 0
    words = SAMPLER_WORDS.get(sampler)
    return min(ceil(words.share * T), MOST_STEPS) if words else 0


NOISE_TAB_PARTS = ("begin", "start", "picture", "t")


def from_noise_tab(given: StartImage | None, model: str) -> dict[str, Any]:
    """Updates of `NOISE_TAB_PARTS` for what the Noise tab hands over; none where there is none."""
    if given is None:
        return {}
    try:
        _, t = given.fit(models.get(model))
    except ValueError:
        return {}
    return {"begin": PICTURE, "start": given, "picture": given.shown, "t": t}
