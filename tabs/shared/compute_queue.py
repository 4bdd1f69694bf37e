"""The one queue for all that computes, by whatever door it was asked for.

Events of the page, endpoints, tools and functions that components call all take a place here before
they compute, and no more of them compute at once than the machine bears. Gradio's own queue cannot
do this: it knows neither the functions of components nor direct calls, and counts by function.

The queue is fair to visitors, not to calls. A slot goes to the address that has the fewest, of
these to the one that was served longest ago, then likewise among its sessions; and whoever computes
for longer than `SLICE` while another visitor waits gives the slot up between two steps and waits
again. So the first frame of a walk does not wait for the end of somebody else's.

On a public page a visitor has a bounded number of places, and one more is refused before it waits.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Any

import anyio.from_thread
from gradio.context import LocalContext

from . import gpu
from .limits import PageLimit, Places, proxies

SLICE = 2.0  # seconds of computing after which others may go first
LOOK = 0.2  # seconds between two looks at whether the caller is still there
IDLE = 5.0  # seconds in which a place that is in use is looked at
UNHEARD = 60.0  # seconds in which nobody takes any message, and then nobody is there
SERVED = 4096  # visitors of whom it is remembered when they had a slot


@dataclass(frozen=True)
class Caller:
    """Who asked for a computation.

    Attributes:
        address: The address of the visitor's machine; "" is this process itself.
        session: The session of the page; "" where the call has none.
        gone: Reports whether nobody waits for the answer any more.
    """

    address: str = ""
    session: str = ""
    gone: Callable[[], bool] = lambda: False

    @classmethod
    def now(cls) -> Caller:
        """The caller of the handler that runs now; called in the handler's own thread."""
        request: Any = LocalContext.request.get(None)
        if request is None:
            return cls()
        blocks, event = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
        queue = getattr(blocks, "_queue", None)
        session = getattr(request, "session_hash", None) or ""
        if event and queue is not None:
            return cls(address_of(request), session, _Heard(queue, event, session).gone)
        return cls(address_of(request), session, lambda: _hung_up(request))


def address_of(request: Any) -> str:
    """The address that a request came from; of IPv6 the network of one household.

    Behind proxies that the owner has named (see `limits.proxies`), the address that the outermost
    of these wrote down. What stands further left in X-Forwarded-For is the visitor's own words.
    """
    client, count = getattr(request, "client", None), proxies()
    address = str(getattr(client, "host", "") or "")
    if count:
        passed = [each.strip() for each in request.headers.get("x-forwarded-for", "").split(",")]
        if len(passed) >= count and passed[-count]:
            address = passed[-count]
    try:
        known = ip_address(address)
    except ValueError:
        return address[:60]
    return str(IPv6Address(int(known) >> 64 << 64)) if known.version == 6 else str(known)


class _Heard:
    """Whether an event of Gradio's queue still has somebody who hears it.

    Gradio marks an event whose stream was closed. One whose stream was never opened it would
    compute to the end; there the messages wait, and none is taken.
    """

    def __init__(self, queue: Any, event: str, session: str) -> None:
        self._queue, self._event, self._session = queue, event, session
        self._known = event in queue.event_ids_to_events
        self._waiting, self._since = 0, time.monotonic()

    def gone(self) -> bool:
        """Gradio has no public interface for this; an event that it never knew is computed."""
        event = self._queue.event_ids_to_events.get(self._event)
        if self._known if event is None else not event.alive:
            return True
        every = self._queue.pending_messages_per_session
        waiting = every[self._session].qsize() if self._session in every else 0
        if waiting == 0 or waiting < self._waiting:
            self._since = time.monotonic()
        self._waiting = waiting
        return time.monotonic() - self._since > UNHEARD


def _hung_up(request: Any) -> bool:
    """Whether the connection of a direct call was closed; asks the loop that serves it."""
    request = getattr(request, "request", request)  # gr.Request holds the server's own
    try:
        return bool(anyio.from_thread.run(request.is_disconnected))
    except (RuntimeError, AttributeError):  # no thread of a server, or no connection
        return False


@dataclass(eq=False)
class Place:
    """A place in the queue: it waits, computes, or is over.

    Attributes:
        queue: The queue.
        caller: Who holds it.
        ended: Reports whether the work was given up, as by Stop.
        number: Its number by arrival.
        began: When its present slice began, in seconds of the monotonic clock; None while it waits.
    """

    queue: ComputeQueue
    caller: Caller
    ended: Callable[[], bool]
    number: int
    began: float | None = None
    _looked: float = float("-inf")
    _seen: float = field(default_factory=time.monotonic)
    _gone: bool = False

    def wait(self, seconds: float = float("inf")) -> bool:
        """Wait for a slot; False where the work was given up, the caller has gone, or time passed.

        Args:
            seconds: The longest time to wait.
        """
        end = time.monotonic() + seconds
        while self.began is None and not self.given_up():
            left = end - time.monotonic()
            if left <= 0:
                break
            self.queue.sweep()
            with self.queue.changed:
                if self.began is None:
                    self.queue.changed.wait(min(left, LOOK))
        return self.began is not None and not self.given_up()

    def given_up(self) -> bool:
        """Whether the work was given up, or its caller has gone; looked up every `LOOK` seconds."""
        self._seen = time.monotonic()
        if self.ended():
            return True
        if not self._gone and time.monotonic() - self._looked >= LOOK:
            self._looked = time.monotonic()
            self._gone = self.caller.gone()
        return self._gone

    def over(self) -> bool:
        """Between two steps: let others go first where it is their turn; True where to end."""
        if self.given_up():
            return True
        self.queue.make_way(self)
        return not self.wait()

    @property
    def visitor(self) -> tuple[str, str]:
        """Address and session."""
        return self.caller.address, self.caller.session


@dataclass
class ComputeQueue:
    """All places, and the rule by which they get a slot.

    Attributes:
        slots: Number of those that compute at once; None is what the machine bears.
        running, waiting: The places that compute, and those that wait.
        changed: The lock of all that, and the condition that a place has got a slot.
        paused: Nobody gets a slot; for tests that look at what waits.
    """

    slots: int | None = None
    running: list[Place] = field(default_factory=list)
    waiting: list[Place] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    paused: bool = False
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _served: OrderedDict[Any, int] = field(default_factory=OrderedDict)

    @contextmanager
    def place(self, ended: Callable[[], bool] = lambda: False) -> Iterator[Place]:
        """A place in the queue for the handler that runs now; `Place.wait` waits for its slot.

        Args:
            ended: Reports whether the work was given up.

        Raises:
            PageLimit: in one sentence, if the visitor has too many places, or too many wait.
        """
        place = Place(self, Caller.now(), ended, next(self._numbers))
        self.sweep()
        with self.changed:
            self._admit(place)
            self.waiting.append(place)
            self._serve()
        try:
            yield place
        finally:
            with self.changed:
                self._leave(place)

    @contextmanager
    def slot(self) -> Iterator[Place]:
        """A place that has waited for its slot: for what is computed in one piece.

        Raises:
            ValueError: as `place`, or if the caller went while it waited.
        """
        with self.place() as place:
            if not place.wait():
                raise ValueError("The caller has gone; ask again.")
            yield place

    @property
    def busy(self) -> bool:
        """Whether anybody computes now."""
        return bool(self.running)

    def make_way(self, place: Place) -> None:
        """Send a place back to wait where it had its slice and another visitor waits."""
        with self.changed:
            began, others = place.began, any(p.visitor != place.visitor for p in self.waiting)
            if began is not None and others and time.monotonic() - began >= SLICE:
                place.began = None
                if place in self.running:  # unless it was swept away
                    self.running.remove(place)
                self.waiting.append(place)
                self._serve()

    def sweep(self) -> None:
        """Take away the places of those who went while nothing of theirs ran.

        A handler that Gradio cancels between two of its answers stays as it is until Python's
        garbage collector comes to it, and would keep its slot so long.
        """
        now = time.monotonic()
        with self.changed:
            idle = [p for p in (*self.running, *self.waiting) if now - p._seen > IDLE]
        for place in idle:
            place._seen = now
            if place.caller.gone():
                with self.changed:
                    self._leave(place)

    def resume(self) -> None:
        """End a pause."""
        with self.changed:
            self.paused = False
            self._serve()

    def _leave(self, place: Place) -> None:
        for places in (self.running, self.waiting):
            if place in places:
                places.remove(place)
        place._gone = True
        self._serve()

    def _admit(self, place: Place) -> None:
        most, (address, session) = Places.here(), place.visitor
        every = [p.visitor for p in (*self.running, *self.waiting)]
        of_session = every.count(place.visitor) if session else 0
        if of_session >= most.session or sum(a == address for a, _ in every) >= most.address:
            raise PageLimit(
                "As many computations of yours as this page allows run or wait already; stop one, "
                "or wait for its end."
            )
        if len(self.waiting) >= most.waiting:
            raise PageLimit("Too many computations wait on this page; try again in a minute.")

    def _serve(self) -> None:
        """Give free slots away; called with the lock held."""
        slots = self.slots or Places.here().at_work or gpu.bears()
        while self.waiting and len(self.running) < slots and not self.paused:
            place = min(self.waiting, key=self._claim)
            self.waiting.remove(place)
            self.running.append(place)
            place.began = time.monotonic()
            now = next(self._numbers)
            for key in (place.caller.address, place.visitor):
                self._served[key] = now
                self._served.move_to_end(key)
            while len(self._served) > SERVED:
                self._served.popitem(last=False)
            self.changed.notify_all()

    def _claim(self, place: Place) -> tuple[int, ...]:
        """The smaller, the sooner it is served."""
        address, visitor = place.caller.address, place.visitor
        return (
            sum(p.caller.address == address for p in self.running),
            self._served.get(address, 0),
            sum(p.visitor == visitor for p in self.running),
            self._served.get(visitor, 0),
            place.number,
        )


COMPUTE_QUEUE = ComputeQueue()
