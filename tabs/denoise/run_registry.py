"""State of runs between clicks: the recordings of the latest ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.generation import Recording, RunCard, SamplingRequest

from ..shared import memory, models, wire
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.sessions import SESSIONS
from .browser_walk import session_of
from .link import check_schedule


@dataclass
class Shown:
    """What a page showed of a run beside its recording, to show it again after a reload.

    Attributes:
        head: What stays the same in all its frames.
        note: The sentence of its last message.
    """

    head: wire.Head
    note: str = ""


@dataclass
class RecordingCache:
    """The recordings of the latest runs, by name; where they grow too large the oldest go.

    A run's name is known to the browser that made it, and to no other. A run that belongs to
    sessions goes with the last of them, a while after its page was closed.
    """

    limit: int = memory.RECORDINGS
    records: OrderedDict[str, Recording] = field(default_factory=OrderedDict)
    shown: dict[str, Shown] = field(default_factory=dict)
    owners: dict[str, set[str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(
        self, run_id: str, record: Recording, session: str = "", shown: Shown | None = None
    ) -> None:
        """Keep a recording, as the newest.

        Args:
            run_id: The run's name.
            record: Its recording.
            session: The session that it goes with; empty for one that only the limit lets go.
            shown: What its page showed beside it.
        """
        with self.lock:
            self.records[run_id] = record
            self.records.move_to_end(run_id)
            if session:
                self.owners.setdefault(run_id, set()).add(session)
            if shown is not None:
                self.shown[run_id] = shown
            while (
                len(self.records) > 1 and sum(r.nbytes for r in self.records.values()) > self.limit
            ):
                self._let_go(next(iter(self.records)))

    def get(self, run_id: str) -> Recording | None:
        """The recording of that run, if it is still here."""
        with self.lock:
            return self.records.get(run_id)

    def again(self, run_id: str, session: str) -> tuple[Recording, Shown] | None:
        """A run with what its page showed, for a session that shows it again and so keeps it."""
        with self.lock:
            record, shown = self.records.get(run_id), self.shown.get(run_id)
            if record is None or shown is None:
                return None
            if session:
                self.owners.setdefault(run_id, set()).add(session)
            return record, shown

    def end_session(self, session: str) -> None:
        """Let go of the runs that belong to this session alone."""
        with self.lock:
            for run_id, owners in list(self.owners.items()):
                owners.discard(session)
                if not owners:
                    self._let_go(run_id)

    def _let_go(self, run_id: str) -> None:
        self.records.pop(run_id, None)
        self.shown.pop(run_id, None)
        self.owners.pop(run_id, None)


RECORDINGS = RecordingCache()
SESSIONS.on_session_end.append(RECORDINGS.end_session)
OPENING_RUN = "opening"  # no browser may call a run so
OPENING_SEED = 100
WALK_LIMIT = 100_000
REPLAY_LIMIT = 20_000 if SESSIONS.public else WALK_LIMIT  # what a stranger's link may request
OTHER_LIMIT = 20_000  # for computations of several walks


def found(card: RunCard, session: str = "") -> Checkpoint:
    """The model of a run card, among those at hand: a page fetches none from elsewhere.

    Args:
        card: The card.
        session: The session whose own models are included.

    Raises:
        ValueError: if there is none with its weights, nor one of its name, or it has another
            schedule than the card's link.
    """
    if known := models.by_hash(card.weights, session):
        check_schedule(card, known[1])
        return known[1]
    if card.model in dict(models.available(session)):
        checkpoint = models.get(card.model)
        check_schedule(card, checkpoint)
        return checkpoint
    raise ValueError(
        f"The run card was made with the model {card.model}, which is not on this page; walk it "
        "with python -m diffusion_core sample --card FILE --model FOLDER --out FILE.gif."
    )


def check_cost(walk: SamplingRequest, checkpoint: Checkpoint, limit: int) -> None:
    """Refuse what would keep this machine busy for too long.

    Raises:
        ValueError: if the walk evaluates the network on more than `limit` pictures, or will take
            longer than this page allows.
    """
    cost = walk.cost(checkpoint)
    if cost > limit:
        raise ValueError(
            f"This walk asks the network about {cost:,} pictures, and here the page does at "
            f"most {limit:,}; take fewer steps or images, or python -m diffusion_core sample."
        )
    models.bounded(walk, checkpoint)


def recorded(run_id: str, card_text: str) -> Recording:
    """The recording of a run; where it is no longer here, walked again from its card.

    Raises:
        ValueError: if there is neither, or the model's weights are others now.
    """
    record = RECORDINGS.get(run_id)
    if record is not None and record.result is not None:
        return record
    if not card_text:
        raise ValueError("This walk was stopped; walk it to the end, then keep it.")
    card = RunCard.from_json(card_text)
    checkpoint = models.for_walks(found(card, session_of(run_id)), card)
    if checkpoint.weights_hash != card.weights:
        raise ValueError("The model of this walk is no longer here; walk it anew, then keep it.")
    check_cost(card.walk, checkpoint, WALK_LIMIT)  # the limit of the walk itself
    walker = models.walker(checkpoint)
    record = Recording(checkpoint, card.walk, card.given, walker=walker)
    with COMPUTE_QUEUE.place() as place:
        if place.wait():
            for _ in record.run(place.over):
                pass
    if record.result is None:
        raise ValueError("The page that asked for this file has gone.")
    # No page need be there for it, so that it is kept as a session's of its own.
    session = f"kept {run_id}"
    SESSIONS.visitor(session)
    RECORDINGS.put(run_id, record, session)
    return record
