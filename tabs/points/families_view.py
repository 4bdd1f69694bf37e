"""The view "Families": a GAN, a VAE, a flow, flow matching and diffusion learn the same points."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

from diffusion_core.seeding import parse_seed

from ..shared.components import QUIET, component, never_silent, script
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.forms import Named, wired
from ..shared.limits import PageLimit
from ..shared.number_input import beside
from ..shared.sessions import SESSIONS
from ..shared.stop_signals import STOP_SIGNALS
from ..shared.wire import (
    PointsClaim,
    PointsFamiliesMessage,
    PointsFamily,
    PointsFamilyPicture,
    PointsFamilyRow,
    as_base64,
    packed_points,
)
from .families_compute import SHOWN, Look, claims, looks, measure, pictures
from .form import PointsForm
from .points_page import Asked, PointsPage
from .subject import Subject, subject_of

EVENTS = "points_families/clicks.js"
SECONDS = (3, 6, 15)  # of training, for each family
MOST_PUBLIC = 6  # on a page for strangers


def families_message(
    subject: Subject, run: str, state: str, of: float, collapse: bool, look: Look | None = None
) -> PointsFamiliesMessage:
    """What the families have come to; measured where the training has ended.

    Args:
        subject: The points.
        run: The name of the run; "" where none was begun.
        state: See `PointsFamiliesMessage`.
        of: Seconds that each is to train.
        collapse: Whether the GAN is provoked to lose modes.
        look: The last look; None before the first.
    """
    families: list[PointsFamily] = []
    rows: list[PointsFamilyRow] = []
    told: list[PointsClaim] = []
    if look is not None:
        for learner, samples, ratio in zip(look.learners, look.samples, look.ratios, strict=True):
            families.append(
                {
                    "key": learner.key,
                    "title": learner.title,
                    "samples": packed_points(samples.clamp(-9, 9).numpy()),
                    "ratio": float(f"{max(ratio, 0.0):.3g}"),
                    "steps": learner.steps,
                    "seconds": round(learner.seconds, 2),
                    "parameters": learner.parameters,
                    "picture": packed(pictures(learner, subject)),
                }
            )
        if look.last:
            measured = [measure(learner, subject) for learner in look.learners]
            for row in measured:
                values: Any = dataclasses.asdict(row)
                del values["key"]
                rows.append(values)
            told = [
                {"claim": c.claim, "verdict": c.verdict, "figures": c.figures}
                for c in claims(measured)
            ]
    return {
        "run": run,
        "state": state,
        "seconds": 0.0 if look is None else round(look.seconds, 1),
        "of": of,
        "data": packed_points(subject.held_out[:SHOWN].numpy()),
        "families": families,
        "rows": rows,
        "claims": told,
        "words": subject.words,
        "collapse": collapse,
    }


def packed(picture: dict[str, Any]) -> PointsFamilyPicture:
    """Arrays as a message has them."""
    made: Any = {}
    for key, value in picture.items():
        if isinstance(value, np.ndarray):
            made[key] = as_base64(value) if value.dtype == np.uint8 else packed_points(value)
        else:
            made[key] = value
    return made


def checked_seconds(seconds: object) -> int:
    """The seconds that the control holds.

    Raises:
        ValueError: with a sentence for the page, if it holds others than it offers.
        PageLimit: if there are more than this page allows.
    """
    if isinstance(seconds, bool) or seconds not in SECONDS:
        offered = " or ".join([", ".join(map(str, SECONDS[:-1])), str(SECONDS[-1])])
        raise ValueError(f"Seconds for each family is {seconds!r}: it takes {offered}.")
    assert isinstance(seconds, int)
    if SESSIONS.public and seconds > MOST_PUBLIC:
        raise PageLimit(
            f"This page trains each family for at most {MOST_PUBLIC} seconds; choose fewer, or run "
            "the playground on your own computer."
        )
    return seconds


def show_families(asked: Asked, shown: str) -> dict[str, Any]:
    """Updates of the view when the points changed: the points alone.

    Args:
        asked: The points.
        shown: The key of the points that the view shows; while it is theirs, all stays.
    """
    if shown == asked.subject.key:
        return {}
    empty = families_message(asked.subject, "", "empty", SECONDS[0], False)
    return {"families_stage": json.dumps(empty), "families_of": asked.subject.key}


def train_families(
    form: PointsForm, seconds: object, collapse: bool, run: str, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """Updates while all families learn the points: of "families_stage", "families_of", "told".

    Args:
        form: The controls' values.
        seconds: Of training, for each family.
        collapse: Whether the GAN is provoked to lose modes.
        run: The name of the run, by which Stop ends it.
        request: The request, of which the session is known.
    """
    session, collapse = request.session_hash or "", bool(collapse)
    with STOP_SIGNALS.sign_of(f"{session} points families", run) as sign:
        try:
            of, subject, seed = checked_seconds(seconds), subject_of(form), parse_seed(form.seed)

            def message(state: str, look: Look | None = None) -> dict[str, Any]:
                made = families_message(subject, run, state, of, collapse, look)
                return {"families_stage": json.dumps(made)}

            yield {**message("waiting"), "families_of": subject.key, "told": ""}
            with COMPUTE_QUEUE.place(sign.is_set) as place:
                if not place.wait():
                    yield message("stopped")
                    return
                for look in looks(subject, seed, of, collapse, place.over):
                    state = "running"
                    if look.last:
                        state = "done" if look.seconds >= of else "stopped"
                    yield message(state, look)
        except Exception as error:  # what is shown stays
            yield {"told": beside(sentence_of(error, COMPUTATION))}


def stop_families(run: str) -> None:
    """Handler of Stop: end the run that the view shows."""
    STOP_SIGNALS.stop(run)


def build_families(points: PointsPage) -> None:
    """Lay the view out and wire it."""
    controls = points.controls
    gr.Markdown(
        "**Five families, one task.** Each has about 59,000 parameters and trains for the same "
        "seconds, in turns. Watch their samples, then compare the figures.",
        elem_classes=["hint"],
    )
    with gr.Row(elem_classes=["view-row"]):
        train = gr.Button("Train all", variant="primary", min_width=110, elem_id="families-train")
        stop = gr.Button("Stop all", min_width=90, elem_id="families-stop")
    with gr.Row(elem_classes=["view-row"]):
        seconds = gr.Radio(
            [(f"{count} s", count) for count in SECONDS],
            value=SECONDS[1],
            label="Seconds for each family",
            min_width=260,
            elem_classes=["in-a-row"],
            elem_id="families-seconds",
        )
        collapse = gr.Checkbox(
            label="Provoke mode collapse in the GAN",
            info="No gradient penalty, momentum, and a generator that learns ten times as fast.",
            min_width=260,
            elem_id="families-collapse",
        )
    stage = component("points_families", "{}", "points-families")
    shown, run = gr.State(""), gr.Textbox(visible=False)
    outputs = Named({"families_stage": stage, "families_of": shown})
    points.follow("families", show_families, [shown], outputs)
    train.click(
        **wired(
            never_silent(train_families),
            [controls, seconds, collapse, run],
            outputs | controls.named("told"),
        ),
        js=script(EVENTS, "beginFamilies"),
        trigger_mode="multiple",
        concurrency_limit=None,
        **QUIET,
    )
    stop.click(stop_families, run, None, js=script(EVENTS, "shownFamilies"), queue=False, **QUIET)
