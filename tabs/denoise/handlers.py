"""Runs of the Denoise tab: from a form to the player's messages."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.generation import InitialImage, Recording, RunCard, SamplingRequest

from ..shared import models
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.limits import PageLimit
from ..shared.player import Run, failure
from ..shared.sessions import SESSIONS
from ..shared.stop_signals import STOP_SIGNALS
from . import browser_walk, defaults
from .captions import head
from .exact import exact_of
from .form import BROWSER, NOISE, DenoiseForm
from .link import link_card
from .run_registry import (
    OPENING_RUN,
    OPENING_SEED,
    RECORDINGS,
    REPLAY_LIMIT,
    WALK_LIMIT,
    Shown,
    check_cost,
    found,
)


def denoise(form: DenoiseForm, run_id: str, request: gr.Request) -> Iterator[str]:
    """Handler of the Denoise button: messages for the player, about 30 a second.

    Args:
        form: The values of the controls.
        run_id: The run's name, which the browser chose, so that it can tell its messages from those
            of one that it gave up.
        request: The request, which names the session.
    """
    if form.runs_on == BROWSER:
        yield begun_in_browser(form, run_id, request.session_hash or "")
        return

    def prepare() -> tuple[Recording, str]:
        checkpoint = form.checkpoint()
        walk, given, prefix = requested(form, checkpoint)
        checkpoint = models.for_walk(checkpoint, walk)
        check_cost(walk, checkpoint, WALK_LIMIT)
        exact = exact_of(checkpoint, walk) if form.exact else None
        walker = models.walker(checkpoint)
        return Recording(checkpoint, walk, given, exact=exact, walker=walker), prefix

    def offer() -> bool:
        return not browser_walk.reason_against(form, models.get(form.model))

    yield from stream(prepare, run_id, request.session_hash or "", offer=offer)


def requested(
    form: DenoiseForm, checkpoint: Checkpoint
) -> tuple[SamplingRequest, InitialImage | None, str]:
    """The walk of a form, what it begins with beside noise, and the beginning of its caption."""
    walk, given = form.walk(checkpoint)
    if given is None:
        return walk, given, ""
    where = form.start.where if form.start else ""
    how = "a hole filled" if given.mask is not None else f"from {where or 'a picture'}"
    return walk, given, f"{how} · "


def begun_in_browser(form: DenoiseForm, run_id: str, session: str) -> str:
    """The message with all that the browser needs to walk by itself; errors become one too."""
    SESSIONS.visitor(session)
    try:
        if run_id == OPENING_RUN:
            raise ValueError("A run cannot be called so; press Denoise again.")
        checkpoint = models.get(form.model)  # which nothing here evaluates
        if reason := browser_walk.reason_against(form, checkpoint):
            raise ValueError(reason)
        walk, given, prefix = requested(form, checkpoint)
        return browser_walk.message(Recording(checkpoint, walk, given), run_id, session, prefix)
    except Exception as error:
        return failure(sentence_of(error, COMPUTATION), run_id)


def denoise_anew(form: DenoiseForm, run_id: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Handler of the die: as `denoise`, with the seed that the browser drew, which is now shown.

    Yields:
        Updates of "seed", once, and of "stage", by name.
    """
    yield {"seed": form.seed}
    for message in denoise(form, run_id, request):
        yield {"stage": message}


def denoise_in_browser(
    form: DenoiseForm, run_id: str, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """Handler of "Run it in this browser": as `denoise` there, which the control then shows.

    Yields:
        Updates of "runs_on", once, and of "stage", by name.
    """
    yield {"runs_on": BROWSER}
    for message in denoise(dataclasses.replace(form, runs_on=BROWSER), run_id, request):
        yield {"stage": message}


def branch(
    form: DenoiseForm,
    parent_id: str,
    parent_card: str,
    index: float,
    run_id: str,
    request: gr.Request,
) -> Iterator[str]:
    """Handler of "Branch from this step": the parent until then, then by the controls.

    Args:
        form: The values of the controls.
        parent_id: The parent run's name.
        parent_card: Its run card, which stands in for a recording that is no longer here.
        index: Number of the parent's steps before the branch begins.
        run_id: The branch's own name, which the browser chose.
        request: The request, which names the session.
    """

    def prepare() -> tuple[Recording, str]:
        parent = RECORDINGS.get(parent_id)
        checkpoint = form.checkpoint()
        if parent is not None:
            before, given = parent.settings, parent.given
            weights, on = parent.checkpoint.weights_hash, parent.checkpoint
        elif parent_card:
            card = RunCard.from_json(parent_card)
            before, given, weights = card.walk, card.given, card.weights
            on = models.for_walks(checkpoint, card)
        else:
            raise ValueError(
                browser_walk.STOPPED
                if browser_walk.WALKS.get(parent_id)
                else "Press Denoise first, then choose a step to branch from."
            )
        if checkpoint.weights_hash != weights:
            raise ValueError("A branch goes on with its parent's model; choose that one again.")
        checkpoint = on  # of the parent's engine
        own = dataclasses.replace(form, begin=NOISE, images=before.num_images)
        mine, _ = own.walk(checkpoint)
        mine = dataclasses.replace(
            mine,
            seed_to=before.seed_to,
            t_start=before.t_start,
            parent=before,
            branch_step=int(index),
        )
        check_cost(mine, checkpoint, WALK_LIMIT)
        exact = exact_of(checkpoint, mine) if form.exact else None
        walker = models.walker(checkpoint)
        record = Recording(checkpoint, mine, given, parent, exact, walker=walker)
        where = "walked by the server · " if form.runs_on == BROWSER else ""
        return record, f"branched after {int(index)} steps · {where}"

    yield from stream(prepare, run_id, request.session_hash or "")


def replay(run_id: str, event: gr.EventData, request: gr.Request) -> Iterator[str]:
    """Walk a run card's walk again; the last message reports whether the result is the same.

    Args:
        run_id: The browser's name for the run.
        event: Carries the card's text.
        request: The request, which names the session.
    """
    cards: list[RunCard] = []

    def prepare() -> tuple[Recording, str]:
        card = RunCard.from_json(str(event.card))
        checkpoint = models.for_walks(found(card, request.session_hash or ""), card)
        card.check(checkpoint)
        check_cost(card.walk, checkpoint, REPLAY_LIMIT)
        cards.append(card)
        walker = models.walker(checkpoint)
        return Recording(checkpoint, card.walk, card.given, walker=walker), (
            "replayed from a run card · "
        )

    def note(record: Recording) -> str:
        assert record.result is not None
        return cards[0].compare(record.checkpoint, record.result)

    yield from stream(prepare, run_id, request.session_hash or "", note)


def stream(
    prepare: Callable[[], tuple[Recording, str]],
    run_id: str,
    session: str,
    note: Callable[[Recording], str] | None = None,
    offer: Callable[[], bool] = lambda: False,
) -> Iterator[str]:
    """Compute a recording and yield the player's messages; errors become one too.

    Args:
        prepare: Makes the recording, and a prefix for its caption; may raise ValueError.
        run_id: The browser's name for the run.
        session: The session that may stop it.
        note: Returns a sentence on the finished recording, for the last message.
        offer: Reports whether the browser can walk it, where the page's limits refuse.
    """
    record = None
    SESSIONS.visitor(session)
    try:
        with STOP_SIGNALS.sign_of(f"{session} player", run_id) as sign:
            if run_id == OPENING_RUN:
                raise ValueError("A run cannot be called so; press Denoise again.")
            record, prefix = prepare()  # what cannot be is refused before it waits
            shown = Shown(head(record, prefix))
            run = Run(shown.head, run_id)
            RECORDINGS.put(run_id, record, session, shown)
            with COMPUTE_QUEUE.place(sign.is_set) as place:
                if not place.wait():
                    return
                for frame in record.run(place.over):
                    if place.given_up():
                        return
                    run.add(frame)
                    if run.due() and not behind(session):
                        yield run.message()
            if record.result is None:  # stopped between two frames that are kept
                return
            card = RunCard.of(record.checkpoint, record.settings, record.given, record.result)
            shown.note = note(record) if note else ""
            yield run.message(done=True, card=card.to_json(), link=link_card(card), note=shown.note)
    except PageLimit as error:
        yield failure(str(error), run_id, offer())
    except Exception as error:
        yield failure(sentence_of(error, COMPUTATION), run_id)
    finally:
        if record is not None and (SESSIONS.knows(session) or not session):
            RECORDINGS.put(run_id, record, session)  # its size is known now


def behind(session: str) -> bool:
    """Whether the session's browser has not yet taken up what was sent to it.

    Frames then wait in the run and go out together. Gradio has no public interface for this.
    """
    blocks = LocalContext.blocks.get(None)
    queue = getattr(blocks, "_queue", None)
    waiting = getattr(queue, "pending_messages_per_session", {})
    return session in waiting and waiting[session].qsize() > 2


def stop(run_id: str) -> None:
    """Handler of the Stop buttons; the browser names the run."""
    STOP_SIGNALS.stop(run_id)


def give_up(run_id: str) -> None:
    """A run that another takes the place of ends at once: the new one may have to wait.

    The page's scripts call it by themselves. An event of the button that begins the new run would
    come too late: Gradio sends a button's second event when the first has ended.
    """
    stop(run_id)


def begin() -> dict[str, Future[str]]:
    """Begin with the walk that is there when the page opens, while the page is laid out."""
    beside = ThreadPoolExecutor(1, "opening")
    found = beside.submit(opening)
    beside.shutdown(wait=False)
    return {"denoise_opening": found}


def opening() -> str:
    """The walk that is there when the page opens, computed at start-up."""
    try:
        form = defaults.opening(models.first())
        # Of another seed than the form's, so that the first press shows other pictures.
        form = dataclasses.replace(form, seed=OPENING_SEED)
        checkpoint = form.checkpoint()
        settings, _ = form.walk(checkpoint)
        checkpoint = models.for_walk(checkpoint, settings)
    except ValueError as error:
        return failure(str(error), OPENING_RUN)
    record = Recording(checkpoint, settings, walker=models.walker(checkpoint))
    run = Run(head(record, "Computed at start-up · "), OPENING_RUN)
    for frame in record.run():
        run.add(frame)
    RECORDINGS.put(OPENING_RUN, record)
    assert record.result is not None
    card = RunCard.of(checkpoint, settings, None, record.result)
    return run.message(done=True, card=card.to_json(), link=link_card(card))
