"""The view "Learn": a small network learns the points while one watches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
import torch

from diffusion_core.seeding import parse_seed

from ..shared.components import QUIET, component, never_silent, script
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.forms import Named, wired
from ..shared.number_input import beside
from ..shared.stop_signals import STOP_SIGNALS
from ..shared.wire import PointsLearnMessage, packed_points
from .form import LEARNT as LEARNT_MODEL
from .form import PointsForm
from .learning import BOUND, Look, looks, steps_here
from .learnt import LEARNT, Learnt
from .points_page import Asked, PointsPage
from .subject import DIFFUSION, Subject, subject_of

EVENTS = "points/clicks.js"


def learn_message(subject: Subject, run: str, state: str, look: Look | None) -> PointsLearnMessage:
    """What a training has come to.

    Args:
        subject: The points.
        run: The name of the run; "" where nothing was trained.
        state: See `PointsLearnMessage`.
        look: The last look; None before the first.
    """
    of = steps_here() if look is None else look.of
    return {
        "run": run,
        "state": state,
        "step": 0 if look is None else look.step,
        "of": of,
        "seconds": 0.0 if look is None else round(look.seconds, 1),
        "data": packed_points(subject.held_out.numpy()),
        "particles": packed_points((torch.zeros(0, 2) if look is None else look.samples).numpy()),
        "losses": [] if look is None else list(look.losses),
        "ratios": [] if look is None else list(look.ratios),
        "bound": BOUND,
        "recognised": None if look is None else look.recognised,
        "words": subject.words,
    }


def show_learn(asked: Asked) -> dict[str, Any]:
    """Updates of the view: how the training of these points ended, or the points alone."""
    known = LEARNT.of(asked.session, asked.subject.key, DIFFUSION)
    empty = learn_message(asked.subject, "", "empty", None)
    return {"learn_stage": json.dumps(empty if known is None else known.message)}


def train(form: PointsForm, run: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Updates while a network learns the points: of "learn_stage", "told" and "model".

    Args:
        form: The controls' values.
        run: The name of the run, by which Stop ends it.
        request: The request, of which the session is known.
    """
    session = request.session_hash or ""
    with STOP_SIGNALS.sign_of(f"{session} points", run) as sign:
        try:
            subject, seed = subject_of(form), parse_seed(form.seed)
            waiting = learn_message(subject, run, "waiting", None)
            yield {"learn_stage": json.dumps(waiting), "told": ""}
            with COMPUTE_QUEUE.place(sign.is_set) as place:
                if not place.wait():
                    stopped = learn_message(subject, run, "stopped", None)
                    yield {"learn_stage": json.dumps(stopped)}
                    return
                for look in looks(subject, DIFFUSION, seed, place.over):
                    state = "running"
                    if look.last:
                        state = "done" if look.step == look.of else "stopped"
                    message = learn_message(subject, run, state, look)
                    if look.last:
                        learnt = Learnt(look.denoiser, look.step, message)
                        LEARNT.keep(session, subject.key, DIFFUSION, learnt)
                    update = {"learn_stage": json.dumps(message)}
                    yield update | ({"model": LEARNT_MODEL} if look.last else {})
        except Exception as error:
            yield {"told": beside(sentence_of(error, COMPUTATION))}


def stop(run: str) -> None:
    """Handler of Stop: end the run that the page shows."""
    STOP_SIGNALS.stop(run)


def build_learn(points: PointsPage) -> None:
    """Lay the view out and wire it, with the buttons Train and Stop."""
    controls = points.controls
    stage = component("points_learn", "{}", "points-learn")
    outputs = Named({"learn_stage": stage})
    points.follow("learn", show_learn, [], outputs)
    run = gr.Textbox(visible=False)
    controls["train"].click(
        **wired(never_silent(train), [controls, run], outputs | controls.named("told", "model")),
        js=script(EVENTS, "beginTraining"),
        trigger_mode="multiple",
        concurrency_limit=None,
        **QUIET,
    )
    controls["stop"].click(
        stop, run, None, js=script(EVENTS, "shownTraining"), queue=False, **QUIET
    )
