"""Handlers of the Train tab."""

from __future__ import annotations

import html
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from diffusion_core.data import ImageDataset

from ..shared import models
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import DELETION, FILE, TRAINING, sentence_of
from ..shared.limits import Limits
from ..shared.page import open_tab
from ..shared.sessions import PUBLIC, SESSIONS
from . import my_models
from .datasets import FOLDER, MINE, SHIPPED, read, words
from .estimates import MEASURING, NOTHING, facts_now, is_settled, planned, seconds_of, settled
from .form import FRESH, SourceForm, TrainForm
from .jobs import QUEUE, Job, free_folder
from .messages import before, failed, follow
from .plan import with_saves

TELL_SECONDS = 0.4
BEGINS_SECONDS = 2.0  # in which a reading begins that was asked for just before
WAITS = "The training starts when the pictures are read …"
NOT_USED = "The pictures above are of before; they are not used any more."
CANCELLED = "The reading was cancelled; choose pictures when you like."
# The groups of controls that a source may need, and what shows the pictures that were read.
SOURCE_GROUPS, PICTURE_PARTS = (
    ("upload", "local", "sized"),
    (
        "stage",
        "words",
        "cancel",
        "facts",
        "refused",
    ),
)


@dataclass(frozen=True, eq=False)
class Reading:
    """Pictures that are being read, for one session.

    Attributes:
        form: The choice that they were.
        ended: Set when they are not wanted any more.
    """

    form: SourceForm
    ended: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """End the reading if it is not wanted any more.

        Raises:
            InterruptedError: if so.
        """
        if self.ended.is_set():
            raise InterruptedError


READINGS: dict[str, Reading] = {}  # by session
READ: dict[str, SourceForm] = {}  # the choice whose reading has ended last, by session
WAITING: dict[str, threading.Event] = {}  # the sign that ends a wait for pictures, by session


def _forget(session: str) -> None:
    READ.pop(session, None)


SESSIONS.on_session_end.append(_forget)


def end_reading(session: str) -> None:
    """End the reading of this session's pictures, if there is one."""
    reading = READINGS.get(session)
    if reading is not None:
        reading.ended.set()


def cancel_reading(request: gr.Request) -> None:
    """Handler of "Cancel reading"."""
    end_reading(request.session_hash or "")


def superseded(form: SourceForm, request: gr.Request) -> None:
    """Something else was chosen: end the reading of what was chosen before."""
    reading = READINGS.get(request.session_hash or "")
    if reading is not None and reading.form != form:
        reading.ended.set()


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
    if opening and (SESSIONS.chosen(session) is not None or session in READINGS):
        yield {}
        return
    SESSIONS.drop(session)  # never is trained on other pictures than the controls name
    no_files = form.source == MINE and not form.files
    if no_files or (form.source == FOLDER and not form.folder.strip()):
        READ[session] = form
        yield {
            "words": "Choose a zip, pictures or a folder; they will be shown here.",
            "facts": NOTHING,
            "refused": "",
        }
        return
    for path in form.files or []:
        SESSIONS.visitor(session)
        SESSIONS.uploaded(session, path)
    seen = (0, 0)

    def note(done: int, total: int) -> None:
        nonlocal seen
        seen = done, total
        own.check()

    dataset: ImageDataset | None = None
    own = READINGS[session] = Reading(form)
    pool = ThreadPoolExecutor(1, thread_name_prefix="reading")
    asked = (form.source, form.files, form.folder, int(form.size), Limits.here(), note)
    try:
        with COMPUTE_QUEUE.place() as place:
            while not place.wait(TELL_SECONDS):
                own.check()
                if place.given_up():
                    return
                yield {
                    "words": "The pictures wait until others have been computed …",
                    "cancel": gr.Button(visible=True),
                    "facts": MEASURING,
                }
            future = pool.submit(read, *asked, form.value_range)
            while wait([future], timeout=TELL_SECONDS).not_done and not own.ended.is_set():
                yield {
                    "words": _so_far(*seen),
                    "cancel": gr.Button(visible=True),
                    "facts": MEASURING,
                }
        own.check()
        dataset = future.result()
    except InterruptedError:
        yield {"words": CANCELLED, "cancel": gr.Button(visible=False), "facts": NOTHING}
        return
    except Exception as error:
        yield {
            "refused": _refused(sentence_of(error, TRAINING)),
            "words": NOT_USED,
            "cancel": gr.Button(visible=False),
            "facts": NOTHING,
        }
        return
    finally:  # also when the page goes: the thread ends with the picture that it reads
        own.ended.set()
        pool.shutdown(wait=False)
        if READINGS.get(session) is own:
            READ[session] = form
            if dataset is not None:
                SESSIONS.keep(session, dataset)
            del READINGS[session]
    job = QUEUE.of(SESSIONS.visitor(session), SESSIONS.public)
    runs = job is not None and not job.over  # then the stage is its own
    sheet = {} if runs else {"stage": before(dataset, f"before {time.monotonic()}")}
    hidden = gr.Button(visible=False)
    yield {**sheet, "words": words(dataset), "cancel": hidden, "facts": MEASURING, "refused": ""}


def _refused(sentence: str) -> str:
    """Why pictures cannot be used, as HTML beside the field that they were given in."""
    return f'<p class="error" role="alert">{html.escape(sentence, quote=False)}</p>'


def _so_far(done: int, total: int) -> str:
    """How far a reading is: `total` is 0 while files are counted."""
    if total:
        return f"Reading the pictures {done:,} of {total:,} …"
    return f"Counting the files: {done:,} so far …" if done else "Reading the pictures …"


def opened(form: SourceForm, request: gr.Request) -> Iterator[dict[str, Any]]:
    """The tab is opened: read the chosen pictures, unless that was done."""
    yield from chosen_pictures(form, request, opening=True)


# What a press of Train changes: the stage, and the line on what the training takes.
START_PARTS = PICTURE_PARTS


def start_training(
    name: str, preset: str, source: SourceForm, form: TrainForm, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """Handler of Train: wait for the chosen pictures and for the plan that suits them, then train.

    Pictures are read for a while after they were chosen, and a preset's steps are measured after
    that; a training that began before would follow the plan of other pictures.

    Args:
        name: Name of the model.
        preset: The chosen preset.
        source: The choice of pictures.
        form: The values of the other controls.
        request: The request, which names the session.
    """
    session = request.session_hash or ""
    ended = WAITING[session] = threading.Event()
    try:
        yield from pictures_read(source, ended, request)
        if not ended.is_set() and not is_settled(preset, form, session):
            yield {"facts": MEASURING}
            form = settled(preset, form, session)
            yield {"facts": facts_now(preset, form, request)}
        if ended.is_set():
            yield {"facts": facts_now(preset, form, request)}
            return
        form = settled(preset, form, session)
    finally:
        if WAITING.get(session) is ended:
            del WAITING[session]
    for message in train(name, form, request):
        yield {"stage": message}


def pictures_read(
    source: SourceForm, ended: threading.Event, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """Wait until the pictures of this choice are read; read them, if nothing else does."""
    session, since = request.session_hash or "", time.monotonic()
    # What came over from the page before a reload was read for that page's session.
    came = None if SESSIONS.chosen(session) is None else source
    while session in READINGS or READ.get(session, came) != source:
        if session not in READINGS and time.monotonic() - since > BEGINS_SECONDS:
            yield from chosen_pictures(source, request)
            return
        yield {"facts": WAITS}
        if ended.wait(TELL_SECONDS):
            return


def train(name: str, form: TrainForm, request: gr.Request) -> Iterator[str]:
    """Take a place in the queue of trainings, and report on it until it is over."""
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


def watch(own: str | None, request: gr.Request) -> Iterator[str]:
    """What a page shows that is opened: the training that runs or ran last, or what a model keeps.

    Args:
        own: The chosen model of one's own.
        request: The request, which names the session.
    """
    session = request.session_hash or ""
    job = QUEUE.of(SESSIONS.visitor(session), SESSIONS.public)
    shown = job if job is not None else my_models.past_training(own, session)
    if shown is not None:
        yield from follow(shown, session)


def look_back(own: str | None, request: gr.Request) -> Iterator[str]:
    """One of one's own models was chosen: show its training, unless another one is under way."""
    session = request.session_hash or ""
    job = QUEUE.of(SESSIONS.visitor(session), SESSIONS.public)
    if job is not None and (not job.over or str(job.folder) == own):
        yield from follow(job, session)
    elif (past := my_models.past_training(own, session)) is not None:
        yield from follow(past, session)


def stop(request: gr.Request) -> None:
    """Handler of Stop: after the step being computed; what was learned is kept."""
    if (waiting := WAITING.get(request.session_hash or "")) is not None:
        waiting.set()
        return
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
    session = request.session_hash or ""
    try:
        my_models.saved(path, session)
        with COMPUTE_QUEUE.slot():
            made = my_models.zipped(path, session, SESSIONS.file_folder(session))
        yield {"file": gr.update(value=made, visible=True)}
    except (ValueError, OSError) as error:
        yield {"outcome": sentence_of(error, FILE)}


# What "Denoise with it" changes: the Denoise tab's menu, which tab is seen, and what begins a walk
# there; without a model a sentence beside the button.
USE_PARTS = ("denoise_model", "tabs", "now", "outcome")


def use(path: str | None) -> dict[str, Any]:
    """Updates of `USE_PARTS`: go over to the Denoise tab and denoise with the chosen model."""
    if not path:
        return {"outcome": my_models.NONE_CHOSEN}
    return {"denoise_model": path, "tabs": open_tab("denoise"), "now": secrets.token_hex(4)}


def delete(path: str | None, request: gr.Request) -> Any:
    """Delete the chosen model; an empty path is one that was not meant."""
    if not path:
        return gr.skip()
    try:
        return f"{my_models.deleted(path, request.session_hash or '')} is deleted."
    except (ValueError, OSError) as error:
        return sentence_of(error, DELETION)


def first_pictures() -> str:
    """The stage as the page opens: the shipped pictures, and noise."""
    return before(read(SHIPPED, None, "", 28, Limits.here()))
