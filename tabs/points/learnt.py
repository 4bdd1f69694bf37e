"""Networks that visitors have trained on points: each is its visitor's own, and goes with them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from diffusion_core.denoiser import ModelDenoiser

from ..shared.sessions import SESSIONS
from ..shared.wire import PointsLearnMessage

MOST, MOST_OF_ONE = 200, 8  # networks of a quarter of a megabyte each


@dataclass(frozen=True, eq=False)
class Learnt:
    """A network that has learnt points.

    Attributes:
        denoiser: Its averaged weights, as a denoiser.
        steps: Steps of its training.
        message: How its training ended, as the page showed it.
    """

    denoiser: ModelDenoiser
    steps: int
    message: PointsLearnMessage


class LearntNetworks:
    """The networks of all visitors; where there are too many, the oldest are let go."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: OrderedDict[tuple[str, str, str], Learnt] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, session: str, key: str, path: str, learnt: Learnt) -> None:
        """Keep a network for the session's visitor.

        Args:
            session: The session in which it was trained.
            key: The name of its points; see `Subject.key`.
            path: The path that it was trained on: a key of `subject.PATHS`.
            learnt: The network.
        """
        visitor = SESSIONS.visitor(session)
        with self._lock:
            self._kept[visitor, key, path] = learnt
            self._kept.move_to_end((visitor, key, path))
            own = [name for name in self._kept if name[0] == visitor]
            for name in own[:-MOST_OF_ONE]:
                del self._kept[name]
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def of(self, session: str, key: str, path: str) -> Learnt | None:
        """The network of the session's visitor for these points; None where there is none."""
        visitor = SESSIONS.visitor(session)
        with self._lock:
            return self._kept.get((visitor, key, path))

    def forget(self, visitor: str) -> None:
        """Let go what a visitor trained: the visit has ended."""
        with self._lock:
            for name in [name for name in self._kept if name[0] == visitor]:
                del self._kept[name]

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._kept)


LEARNT = LearntNetworks()
SESSIONS.on_visit_end.append(LEARNT.forget)
