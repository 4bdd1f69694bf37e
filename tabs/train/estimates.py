"""What follows the controls of the Train tab: a training's cost, and the values of a preset."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import gradio as gr

from diffusion_core.data import ImageDataset
from diffusion_core.training_runs import TrainingPlan

from ..shared import models
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import TRAINING, sentence_of
from ..shared.limits import Limits
from ..shared.sessions import PUBLIC, SESSIONS
from .form import FRESH, OWN, PRESET_PARTS, PRESETS, TrainForm
from .jobs import QUEUE
from .plan import Filled, choices, facts, filled, patch_for, plan_of, seconds_a_step

NOTHING = "Choose pictures to learn from first."
MEASURING = "Measuring how long a training takes on this machine …"
# What a preset depends on, and the values that it filled in last, for each session.
_Asked = tuple[str, str, tuple[int, ...], int]
FILLED: dict[str, tuple[_Asked, dict[str, Any]]] = {}


def _forget(session: str) -> None:
    FILLED.pop(session, None)


SESSIONS.on_session_end.append(_forget)


def planned(session: str, form: TrainForm) -> tuple[TrainingPlan, ImageDataset]:
    """The plan that the controls describe, and the pictures that the session chose.

    Raises:
        ValueError: in one sentence, if there are no pictures or the plan is not possible.
    """
    dataset = SESSIONS.chosen(session)
    if dataset is None:
        raise ValueError(NOTHING)
    if PUBLIC and form.begin not in [FRESH, *(path for _, path in models.available(session))]:
        raise ValueError("Begin with one of the menu's models.")
    return plan_of(form, dataset, Limits.here())


def facts_now(preset: str, form: TrainForm, request: gr.Request) -> str:
    """Parameters, memory and time of the training that Train would begin now."""
    session = request.session_hash or ""
    try:
        plan, dataset = planned(session, settled(preset, form, session))
        return facts(plan, dataset, seconds_of(plan))
    except Exception as error:
        return sentence_of(error, TRAINING)


def seconds_of(plan: TrainingPlan, anew: bool = False) -> float | None:
    """Seconds of a step; while a training runs, only if they were measured before.

    Args:
        plan: The plan of the step.
        anew: Measure again where the last measure is old.
    """
    seconds = seconds_a_step(plan, known=True)
    if (anew or seconds is None) and not QUEUE.busy:
        with COMPUTE_QUEUE.slot():
            seconds = seconds_a_step(plan, known=QUEUE.busy)
    return seconds


def _filled(name: str, form: TrainForm, session: str) -> Filled:
    """The values of a preset on this machine, with the other controls as they are."""

    def measure(channels: str, batch: int) -> float | None:
        one = replace(form, steps=1, channels=channels, batch=batch)
        try:
            return seconds_of(planned(session, one)[0], anew=True)
        except Exception:
            return None  # the facts beside the presets show the error

    return filled(name, measure, Limits.here(), fixed=form.begin != FRESH)


def is_settled(preset: str, form: TrainForm, session: str) -> bool:
    """Whether what the preset fills in is known for the chosen pictures."""
    asked = _asked(preset, form, session)
    return asked is None or FILLED.get(session, (None,))[0] == asked


def settled(preset: str, form: TrainForm, session: str) -> TrainForm:
    """The form with the values that its preset has for the chosen pictures, measured if need be.

    A preset's values follow from the size of the pictures and from a measure, which takes seconds;
    until then the controls still hold those of before. What a person set is not changed, since
    the preset is then their own.
    """
    asked = _asked(preset, form, session)
    if asked is None:
        return form
    if not is_settled(preset, form, session):
        found = _filled(preset, form, session)
        if found.seconds is None:  # another training runs: what stands there stays
            return form
        _found(preset, found, form, session)
    return replace(form, patch=patch_for(asked[2][1]), **FILLED[session][1])


def _asked(preset: str, form: TrainForm, session: str) -> _Asked | None:
    """What the values of a preset depend on; None for one's own settings, or without pictures."""
    dataset = SESSIONS.chosen(session)
    if preset not in PRESETS or dataset is None:
        return None
    return preset, form.begin, dataset.shape, len(dataset.class_names)


def measured_presets(form: TrainForm, request: gr.Request) -> Any:
    """The presets with their times on this machine; as they are where those are not known."""
    session = request.session_hash or ""
    found = {name: _filled(name, form, session) for name in PRESETS}
    if QUEUE.busy and any(each.seconds is None for each in found.values()):
        return gr.skip()
    return gr.Radio(choices(found))


def preset_values(preset: str, form: TrainForm, request: gr.Request) -> str:
    """Values of `PRESET_PARTS` for a preset, for `filler`; "" for one's own settings."""
    if preset not in PRESETS:
        return ""
    session = request.session_hash or ""
    return _found(preset, _filled(preset, form, session), form, session)


def refilled(preset: str, form: TrainForm, request: gr.Request) -> str:
    """The same without a user's action: measured values stay until they can be measured anew."""
    session = request.session_hash or ""
    if preset in PRESETS:
        found = _filled(preset, form, session)
        if found.seconds is not None:
            return _found(preset, found, form, session)
    return ""


def suggested_patch(preset: str, request: gr.Request) -> str:
    """Values of `PATCH_PARTS` that suit the pictures' size, for `filler`; "" without pictures."""
    dataset = SESSIONS.chosen(request.session_hash or "")
    if dataset is None or preset == OWN:
        return ""
    return json.dumps({"preset": preset, "values": {"patch": patch_for(dataset.shape[1])}})


def _found(preset: str, found: Filled, form: TrainForm, session: str) -> str:
    """The values as the page's script takes them, which Train uses from now on."""
    values = {name: getattr(found, name) for name in PRESET_PARTS}
    if (asked := _asked(preset, form, session)) is not None:
        FILLED[session] = asked, values
    return json.dumps({"preset": preset, "values": values})


def begins(begin: str, size: int) -> Any:
    """The size of pictures that the checkpoint to begin with was trained on."""
    try:
        return size if begin == FRESH else models.get(begin).image_shape[1]
    except ValueError:
        return size
