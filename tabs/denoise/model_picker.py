"""Choosing a model: one of the menu, a folder, or one of the Hub, which is fetched in view."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import gradio as gr

from diffusion_core.checkpoint import Checkpoint, plain_id

from ..shared import models
from ..shared.cache import Cache
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.fetching import SECONDS, Fetching
from ..shared.sessions import PUBLIC, SESSIONS
from ..shared.stop_signals import STOP_SIGNALS
from ..shared.text import span
from .defaults import (
    OWN,
    class_menu,
    has_no_condition,
    own_way,
    recommended_settings,
    too_long,
)

# The latest choice of a session that could not be brought, and the sentence that says why.
REFUSED: Cache[tuple[str, str]] = Cache(256)
SHOWN_REASONS = 3  # of folders that are left out of the menu
ALSO = (
    f"Model also takes a Hub id{'' if PUBLIC else ' or a folder'}: type it there, for example "
    "google/ddpm-cifar10-32."
)
ARRIVED_PARTS = ("loaded", "label", "model_summary", "guidance")
CHOSEN_PARTS = (*ARRIVED_PARTS, "model", "sampler", "steps", "spacing", "images")


def choose(
    text: str | None, loaded: str, label: str | None, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """Handler of the model's menu: bring what was chosen, showing how far that is.

    Gradio's menu reports one choice twice, and a person may choose again while a download is on
    its way; so a choice ends the one before it, and all that follows from one comes with it.

    Args:
        text: The choice, as chosen or typed.
        loaded: The page's present model, to which it returns where this one fails.
        label: The chosen class.
        request: The request, which names the session.

    Yields:
        Updates of `CHOSEN_PARTS`, by name; nothing any more when another choice took its place.
    """
    name = plain_id((text or "").strip())
    if not name:
        yield {"model_summary": "", "model": loaded}
        return
    with STOP_SIGNALS.sign_of(_stage(request), f"{name}\n{uuid4().hex}") as sign:
        work = Fetching(name, sign)
        try:
            while not work.over.wait(SECONDS) and not sign.is_set():
                yield {"model_summary": work.line()}
        finally:
            superseded = sign.is_set()
            sign.set()  # the page went, or chose otherwise: the download ends
    if superseded:
        return
    if work.error is not None:
        sentence = html.escape(sentence_of(work.error, COMPUTATION))
        error = f'<p class="error" role="alert">{sentence}</p>'
        REFUSED.put(_stage(request), (name, error))
        yield {"model_summary": error, "model": loaded}
        return
    model = work.value
    checkpoint = models.get(model)
    settings = recommended_settings(checkpoint)
    if has_no_condition(model, label):
        settings["guidance"] = 1
    yield {
        "model_summary": model_summary(checkpoint),
        "model": gr.Dropdown(models.available(request.session_hash or ""), value=model),
        "loaded": model,
        "label": class_menu(model, label),
        **settings,
    }


def _stage(request: gr.Request) -> str:
    return f"{request.session_hash or ''} model"


def arrived(model: str, loaded: str, label: str | None, request: gr.Request) -> dict[str, Any]:
    """Updates of `ARRIVED_PARTS` where the menu's value was changed, by whomever.

    What is not here yet changes nothing; `choose` brings it. What is here, as the model of a run
    card, ends the download of another.
    """
    try:
        checkpoint = models.get(model)
    except ValueError:
        return {}
    ended, _, _ = STOP_SIGNALS.end(_stage(request), f"{model}\n").partition("\n")
    if model == loaded:
        if not ended:
            return {}
        # The line told how far that one is. Where it was the second report of a choice that had
        # failed, the first one's sentence stays.
        refused, error = REFUSED.get(_stage(request)) or ("", "")
        return {"model_summary": error if refused == ended else model_summary(checkpoint)}
    updates: dict[str, Any] = {
        "loaded": model,
        "label": class_menu(model, label),
        "model_summary": model_summary(checkpoint),
    }
    if has_no_condition(model, label):
        updates["guidance"] = 1
    return updates


def model_summary(checkpoint: Checkpoint) -> str:
    """The model in a line, and more of it where the line is unfolded: its pace and its notes."""
    C, H, W = checkpoint.image_shape
    count = checkpoint.num_parameters / 1e6
    line = f"{count:,.3g} million parameters · {H} × {W} {'grey' if C == 1 else 'colour'}"
    seconds = models.evaluation_seconds_of(checkpoint)
    words = [
        f"T = {len(checkpoint.schedule):,}. One evaluation of one picture takes about "
        f"{span(1000 * seconds)} on this machine."
    ]
    sampler, steps, seconds = own_way(checkpoint)
    if checkpoint.config.sampling.get("sampler") and too_long(steps, seconds):
        words.append(
            f"The model's files recommend {sampler} with {steps:,} steps. Four pictures would take "
            f"about {span(1000 * seconds)} on this machine, so {OWN.sampler} with {OWN.steps} "
            "steps is set."
        )
    words += checkpoint.config.notes
    words += _left_out()
    words.append(ALSO)
    told = "".join(f"<p>{html.escape(each)}</p>" for each in words)
    return f"<details><summary>{html.escape(line)}</summary>{told}</details>"


def opening_summary(model: str) -> str:
    """The summary of the model that the page opens with; empty where it cannot be read."""
    try:
        return model_summary(models.get(model))
    except ValueError:
        return ""


def _left_out() -> list[str]:
    """What the menu lacks, and why, where the owner reads it: on a page at home."""
    if SESSIONS.public:
        return []
    reasons = models.left_out()
    more = len(reasons) - SHOWN_REASONS
    words = [f"Not in the menu: {each}" for each in reasons[:SHOWN_REASONS]]
    return words + ([f"{more:,} more folders are not in the menu."] if more > 0 else [])
