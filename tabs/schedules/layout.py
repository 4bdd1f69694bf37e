"""The Schedules tab: beta, alpha-bar and log-SNR curves, compared."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ..shared.components import LATEST, QUIET, component, script, why
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import FILE, sentence_of
from ..shared.forms import Controls, wired
from ..shared.number_input import BadField, beside
from ..shared.page import Page
from .compute import code, compare_message, figure, meaning, write_csv
from .form import (
    OF_LOG_SNR,
    PARAMETER_NAMES,
    POINTS,
    QUANTITIES,
    ScheduleForm,
    address_updates,
    suited_axis,
)

FIGURE_SECONDS = 0.25
CONCURRENT_FIGURES = 16  # each sleeps most of its time
SHOWN_PARTS = ("plot", "stage", "meaning", "code")
# Places beside the controls for what is wrong with them, and the fields that each is beside.
PLACES = {
    "names_told": ("names",),
    "told": ("T",),
    "parameters_told": PARAMETER_NAMES,
    "points_told": POINTS,
}
WHY = r"""
A schedule says how fast the picture goes. What a network sees of it is one number a timestep, the
log-SNR $\log \bar\alpha_t / (1 - \bar\alpha_t)$: two schedules with the same log-SNR at some $t$
show it the same picture. The linear schedule (Ho et al. 2020) spends long on what is almost pure
noise; the cosine (Nichol and Dhariwal 2021) keeps the picture longer; the sigmoid (Jabri et al.
2022) can be bent either way. Where $\bar\alpha_{T-1}$ is not 0, the last training picture still
shows something, and sampling begins with what training never saw (Lin et al. 2023).

*Try:* point at the middle of the plot. Under which schedule can you still say what it shows?
"""


def update(picture: np.ndarray | None, form: ScheduleForm) -> dict[str, Any]:
    """Updates of `SHOWN_PARTS`, all that the stage shows; a stage without a picture stays.

    Raises:
        ValueError: if a schedule cannot be built; one sentence, and what is there stays.
    """
    form = form.checked()
    updates = {
        "plot": figure(form),
        "meaning": meaning(form),
        "code": code(form),
    }
    if picture is not None:
        updates["stage"] = compare_message(picture, form)
    return updates


def told(form: ScheduleForm, error: ValueError | None = None) -> dict[str, str]:
    """The sentences of `PLACES`: what is wrong, where one looks, and nothing elsewhere."""
    words = dict.fromkeys(PLACES, "")
    if isinstance(error, BadField):
        words |= {place: str(error) for place, fields in PLACES.items() if error.field in fields}
    elif error is not None:
        words["told"] = str(error)
    else:
        words["points_told"] = form.rising
    return {place: beside(sentence) for place, sentence in words.items()}


def paced_update(last: float, picture: np.ndarray | None, form: ScheduleForm) -> dict[str, Any]:
    """`update`, at most four times a second: a figure is sent whole and redrawn.

    It never raises: Gradio drops what was typed meanwhile when a handler does.

    Args:
        last: Time of the last figure, in seconds of the monotonic clock; updated as "made".
        picture: The picture shown under the schedules, uint8 (H, W, C).
        form: The values of the controls.
    """
    time.sleep(max(0.0, min(FIGURE_SECONDS, last + FIGURE_SECONDS - time.monotonic())))
    try:
        shown, wrong = update(picture, form), told(form)
    except ValueError as error:
        shown, wrong = {}, told(form, error)
    return {**shown, **wrong, "made": time.monotonic()}


def save_csv(form: ScheduleForm) -> Iterator[str]:
    """The table as a file, for the controls' values; its path, while it is needed."""
    try:
        choice = form.checked()
        with tempfile.TemporaryDirectory() as folder:  # Gradio keeps a copy, and lets it go in time
            path = Path(folder) / "schedules.csv"
            with COMPUTE_QUEUE.slot():
                write_csv(choice, path)
            yield str(path)
    except (ValueError, OSError) as error:
        raise gr.Error(sentence_of(error, FILE), print_exception=False) from None


def from_address(request: gr.Request) -> dict[str, Any]:
    """Updates of the controls whose values stand in the page's address."""
    return address_updates(dict(request.query_params))


def _place_told(controls: Controls[ScheduleForm], name: str) -> None:
    """A place for a sentence about the controls above it."""
    controls.add(name, gr.HTML(elem_classes=["told"]))


def build(page: Page) -> None:
    """Lay out the tab and wire it.

    Args:
        page: The page: gives the Noise tab's picture, which is shown under the schedules.
    """
    controls = Controls(ScheduleForm)
    picture = page["noise_picture"]
    gr.Markdown(
        "A schedule says how fast a picture becomes noise. Point at the plot: below it is the same "
        "picture at that timestep, under every schedule.",
        elem_classes=["lead"],
    )
    with gr.Row(elem_classes=["tab-row", "with-folds"]):
        with gr.Column(scale=2, min_width=300, elem_classes=["controls"]):
            controls.place("names")
            _place_told(controls, "names_told")
            for name in ("what", "axis", "T", "zero"):
                controls.place(name)
            _place_told(controls, "told")
            with gr.Accordion("Parameters", open=False):
                for name in PARAMETER_NAMES:
                    controls.place(name)
                _place_told(controls, "parameters_told")
            with gr.Accordion("Draw your own", open=False) as own:
                gr.Markdown(
                    "Drag the five points of *drawn* on the plot, or move them by arrow keys. "
                    "Here are their numbers, the log-SNR at five times. None can lie above the one "
                    "before.",
                    elem_classes=["hint"],
                )
                for name in POINTS:
                    controls.place(name)
                _place_told(controls, "points_told")
            gr.Markdown("The picture is that of the Noise tab.", elem_classes=["hint"])
        opening = update(picture.value, controls.opening)
        with gr.Column(scale=5, elem_classes=["stage"]):
            plot = gr.Plot(
                opening["plot"], show_label=False, elem_id="schedule-plot", container=False
            )
            controls.add("plot", plot)
            drawing = component("draw", json.dumps(controls.opening.points), "draw-stage")
            controls.add("stage", component("compare", opening["stage"], "schedule-stage"))
        with gr.Column(scale=5, elem_classes=["folds"]):
            with gr.Accordion("What it means for a model", open=True):
                controls.add("meaning", gr.Markdown(opening["meaning"], elem_classes=["meaning"]))
            with gr.Accordion("Code", open=False):
                lines = gr.Code(
                    opening["code"], language="python", label="The same in Python", wrap_lines=True
                )
                controls.add("code", lines)
            with gr.Row():
                save = gr.Button("Make CSV", size="md", min_width=120, scale=0)
                file = gr.File(label="schedules.csv", interactive=False, visible=False)
            why(WHY)
    addressed, names, what = controls.inputs, controls["names"], controls["what"]
    points = [controls[name] for name in POINTS]
    address = script("lib/address.js", "writeControls", "schedules", [*controls.table])
    drawing.input(
        None,
        [drawing, names],
        [names, *points],
        js=script("draw/clicks.js", "chooseDrawn"),
        api_visibility="private",
    ).then(None, addressed, js=address, api_visibility="private")
    drawable = [words for words, kind in QUANTITIES.items() if kind in OF_LOG_SNR]
    own.expand(
        None,
        [names, what],
        [names, what],
        js=script("draw/clicks.js", "beginDrawing", drawable),
        api_visibility="private",
    ).then(None, addressed, js=address, api_visibility="private")
    what.input(suited_axis, what, controls["axis"], queue=False, **LATEST).then(
        None, addressed, js=address, api_visibility="private"
    )
    gr.on(
        [p.change for p in points],
        None,
        points,
        js=script("draw/clicks.js", "drawPoints"),
        api_visibility="private",
    )
    made = controls.add("made", gr.State(0.0))
    all_parts = (*SHOWN_PARTS, *PLACES, "made")
    gr.on(
        [page.select, *(c.change for c in [picture, *addressed])],
        **wired(paced_update, [made, picture, controls], controls.named(*all_parts)),
        trigger_mode="always_last",
        concurrency_limit=CONCURRENT_FIGURES,
        **QUIET,
    )
    gr.on(
        [c.input for c in addressed],
        None,
        addressed,
        js=address,
        api_visibility="private",
    )
    save.click(**wired(save_csv, [controls], file), api_visibility="private").then(
        lambda: gr.File(visible=True), outputs=file, **QUIET
    )
    page.on_address(**wired(from_address, outputs=controls.named(*controls.table)))
