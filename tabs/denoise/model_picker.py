"""Choosing a model: one of the menu, a folder, or one of the Hub, which is fetched in view."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import gradio as gr

from diffusion_core.checkpoint import Checkpoint, plain_id

from ..shared import fetching, models
from ..shared.sessions import PUBLIC, SESSIONS
from ..shared.text import span
from .browser_walk import runs_on
from .defaults import (
    OWN,
    class_menu,
    has_no_condition,
    own_way,
    recommended_settings,
    too_long,
)

SHOWN_REASONS = 3  # of folders that are left out of the menu
ALSO = (
    f"Model also takes a Hub id{'' if PUBLIC else ' or a folder'}: type it there, for example "
    "google/ddpm-cifar10-32."
)
ARRIVED_PARTS = ("loaded", "label", "model_summary", "guidance", "runs_on")
CHOSEN_PARTS = (*ARRIVED_PARTS, "model", "sampler", "steps", "spacing", "images")


def choose(
    text: str | None, loaded: str, label: str | None, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """Handler of the model's menu: bring what was chosen, showing how far that is.

    A choice ends the one before it, and all that follows from one comes with it.

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
    work = yield from fetching.bring(name, _stage(request), lambda line: {"model_summary": line})
    if work is None:
        return
    if work.error is not None:
        yield {"model_summary": work.refusal(), "model": loaded}
        return
    model = work.value
    checkpoint = models.for_walks(models.get(model))
    settings = recommended_settings(checkpoint)
    if has_no_condition(model, label):
        settings["guidance"] = 1
    yield {
        "model_summary": model_summary(checkpoint),
        "model": gr.Dropdown(models.available(request.session_hash or ""), value=model),
        "loaded": model,
        "label": class_menu(model, label),
        "runs_on": gr.Radio(**runs_on(checkpoint)),
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
        checkpoint = models.for_walks(models.get(model))
    except ValueError:
        return {}
    left = fetching.end_others(_stage(request), model)
    if model == loaded:
        return {} if left is None else {"model_summary": left or model_summary(checkpoint)}
    updates: dict[str, Any] = {
        "loaded": model,
        "label": class_menu(model, label),
        "model_summary": model_summary(checkpoint),
        "runs_on": gr.Radio(**runs_on(checkpoint)),
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
        return model_summary(models.for_walks(models.get(model)))
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
