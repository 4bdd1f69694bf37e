"""A step of the walk in the player, opened in the Inside tab; and moving along the walk there."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import gradio as gr

from diffusion_core.engines import CUDA_GRAPHS, ONNXRUNTIME
from diffusion_core.generation import Recording

from ..shared import models
from ..shared.class_menu import NO_CLASS, classes
from ..shared.components import LATEST, QUIET, script
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.forms import Named, wired
from ..shared.number_input import beside
from ..shared.page import Page, open_tab
from ..shared.walk_step import WalkStep
from .run_registry import recorded

# What a note says of a walk by another engine than torch, which Inside looks into.
BY_ENGINE = {
    ONNXRUNTIME: ("by ONNX Runtime there, torch here: millionths apart",),
    CUDA_GRAPHS: ("by CUDA graphs there, by the same kernels one by one here",),
}


def step_of(run_id: str, card: str, index: Any, session: str) -> WalkStep:
    """A step of a walk, to the bits of the walk itself.

    Args:
        run_id: The run's name.
        card: Its run card, which stands in for a recording that is no longer here.
        index: Number of the walk's steps before this one; the last one is taken for a larger one.
        session: The session whose own models are included.

    Raises:
        ValueError: with a sentence for the page, if there is no such walk or step.
    """
    if not run_id and not card:
        raise ValueError("Press Denoise first, then open a step of its walk.")
    record = recorded(run_id, card)
    if record.settings.resample:
        raise ValueError(
            "A walk that fills a hole takes each step several times, and keeps no state between "
            "them; open a step of another walk."
        )
    known = models.by_hash(record.checkpoint.weights_hash, session)
    if known is None:
        raise ValueError("The model of this walk is no longer here; walk it anew with another.")
    return _step_of(record, known[0], run_id, card, index)


def _step_of(record: Recording, model: str, run_id: str, card: str, index: Any) -> WalkStep:
    settings, checkpoint = record.settings, record.checkpoint
    timesteps = settings.timesteps(checkpoint)
    steps = len(timesteps)
    at = max(0, min(int(index or 0), steps - 1))
    with COMPUTE_QUEUE.slot():
        x_t = record.moment(at).x_t[:1].float().cpu()
    assert record.result is not None
    given = None if record.given is None else record.given.picture
    y = checkpoint.condition(settings.condition)
    if y is not None and not isinstance(y, int):
        y = y[:1]
    number = None if settings.label is None else checkpoint.label(settings.label)
    names = [name for name in classes(model) if name != NO_CLASS]
    notes = [
        f"step {at} of {steps} of the walk with seed {settings.seed}",
        *(["its first picture"] if settings.num_images > 1 else []),
        *(["guided there, not here"] if settings.guidance_scale != 1 else []),
        *(["by a changed network there, the plain one here"] if settings.switches else []),
        *BY_ENGINE.get(settings.engine(checkpoint), ()),
    ]
    return WalkStep(
        model,
        NO_CLASS if number is None else names[number],
        timesteps[at],
        x_t,
        record.result[:1] if given is None else given[:1].float().cpu(),
        ", ".join(notes),
        given is not None,
        y,
        run_id,
        card,
        at,
        steps,
        uuid4().hex,
    )


def open_step(run_id: str, card: str, index: float, request: gr.Request) -> dict[str, Any]:
    """Updates for "Open inside": the step in the player for the Inside tab, which is gone to."""
    try:
        step = step_of(run_id, card, index, request.session_hash or "")
    except Exception as error:
        return {"open_told": beside(sentence_of(error, COMPUTATION))}
    return {"step": step, "tabs": open_tab("inside"), "open_told": ""}


def move_along(step: WalkStep | None, number: float | None, request: gr.Request) -> dict[str, Any]:
    """Updates for the Inside tab's slider: another step of the walk that it shows."""
    if step is None or number is None or int(number) == step.index:
        return {}
    try:
        moved = step_of(step.run, step.card, number, request.session_hash or "")
    except Exception as error:
        return {"told": beside(sentence_of(error, COMPUTATION))}
    return {"step": moved, "told": ""}


def follow_player(
    step: WalkStep | None, run_id: str, card: str, index: float, request: gr.Request
) -> dict[str, Any]:
    """Updates when the Inside tab is opened again: it shows where the player now stands."""
    if step is None or not run_id or run_id != step.run or int(index) == step.index:
        return {}
    return move_along(step, index, request)


def build(page: Page) -> None:
    """Lay out the button below the player and wire it.

    Args:
        page: The page: gives the step that the Inside tab shows, its slider along the walk, and the
            place for its sentences.
    """
    button = gr.Button(
        "Open inside: this step in the network", size="md", elem_id="denoise-open-inside"
    )
    told = gr.HTML(elem_classes=["told"])
    run_id, card = gr.Textbox(visible=False), gr.Textbox(visible=False)
    index = gr.Number(visible=False)
    asks = {"js": script("player/clicks.js", "withShownStep"), **QUIET}
    step, along = page["inside_step"], page["inside_along"]
    button.click(
        **wired(
            open_step,
            [run_id, card, index],
            Named({"step": step, "tabs": page.tabs, "open_told": told}),
        ),
        **asks,
    )
    here = Named({"step": step, "told": page["inside_told"]})
    # Not more than one evaluation at a time, and of the moves meanwhile only the last.
    along.input(
        **wired(move_along, [step, along], here),
        trigger_mode="always_last",
        concurrency_limit=8,
        **QUIET,
    )
    page["inside_tab"].select(
        **wired(follow_player, [step, run_id, card, index], here), **asks | LATEST
    )
