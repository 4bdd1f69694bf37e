"""Handlers of the Train tab."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import gradio as gr

from diffusion_core.fitting import Plan

from .. import models
from ..own import OWNERS, PUBLIC
from . import keeping, presets
from .folders import free_folder
from .jobs import Job, sentence_of
from .limits import Limits
from .lines import LINE
from .pictures import FOLDER, MINE, SHIPPED, read, words
from .plans import (
    FRESH,
    Settings,
    facts,
    patch_for,
    plan_of,
    seconds_a_step,
    with_saves,
)
from .watching import before, failed, follow

TELL_SECONDS = 0.4
NOTHING = "Choose pictures to learn from first, and wait until they are shown."


def shown_inputs(source: str) -> list[gr.Group]:
    """Upload, folder and size, as the source needs them."""
    mine, local = source == MINE, source == FOLDER
    return [gr.Group(visible=mine), gr.Group(visible=local), gr.Group(visible=mine or local)]


def chosen_pictures(
    source: str,
    files: list[str] | None,
    folder: str,
    size: int,
    request: gr.Request,
    *,
    opening: bool = False,
) -> Iterator[tuple[Any, Any]]:
    """Read what was chosen: a sheet for the stage, and words. What cannot be read is said."""
    session = request.session_hash or ""
    if opening and OWNERS.chosen(session) is not None:
        yield gr.skip(), gr.skip()
        return
    OWNERS.drop(session)  # never is trained on other pictures than the controls name
    if (source == MINE and not files) or (source == FOLDER and not folder.strip()):
        yield gr.skip(), "Choose a zip, pictures or a folder; they will be shown here."
        return
    seen: list[int] = []

    def note(done: int, total: int) -> None:
        seen[:] = [done, total]

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read, source, files, folder, int(size), Limits.here(), note)
        while wait([reading], timeout=TELL_SECONDS).not_done:
            far = f" {seen[0]:,} of {seen[1]:,}" if seen else ""
            yield gr.skip(), f"Reading the pictures{far} …"
    try:
        dataset = reading.result()
    except Exception as error:
        yield failed(sentence_of(error)), "These pictures cannot be used; choose others."
        return
    OWNERS.keep(session, dataset)
    job = LINE.of(session, OWNERS.public)
    runs = job is not None and not job.over  # then the stage is its own
    yield gr.skip() if runs else before(dataset, f"before {time.monotonic()}"), words(dataset)


def opened(
    source: str, files: list[str] | None, folder: str, size: int, request: gr.Request
) -> Iterator[tuple[Any, Any]]:
    """The tab is opened: read what the controls say, unless that was done."""
    yield from chosen_pictures(source, files, folder, size, request, opening=True)


def _plan(session: str, values: tuple[Any, ...]) -> tuple[Any, Any]:
    dataset = OWNERS.chosen(session)
    if dataset is None:
        raise ValueError(NOTHING)
    if PUBLIC and values[0] not in [FRESH, *(path for _, path in models.available(session))]:
        raise ValueError("Begin with one of the menu's models.")
    return plan_of(Settings(*values), dataset, Limits.here())


def facts_now(request: gr.Request, *values: Any) -> str:
    """What the training would take, for the controls as they are."""
    try:
        plan, dataset = _plan(request.session_hash or "", values)
        return facts(plan, dataset, _seconds(plan))
    except Exception as error:
        return sentence_of(error)


def _seconds(plan: Plan) -> float | None:
    """Of a step; while a training runs, only if it was measured before."""
    return seconds_a_step(plan, known=LINE.busy)


def _filled(name: str, values: tuple[Any, ...], session: str) -> presets.Filled:
    """What a preset comes to here, with the other controls as they are."""

    def measure(channels: str, batch: int) -> float | None:
        s = Settings(*values)._replace(steps=1, channels=channels, batch=batch)
        try:
            return _seconds(_plan(session, s)[0])
        except Exception:
            return None  # what stands in the way is said beside

    return presets.filled(name, measure, Limits.here(), fixed=values[0] != FRESH)


def measured_presets(request: gr.Request, *values: Any) -> Any:
    """The presets with their times on this machine; as they are where those are not known."""
    session = request.session_hash or ""
    found = {name: _filled(name, values, session) for name in presets.PRESETS}
    if LINE.busy and any(each.seconds is None for each in found.values()):
        return gr.skip()
    return gr.Radio(presets.choices(found))


def preset_values(request: gr.Request, preset: str, *values: Any) -> list[Any]:
    """Steps, batch, channels and EMA of a preset; the user's own stay."""
    if preset not in presets.PRESETS:
        return [gr.skip()] * 4
    return list(_filled(preset, values, request.session_hash or "")[:4])


def refilled(request: gr.Request, preset: str, *values: Any) -> list[Any]:
    """The same where nobody asked for it: what was measured stays until it can be measured anew."""
    if preset in presets.PRESETS:
        found = _filled(preset, values, request.session_hash or "")
        if found.seconds is not None:
            return list(found[:4])
    return [gr.skip()] * 4


def suited(patch: float, preset: str, request: gr.Request) -> Any:
    """The patch that suits the pictures' size, unless it is one's own or there are none."""
    dataset = OWNERS.chosen(request.session_hash or "")
    return patch if dataset is None or preset == presets.OWN else patch_for(dataset.shape[1])


def begins(begin: str, size: int) -> Any:
    """The size of pictures that the checkpoint to begin with was trained on."""
    try:
        return size if begin == FRESH else models.get(begin).image_shape[1]
    except ValueError:
        return size


def train(request: gr.Request, name: str, *values: Any) -> Iterator[str]:
    """Handler of Train: take a place in the line, and tell of it until it is over."""
    session = request.session_hash or ""
    try:
        plan, dataset = _plan(session, values)
        if (seconds := _seconds(plan)) is not None:
            plan = with_saves(plan, seconds)
        folder = free_folder(OWNERS.folder(session), name)
        job = Job(folder.name, session, plan, dataset, folder, Limits.here().minutes)
        LINE.enter(job)
    except Exception as error:
        yield failed(sentence_of(error))
        return
    yield from follow(job, session)


def go_on(path: str | None, request: gr.Request) -> Iterator[str]:
    """Handler of "Go on training"."""
    session = request.session_hash or ""
    try:
        job = keeping.resumed(path, session, Limits.here())
        LINE.enter(job)
    except Exception as error:
        yield failed(sentence_of(error))
        return
    yield from follow(job, session)


def watch(request: gr.Request) -> Iterator[str]:
    """What runs already, for a page that is opened while it does."""
    session = request.session_hash or ""
    job = LINE.of(session, OWNERS.public)
    if job is not None:
        yield from follow(job, session)


def stop(request: gr.Request) -> None:
    """Handler of Stop: after the step being computed; what was learned is kept."""
    job = LINE.of(request.session_hash or "", OWNERS.public)
    if job is not None:
        LINE.stop(job)


def own_menu(own: str | None, begin: str, model: str, request: gr.Request) -> list[Any]:
    """The menus that list models: one's own, Begin with, and the Denoise tab's."""
    session = request.session_hash or ""
    mine, all_ = keeping.own_models(session), models.available(session)
    paths = [path for _, path in mine]
    here = own if own in paths else (paths[0] if paths else None)
    known = [FRESH, *(path for _, path in all_)]
    return [
        gr.Dropdown(mine, value=here),
        gr.Dropdown([FRESH, *all_], value=begin if begin in known else FRESH),
        gr.Dropdown(all_) if model in known or not PUBLIC else gr.Dropdown(all_, value=known[1]),
    ]


def newest(own: str | None, begin: str, model: str, request: gr.Request) -> list[Any]:
    """The same menus after a training, with what was trained last chosen."""
    job = LINE.of(request.session_hash or "", OWNERS.public)
    return own_menu(own if job is not None and not job.over else None, begin, model, request)


def zip_file(path: str | None, request: gr.Request) -> list[Any]:
    """The chosen model as a zip to download."""
    try:
        made = keeping.zipped(path, request.session_hash or "")
        return [gr.File(made, visible=True), gr.skip()]
    except ValueError as error:
        return [gr.skip(), str(error)]


def delete(path: str | None, request: gr.Request) -> Any:
    """Delete the chosen model; an empty path is one that was not meant."""
    if not path:
        return gr.skip()
    try:
        return f"{keeping.deleted(path, request.session_hash or '')} is deleted."
    except ValueError as error:
        return str(error)


def first_pictures() -> str:
    """The stage as the page opens: the shipped pictures, and noise."""
    return before(read(SHIPPED, None, "", 28, Limits.here()))
