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

from diffusion_core.data import read_picture

from ..shared.components import QUIET, STATIC, component, script, why
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import FILE, sentence_of
from ..shared.forms import Controls, wired
from ..shared.page import Page
from .compute import code, compare_message, figure, meaning, write_csv
from .form import ScheduleForm, address_updates

FIRST_PICTURE = STATIC / "pictures" / "chelsea.png"
FIGURE_SECONDS = 0.25
CONCURRENT_FIGURES = 16  # each sleeps most of its time
SHOWN_PARTS = ("plot", "stage", "meaning", "code")
POINTS = ("p0", "p1", "p2", "p3", "p4")
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
        gr.Error: if a schedule cannot be built; one sentence, and what is there stays.
    """
    try:
        form = form.checked()
        updates = {
            "plot": figure(form),
            "meaning": meaning(form),
            "code": code(form),
        }
        if picture is not None:
            updates["stage"] = compare_message(picture, form)
        return updates
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None


def paced_update(last: float, picture: np.ndarray | None, form: ScheduleForm) -> dict[str, Any]:
    """`update`, at most four times a second: a figure is sent whole and redrawn.

    Args:
        last: Time of the last figure, in seconds of the monotonic clock; updated as "made".
        picture: The picture shown under the schedules, uint8 (H, W, C).
        form: The values of the controls.
    """
    time.sleep(max(0.0, min(FIGURE_SECONDS, last + FIGURE_SECONDS - time.monotonic())))
    try:
        return {**update(picture, form), "made": time.monotonic()}
    except gr.Error as error:  # raised, it would drop what was typed meanwhile
        gr.Warning(error.message)
        return {"made": time.monotonic()}


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


def build(page: Page) -> None:
    """Lay out the tab and wire it.

    Args:
        page: The page: gives the Noise tab's picture, which is shown under the schedules.
    """
    controls = Controls(ScheduleForm)
    picture = page["noise_picture"]
    gr.Markdown(
        "A schedule says how fast a picture becomes noise. Point at the plot: below it stands the "
        "same picture, at that timestep, under every schedule.",
        elem_classes=["lead"],
    )
    with gr.Row(elem_classes=["tab-row"]):
        with gr.Column(scale=2, min_width=300):
            for name in ("names", "what", "axis", "T", "zero"):
                controls.place(name)
            with gr.Accordion("Parameters", open=False):
                for name in ("beta_start", "beta_end", "s", "start", "end", "tau"):
                    controls.place(name)
            with gr.Accordion("Draw your own", open=False):
                gr.Markdown(
                    "Log-SNR at five times, from first to last: drag the points, or give them as "
                    "numbers. None can lie above the one before."
                )
                drawing = component("draw", json.dumps(controls.opening.points), "draw-stage")
                points = [controls.place(name) for name in POINTS]
            gr.Markdown("The picture is that of the Noise tab.", elem_classes=["hint"])
        opening = update(read_picture(FIRST_PICTURE), controls.opening)
        with gr.Column(scale=5, elem_classes=["stage"]):
            plot = gr.Plot(
                opening["plot"], show_label=False, elem_id="schedule-plot", container=False
            )
            controls.add("plot", plot)
            controls.add("stage", component("compare", opening["stage"], "schedule-stage"))
            with gr.Accordion("What it means for a model", open=True):
                controls.add("meaning", gr.Markdown(opening["meaning"], elem_classes=["meaning"]))
            with gr.Row():
                save = gr.Button("Make CSV", size="md", min_width=120)
                file = gr.File(label="schedules.csv", interactive=False, visible=False)
            with gr.Accordion("Code", open=False):
                lines = gr.Code(
                    opening["code"], language="python", label="The same in Python", wrap_lines=True
                )
                controls.add("code", lines)
            why(WHY)
    addressed, names = controls.inputs, controls["names"]
    address = script("lib/address.js", "writeControls", "schedules", [*controls.table])
    drawing.input(
        None,
        [drawing, names],
        [names, *points],
        js=script("draw/clicks.js", "chooseDrawn"),
        api_visibility="private",
    ).then(None, addressed, js=address, api_visibility="private")
    gr.on(
        [p.change for p in points],
        None,
        points,
        js=script("draw/clicks.js", "drawPoints"),
        api_visibility="private",
    )
    made = controls.add("made", gr.State(0.0))
    gr.on(
        [page.select, *(c.change for c in [picture, *addressed])],
        **wired(paced_update, [made, picture, controls], controls.named(*SHOWN_PARTS, "made")),
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
    page.on_load(
        **wired(from_address, outputs=controls.named(*controls.table)), api_visibility="private"
    )
