"""Handlers of the Train tab."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import gradio as gr

from ..shared import models
from ..shared.errors import TRAINING, sentence_of
from ..shared.limits import Limits
from ..shared.page import open_tab
from ..shared.sessions import PUBLIC, SESSIONS
from . import my_models
from .datasets import FOLDER, MINE, SHIPPED, read, words
from .estimates import planned, seconds_of
from .form import FRESH, SourceForm, TrainForm
from .jobs import QUEUE, Job, free_folder
from .messages import before, failed, follow
from .plan import with_saves

TELL_SECONDS = 0.4
# The groups of controls that a source may need, and what shows the pictures that were read.
SOURCE_GROUPS, PICTURE_PARTS = ("upload", "local", "sized"), ("stage", "words")


def shown_inputs(source: str) -> dict[str, Any]:
    """Updates of `SOURCE_GROUPS`: upload, folder and size, as the source needs them."""
    mine, local = source == MINE, source == FOLDER
    return {
        "upload": gr.Group(visible=mine),
        "local": gr.Group(visible=local),
        "sized": gr.Group(visible=mine or local),
    }


def chosen_pictures(
    form: SourceForm, request: gr.Request, *, opening: bool = False
) -> Iterator[dict[str, Any]]:
    """Read what was chosen; updates of `PICTURE_PARTS`, whose words may be an error."""
    session = request.session_hash or ""
    if opening and SESSIONS.chosen(session) is not None:
        yield {}
        return
    SESSIONS.drop(session)  # never is trained on other pictures than the controls name
    no_files = form.source == MINE and not form.files
    if no_files or (form.source == FOLDER and not form.folder.strip()):
        yield {"words": "Choose a zip, pictures or a folder; they will be shown here."}
        return
    seen: list[int] = []

    def note(done: int, total: int) -> None:
        seen[:] = [done, total]

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(
            read, form.source, form.files, form.folder, int(form.size), Limits.here(), note
        )
        while wait([reading], timeout=TELL_SECONDS).not_done:
            far = f" {seen[0]:,} of {seen[1]:,}" if seen else ""
            yield {"words": f"Reading the pictures{far} …"}
    try:
        dataset = reading.result()
    except Exception as error:
        yield {
            "stage": failed(sentence_of(error, TRAINING)),
            "words": "These pictures cannot be used; choose others.",
        }
        return
    SESSIONS.keep(session, dataset)
    job = QUEUE.of(SESSIONS.visitor(session), SESSIONS.public)
    runs = job is not None and not job.over  # then the stage is its own
    sheet = {} if runs else {"stage": before(dataset, f"before {time.monotonic()}")}
    yield {**sheet, "words": words(dataset)}


def opened(form: SourceForm, request: gr.Request) -> Iterator[dict[str, Any]]:
    """The tab is opened: read the chosen pictures, unless that was done."""
    yield from chosen_pictures(form, request, opening=True)


def train(name: str, form: TrainForm, request: gr.Request) -> Iterator[str]:
    """Handler of Train: take a place in the line, and report on it until it is over."""
    session = request.session_hash or ""
    try:
        plan, dataset = planned(session, form)
        if (seconds := seconds_of(plan)) is not None:
            plan = with_saves(plan, seconds)
        folder = free_folder(SESSIONS.folder(session), name)
        job = Job(
            folder.name, SESSIONS.visitor(session), plan, dataset, folder, Limits.here().minutes
        )
        QUEUE.enter(job)
    except Exception as error:
        yield failed(sentence_of(error, TRAINING))
        return
    yield from follow(job, session)


def go_on(path: str | None, request: gr.Request) -> Iterator[str]:
    """Handler of "Go on training"."""
    session = request.session_hash or ""
    try:
        job = my_models.resumed(path, session, Limits.here())
        QUEUE.enter(job)
    except Exception as error:
        yield failed(sentence_of(error, TRAINING))
        return
    yield from follow(job, session)


def watch(request: gr.Request) -> Iterator[str]:
    """What runs already, for a page that is opened while it does."""
    session = request.session_hash or ""
    job = QUEUE.of(SESSIONS.visitor(session), SESSIONS.public)
    if job is not None:
        yield from follow(job, session)


def stop(request: gr.Request) -> None:
    """Handler of Stop: after the step being computed; what was learned is kept."""
    job = QUEUE.of(SESSIONS.visitor(request.session_hash or ""), SESSIONS.public)
    if job is not None:
        QUEUE.stop(job)


# The menus that list models: one's own, Begin with, and the Denoise tab's.
MENUS = ("own", "begin", "denoise_model")


def own_menu(own: str | None, begin: str, model: str, request: gr.Request) -> dict[str, Any]:
    """Updates of `MENUS` for the models that there are now."""
    session = request.session_hash or ""
    mine, all_ = my_models.own_models(session), models.available(session)
    paths = [path for _, path in mine]
    here = own if own in paths else (paths[0] if paths else None)
    known = [FRESH, *(path for _, path in all_)]
    stays = model in known or not PUBLIC
    return {
        "own": gr.Dropdown(mine, value=here),
        "begin": gr.Dropdown([FRESH, *all_], value=begin if begin in known else FRESH),
        "denoise_model": gr.Dropdown(all_) if stays else gr.Dropdown(all_, value=known[1]),
    }


def newest(own: str | None, begin: str, model: str, request: gr.Request) -> dict[str, Any]:
    """The same menus after a training, with what was trained last chosen."""
    job = QUEUE.of(SESSIONS.visitor(request.session_hash or ""), SESSIONS.public)
    return own_menu(own if job is not None and not job.over else None, begin, model, request)


# What becomes of a zip: the file to download, or a sentence.
ZIP_PARTS = ("file", "outcome")


def zip_file(path: str | None, request: gr.Request) -> Iterator[dict[str, Any]]:
    """The chosen model as a zip to download; updates of `ZIP_PARTS`."""
    with tempfile.TemporaryDirectory() as into:  # Gradio keeps a copy, and lets it go in time
        try:
            made = my_models.zipped(path, request.session_hash or "", Path(into))
            yield {"file": gr.update(value=made, visible=True)}
        except ValueError as error:
            yield {"outcome": str(error)}


# What "Denoise with it" changes: the Denoise tab's menu, and which tab is seen.
USE_PARTS = ("denoise_model", "tabs")


def use(path: str | None) -> dict[str, Any]:
    """Updates of `USE_PARTS`: go over to the Denoise tab with the chosen model, if there is one."""
    return {"denoise_model": path, "tabs": open_tab("denoise")} if path else {}


def delete(path: str | None, request: gr.Request) -> Any:
    """Delete the chosen model; an empty path is one that was not meant."""
    if not path:
        return gr.skip()
    try:
        return f"{my_models.deleted(path, request.session_hash or '')} is deleted."
    except ValueError as error:
        return str(error)


def first_pictures() -> str:
    """The stage as the page opens: the shipped pictures, and noise."""
    return before(read(SHIPPED, None, "", 28, Limits.here()))
