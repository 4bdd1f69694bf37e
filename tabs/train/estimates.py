"""What follows the controls of the Train tab: what a training takes, what a preset fills in."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from diffusion_core.data import ImageDataset
from diffusion_core.training_runs import TrainingPlan

from ..shared import models
from ..shared.errors import TRAINING, sentence_of
from ..shared.limits import Limits
from ..shared.sessions import PUBLIC, SESSIONS
from .jobs import QUEUE
from .plan import (
    FRESH,
    OWN,
    PRESETS,
    Filled,
    Settings,
    choices,
    facts,
    filled,
    patch_for,
    plan_of,
    seconds_a_step,
)

NOTHING = "Choose pictures to learn from first, and wait until they are shown."


def planned(session: str, values: tuple[Any, ...]) -> tuple[TrainingPlan, ImageDataset]:
    """The plan that the controls ask for, and the pictures that the session chose.

    Raises:
        ValueError: in one sentence, if there are none or it cannot be.
    """
    dataset = SESSIONS.chosen(session)
    if dataset is None:
        raise ValueError(NOTHING)
    if PUBLIC and values[0] not in [FRESH, *(path for _, path in models.available(session))]:
        raise ValueError("Begin with one of the menu's models.")
    return plan_of(Settings(*values), dataset, Limits.here())


def facts_now(request: gr.Request, *values: Any) -> str:
    """What the training would take, for the controls as they are."""
    try:
        plan, dataset = planned(request.session_hash or "", values)
        return facts(plan, dataset, seconds_of(plan))
    except Exception as error:
        return sentence_of(error, TRAINING)


def seconds_of(plan: TrainingPlan) -> float | None:
    """Of a step; while a training runs, only if it was measured before."""
    return seconds_a_step(plan, known=QUEUE.busy)


def _filled(name: str, values: tuple[Any, ...], session: str) -> Filled:
    """What a preset comes to here, with the other controls as they are."""

    def measure(channels: str, batch: int) -> float | None:
        s = Settings(*values)._replace(steps=1, channels=channels, batch=batch)
        try:
            return seconds_of(planned(session, s)[0])
        except Exception:
            return None  # what stands in the way is said beside

    return filled(name, measure, Limits.here(), fixed=values[0] != FRESH)


def measured_presets(request: gr.Request, *values: Any) -> Any:
    """The presets with their times on this machine; as they are where those are not known."""
    session = request.session_hash or ""
    found = {name: _filled(name, values, session) for name in PRESETS}
    if QUEUE.busy and any(each.seconds is None for each in found.values()):
        return gr.skip()
    return gr.Radio(choices(found))


def preset_values(request: gr.Request, preset: str, *values: Any) -> str:
    """Steps, batch, channels and EMA of a preset, for `filler`; "" where one's own stand."""
    if preset not in PRESETS:
        return ""
    return _found(preset, _filled(preset, values, request.session_hash or "")[:4])


def refilled(request: gr.Request, preset: str, *values: Any) -> str:
    """The same where nobody asked for it: what was measured stays until it can be measured anew."""
    if preset in PRESETS:
        found = _filled(preset, values, request.session_hash or "")
        if found.seconds is not None:
            return _found(preset, found[:4])
    return ""


def suited(preset: str, request: gr.Request) -> str:
    """The patch that suits the pictures' size, for `filler`; "" where there are none."""
    dataset = SESSIONS.chosen(request.session_hash or "")
    return "" if dataset is None else _found(preset, [patch_for(dataset.shape[1])])


def _found(preset: str, values: Any) -> str:
    return "" if preset == OWN else json.dumps({"preset": preset, "values": values})


def filler(num: int) -> str:
    """JavaScript that fills controls in, in the page itself.

    Finding what to fill in takes a while, in which somebody may type or choose another preset:
    what was found for a preset that no longer stands is dropped, and what they typed stays.

    Args:
        num: How many controls.

    Returns:
        A function of what was found, the preset that stands, and what the controls hold.
    """
    return f"""(found, preset, ...now) => {{
      const of = found ? JSON.parse(found) : {{}};
      return of.preset === preset ? of.values : now.slice(0, {num});
    }}"""


def begins(begin: str, size: int) -> Any:
    """The size of pictures that the checkpoint to begin with was trained on."""
    try:
        return size if begin == FRESH else models.get(begin).image_shape[1]
    except ValueError:
        return size
