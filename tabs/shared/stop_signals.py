"""Stop signs of what a session computes or fetches, which a newer wish or a Stop raises."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .sessions import SESSIONS
from .shutdown import WORKERS, Worker

_TIME = re.compile(r"([0-9a-z]{8})-")  # how `newRun` of lib/runs.js begins a name


@dataclass
class StopSignals:
    """One stop sign for each stage of a session, which takes effect after the present step.

    A new run of a stage raises the sign of the one before; a Stop may arrive before the run
    that it means, so the last ones are remembered by name. Two runs that the page begins in one
    breath may begin here in the other order: their names tell which is the newer.
    """

    signs: dict[str, tuple[str, threading.Event]] = field(default_factory=dict)
    refused: deque[str] = field(default_factory=lambda: deque(maxlen=256))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, stage: str, run_id: str) -> threading.Event:
        """A sign for a new run; an older run of the stage sees its own raised."""
        sign = threading.Event()
        with self.lock:
            if before := self.signs.get(stage):
                if _newer(before[0], run_id):
                    sign.set()
                    return sign
                before[1].set()
            if run_id in self.refused:
                sign.set()
            self.signs[stage] = (run_id, sign)
        return sign

    @contextmanager
    def sign_of(self, stage: str, run_id: str) -> Iterator[threading.Event]:
        """The sign of a new run, forgotten when the run is over, however it ends."""
        sign = self.begin(stage, run_id)
        try:
            yield sign
        finally:
            with self.lock:  # unless another has taken its place
                if self.signs.get(stage, ("",))[0] == run_id:
                    del self.signs[stage]

    def stop(self, run_id: str) -> None:
        """Raise the sign of a run, now or as soon as it begins; other runs go on."""
        if not run_id:
            return
        with self.lock:
            self.refused.append(run_id)
            for name, sign in self.signs.values():
                if name == run_id:
                    sign.set()

    def end(self, stage: str, but: str) -> str:
        """Raise the sign of a stage's run, unless its name begins with `but`.

        Returns:
            The name of the run that was ended; empty where there was none.
        """
        with self.lock:
            name, sign = self.signs.get(stage, (but, threading.Event()))
            if name.startswith(but) or sign.is_set():
                return ""
            sign.set()
            return name

    def leave(self, session: str) -> None:
        """Raise the signs of all that a session computes: its page was closed."""
        with self.lock:
            for stage, (_, sign) in self.signs.items():
                if stage.startswith(f"{session} "):
                    sign.set()

    def close(self) -> None:
        """Raise every sign."""
        with self.lock:
            for _, sign in self.signs.values():
                sign.set()


def _newer(one: str, other: str) -> bool:
    """Whether the page began the one after the other, as far as their names tell."""
    times = [_TIME.match(name) for name in (one, other)]
    return all(times) and times[0][1] > times[1][1]  # type: ignore[index]


STOP_SIGNALS = StopSignals()
SESSIONS.on_left.append(STOP_SIGNALS.leave)
WORKERS.append(Worker(STOP_SIGNALS.close, lambda: bool(STOP_SIGNALS.signs)))
