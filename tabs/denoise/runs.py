"""What is known of runs between clicks: which are to stop, and the recordings of the late ones."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from diffusion_core.recording import Recording
from diffusion_core.run_card import RunCard

from .. import models


@dataclass
class Stops:
    """One stop sign for each session, so that Stop is heeded after the step being computed.

    A Stop may arrive before the run that it means: the last ones are remembered by name.
    """

    signs: dict[str, tuple[str, threading.Event]] = field(default_factory=dict)
    refused: deque[str] = field(default_factory=lambda: deque(maxlen=256))

    def begin(self, session: str, run_id: str) -> threading.Event:
        """A sign for a new run; an older run of the session sees its own raised."""
        if session in self.signs:
            self.signs.pop(session)[1].set()
        sign = threading.Event()
        if run_id in self.refused:
            sign.set()
        self.signs[session] = (run_id, sign)
        return sign

    def end(self, session: str, run_id: str) -> None:
        """Forget a run that is over, unless another has taken its place."""
        if session in self.signs and self.signs[session][0] == run_id:
            del self.signs[session]

    def stop(self, session: str, run_id: str) -> None:
        """Raise the sign of a run, now or as soon as it begins; other runs go on."""
        self.refused.append(run_id)
        if session in self.signs and self.signs[session][0] == run_id:
            self.signs.pop(session)[1].set()


@dataclass
class Shelf:
    """The recordings of late runs, by the run's name; where they grow too large the oldest go.

    A run's name is known to the browser that made it, and to no other.
    """

    limit: int = 256 * 2**20
    records: OrderedDict[str, Recording] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, run_id: str, record: Recording) -> None:
        """Keep a recording, as the newest."""
        with self.lock:
            self.records[run_id] = record
            self.records.move_to_end(run_id)
            while (
                len(self.records) > 1 and sum(r.nbytes for r in self.records.values()) > self.limit
            ):
                self.records.popitem(last=False)

    def get(self, run_id: str) -> Recording | None:
        """The recording of that run, if it is still here."""
        with self.lock:
            return self.records.get(run_id)


STOPS, SHELF = Stops(), Shelf()


def recorded(run_id: str, card_text: str) -> Recording:
    """The recording of a run; where it is no longer here, walked again from its card.

    Raises:
        ValueError: if there is neither.
    """
    record = SHELF.get(run_id)
    if record is not None and record.result is not None:
        return record
    if not card_text:
        raise ValueError("This walk was stopped; walk it to the end, then keep it.")
    card = RunCard.from_json(card_text)
    record = Recording(card.checkpoint(models.folders()), card.walk, card.given)
    for _ in record.run():
        pass
    SHELF.put(run_id, record)
    return record
