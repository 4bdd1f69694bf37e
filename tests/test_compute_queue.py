"""The one queue for all that computes: who is served, who is refused, who leaves."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from conftest import wait_for
from gradio.context import LocalContext

from tabs.shared import compute_queue, limits
from tabs.shared.compute_queue import ComputeQueue, address_of


@pytest.fixture
def public(monkeypatch):
    monkeypatch.setattr(limits.SESSIONS, "public", True)


def request_of(address: str, session: str = "", **headers: str):
    return SimpleNamespace(
        client=SimpleNamespace(host=address), session_hash=session, headers=headers
    )


class Caller:
    """A thread of a visitor, which takes a place and computes steps as the test allows them."""

    def __init__(
        self, queue: ComputeQueue, address: str, session: str = "", steps: int = 1
    ) -> None:
        self.queue, self.who, self.steps = queue, request_of(address, session), steps
        self.state, self.error, self.given_up = "new", "", threading.Event()
        self.go, self.done = threading.Semaphore(0), 0
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        LocalContext.request.set(self.who)  # type: ignore[arg-type]
        try:
            with self.queue.place(self.given_up.is_set) as place:
                self.state = "waits"
                if not place.wait():
                    self.state = "gone"
                    return
                self.state = "computes"
                for _ in range(self.steps):
                    self.go.acquire()
                    self.done += 1
                    self.state = "between"
                    if place.over():
                        self.state = "gone"
                        return
                    self.state = "computes"
            self.state = "done"
        except ValueError as error:
            self.error, self.state = str(error), "refused"

    def step(self) -> None:
        self.go.release()

    def becomes(self, state: str) -> None:
        wait_for(lambda: self.state == state, 20)


def test_no_more_compute_at_once_than_there_are_slots():
    one = ComputeQueue(slots=2)
    callers = [Caller(one, "1.1.1.1", str(i)) for i in range(5)]
    wait_for(lambda: len(one.running) == 2 and len(one.waiting) == 3)
    for left in (3, 2, 1, 0, 0):
        next(c for c in callers if c.state == "computes").step()
        wait_for(lambda left=left: len(one.waiting) == left and len(one.running) <= 2)
    for caller in callers:
        caller.step()
        caller.becomes("done")
    assert not one.running and not one.waiting


def test_a_visitor_does_not_wait_behind_all_calls_of_another():
    one = ComputeQueue(slots=1)
    flood = [Caller(one, "6.6.6.6", str(i)) for i in range(20)]
    wait_for(lambda: len(one.waiting) == 19)
    other = Caller(one, "1.1.1.1", "a")
    other.becomes("waits")
    next(c for c in flood if c.state == "computes").step()
    other.becomes("computes")
    for caller in [other, *flood]:
        caller.step()
    for caller in [other, *flood]:
        caller.becomes("done")


def test_a_long_computation_makes_way_between_two_steps(monkeypatch):
    monkeypatch.setattr(compute_queue, "SLICE", 0.0)
    one = ComputeQueue(slots=1)
    long, short = Caller(one, "6.6.6.6", "a", steps=3), Caller(one, "1.1.1.1", "b")
    long.becomes("computes")
    short.becomes("waits")
    long.step()
    short.becomes("computes")
    assert long.done == 1 and long.state == "between"
    short.step()  # and now it makes way in its turn
    long.becomes("computes")
    for _ in range(2):
        long.step()
    long.becomes("done")
    short.becomes("done")


def test_within_its_slice_a_computation_goes_on(monkeypatch):
    one = ComputeQueue(slots=1)
    long = Caller(one, "6.6.6.6", "a", steps=2)
    long.becomes("computes")
    short = Caller(one, "1.1.1.1", "b")
    short.becomes("waits")
    for done in (1, 2):
        long.step()
        wait_for(lambda done=done: long.done == done)
        assert short.state == "waits" or done == 2
    short.step()
    short.becomes("done")


@pytest.mark.parametrize("while_it", ["waits", "computes"])
def test_what_is_given_up_leaves_the_line(while_it):
    one = ComputeQueue(slots=1)
    first = Caller(one, "1.1.1.1", "a", steps=100)
    second = Caller(one, "2.2.2.2", "b", steps=100)
    first.becomes("computes")
    second.becomes("waits")
    mine, other = (second, first) if while_it == "waits" else (first, second)
    mine.given_up.set()
    mine.step()
    mine.becomes("gone")
    assert mine.done <= 1
    other.becomes("computes")
    other.given_up.set()
    other.step()
    other.becomes("gone")


def test_one_place_too_many_is_refused_before_it_waits(public, monkeypatch):
    one = ComputeQueue(slots=1)
    monkeypatch.setenv("PLAYGROUND_MAX_SESSION", "2")
    monkeypatch.setenv("PLAYGROUND_MAX_ADDRESS", "3")
    monkeypatch.setenv("PLAYGROUND_MAX_WAITING", "4")
    held = [Caller(one, "1.1.1.1", session) for session in ("a", "a", "b")]
    wait_for(lambda: len(one.waiting) == 2)
    for address, session, words in (
        ("1.1.1.1", "a", "As many computations of yours"),
        ("1.1.1.1", "c", "As many computations of yours"),
    ):
        refused = Caller(one, address, session)
        refused.becomes("refused")
        assert words in refused.error and "\n" not in refused.error
    held += [Caller(one, "2.2.2.2", "d"), Caller(one, "3.3.3.3", "e")]
    wait_for(lambda: len(one.waiting) == 4)
    refused = Caller(one, "4.4.4.4", "f")
    refused.becomes("refused")
    assert "Too many computations wait" in refused.error
    for caller in held:
        caller.step()
    for caller in held:
        caller.becomes("done")


def test_at_home_a_visitor_may_ask_for_much():
    most = limits.Places()
    assert most.session == most.address == float("inf")


@pytest.mark.parametrize(
    ("client", "forwarded", "count", "address"),
    [
        ("9.9.9.9", "", "", "9.9.9.9"),
        ("9.9.9.9", "1.2.3.4", "", "9.9.9.9"),  # anybody may write that
        ("9.9.9.9", "6.6.6.6, 1.2.3.4", "1", "1.2.3.4"),
        ("9.9.9.9", "6.6.6.6, 1.2.3.4, 10.0.0.1", "2", "1.2.3.4"),
        ("9.9.9.9", "1.2.3.4", "2", "9.9.9.9"),  # it did not pass both
        ("2001:db8:1:2:3:4:5:6", "", "", "2001:db8:1:2::"),
        ("9.9.9.9", "nonsense", "1", "nonsense"),
    ],
)
def test_the_address_is_that_of_the_visitor(monkeypatch, client, forwarded, count, address):
    monkeypatch.setenv("PLAYGROUND_PROXIES", count)
    assert address_of(request_of(client, **{"x-forwarded-for": forwarded})) == address


def test_a_space_has_a_proxy_and_a_word_is_no_number(monkeypatch):
    monkeypatch.delenv("PLAYGROUND_PROXIES", raising=False)
    assert limits.proxies() == 0
    monkeypatch.setenv("SPACE_ID", "a/b")
    assert limits.proxies() == 1
    monkeypatch.setenv("PLAYGROUND_PROXIES", "many")
    with pytest.raises(ValueError, match="PLAYGROUND_PROXIES must be a number"):
        limits.proxies()


def test_the_place_of_one_who_went_while_nothing_ran_is_taken_away(monkeypatch):
    """As a generator that is left between two answers, which nobody closes."""
    monkeypatch.setattr(compute_queue, "IDLE", 0.0)
    monkeypatch.setattr(
        compute_queue.Caller, "now", lambda: compute_queue.Caller("1.1.1.1", "a", gone.is_set)
    )
    gone, one = threading.Event(), ComputeQueue(slots=1)
    left = one.place()
    assert left.__enter__().wait()
    one.sweep()
    assert one.running
    gone.set()
    one.sweep()
    assert not one.running
    left.__exit__(None, None, None)
    gone.clear()
    with one.slot():
        assert len(one.running) == 1
