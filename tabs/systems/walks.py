"""What the views of the tab Systems share: walks in the page's queue, branches, cards again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.data import to_uint8
from diffusion_core.device import torch_threads
from diffusion_core.generation import RunCard, SamplingRequest, SamplingRun
from diffusion_core.samplers import SamplerStep

from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.number_input import beside
from ..shared.sessions import SESSIONS
from ..shared.stop_signals import STOP_SIGNALS
from ..shared.wire import as_base64

# What a view's `build` gives: it wires the walk that comes by itself to an event by which the view
# may be seen for the first time.
FirstWalk = Callable[[Any], None]
MOST_EVALUATIONS = 2_000  # of the network on one picture, in all walks of a request


@dataclass(frozen=True)
class Prepared:
    """Walks that are about to be computed.

    Attributes:
        messages: Gives the stage's messages, the last of which is of the state "done"; asked
            after every step, its argument says whether to end. A message has `card`, the run card
            of the walk that branches.
        card: The run card that is walked again; None of new walks.
        threads: Threads of the CPU; None where the network says that itself.
    """

    messages: Callable[[Callable[[], bool]], Iterator[Mapping[str, Any]]]
    card: RunCard | None = None
    threads: int | None = None


def stream(
    name: str, prepare: Callable[[], Prepared], run: str, session: str
) -> Iterator[dict[str, Any]]:
    """Walk in a place of the page's queue.

    Args:
        name: Of the view.
        prepare: Makes all ready; may raise ValueError.
        run: The name of the walk.
        session: Whose it is.

    Yields:
        Updates of NAME_stage, the stage's message, and of NAME_told, a sentence beside its button.
    """
    SESSIONS.visitor(session)
    with STOP_SIGNALS.sign_of(f"{session} {name}", run) as sign:
        try:
            prepared = prepare()  # what cannot be is refused before it waits
            with COMPUTE_QUEUE.place(sign.is_set) as place:
                if not place.wait():
                    yield _told(name, run, "stopped")
                    return
                message: Mapping[str, Any] = {}
                threads = prepared.threads
                with nullcontext() if threads is None else torch_threads(threads):
                    for message in prepared.messages(place.over):
                        if prepared.card is not None and message["state"] == "done":
                            message = {**message, "note": _compared(prepared.card, message)}
                        yield {f"{name}_stage": json.dumps(message), f"{name}_told": ""}
                if message.get("state") != "done":
                    yield _told(name, run, "stopped")
        except Exception as error:  # what is shown stays
            sentence = beside(sentence_of(error, COMPUTATION))
            yield {**_told(name, run, "failed"), f"{name}_told": sentence}


def comes_by_itself(name: str, seen: str, begun: bool, run: str | None) -> bool:
    """Whether the walk of a view begins that comes by itself as the view is seen.

    The page names that walk once. An event that comes before the first one has noted that it began
    has no name, and begins nothing.

    Args:
        name: Of the view's system.
        seen: The system that is seen.
        begun: Whether it is noted that the walk began.
        run: The walk's name.
    """
    return bool(run) and not begun and seen == name


def stop(run: str) -> None:
    """End a walk that is computed.

    Args:
        run: Its name.
    """
    STOP_SIGNALS.stop(run)


def _told(name: str, run: str, state: str) -> dict[str, Any]:
    return {f"{name}_stage": json.dumps({"run": run, "state": state})}


def threads_of(card: RunCard) -> int:
    """The threads that a card was walked on, as far as it tells."""
    count = card.versions.get("threads", "1")
    return int(count) if count.isdecimal() and 0 < int(count) < 1000 else 1


def _compared(card: RunCard, message: Mapping[str, Any]) -> str:
    """Whether a replay came to the card's result: both are digests of the same floats."""
    again = RunCard.from_json(message["card"])
    if again.result == card.result:
        return "The replay's result is the same, to the bit."
    return "The replay's result differs from the card's; other versions, threads or weights."


def branched(
    own: SamplingRequest, card: RunCard, index: int, checkpoint: Checkpoint
) -> SamplingRequest:
    """The walk of a card that goes on as another after some of its steps.

    Args:
        own: The walk that the controls ask for, of which it takes what it shall follow.
        card: The run card of the walk until there.
        index: Steps of it.
        checkpoint: The model.

    Raises:
        ValueError: with a sentence for the page, if it cannot.
    """
    steps = len(card.walk.timesteps(checkpoint))
    if not 0 < index < steps:
        raise ValueError(f"Choose a step from 1 to {steps - 1} first, and go on from there.")
    return dataclasses.replace(
        own,
        parent=card.walk,
        branch_step=index,
        num_steps=card.walk.num_steps,
        spacing=card.walk.spacing,
        seed=card.walk.seed,
    )


def check_cost(checkpoint: Checkpoint, requests: list[SamplingRequest]) -> None:
    """Refuse walks that are too many evaluations together.

    Raises:
        ValueError: with a sentence for the page.
    """
    check_evaluations(sum(each.cost(checkpoint) for each in requests))


def check_evaluations(cost: int) -> None:
    """Refuse so many evaluations of networks on one picture each, if they are too many.

    Raises:
        ValueError: with a sentence for the page.
    """
    if cost > MOST_EVALUATIONS:
        raise ValueError(
            f"These walks ask the network about {cost:,} pictures, and this view does at most "
            f"{MOST_EVALUATIONS:,}; take fewer steps."
        )


def whole_walk(checkpoint: Checkpoint, request: SamplingRequest) -> Iterator[SamplerStep]:
    """All steps of a walk; of a branch those of its parents before."""
    if request.parent is not None:
        for step in whole_walk(checkpoint, request.parent):
            if step.index >= request.branch_step:
                break
            yield step
    yield from SamplingRun(checkpoint, request)


def part_at(request: SamplingRequest, index: int) -> SamplingRequest:
    """The part of a walk that computes a step: itself or, before its first step, a parent."""
    while request.parent is not None and index < request.branch_step:
        request = request.parent
    return request


def picture(x: Tensor) -> str:
    """The first of some pictures (B, C, H, W) in [-1, 1], as a message has it."""
    return as_base64(to_uint8(x.float())[0])
