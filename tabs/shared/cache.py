"""The latest values of a function that several threads call, each computed once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

KEPT = 32
V = TypeVar("V")


class Cache(Generic[V]):
    """The latest values of a function that several threads call, each computed once.

    A thread that asks for what another one computes waits for it. One that asks for anything else
    does not, however long that takes. (`functools.lru_cache` computes a value once for each thread
    that asks before it is there, and takes its arguments for the key.)
    """

    def __init__(self, kept: int = KEPT) -> None:
        """Begin with none.

        Args:
            kept: How many values are kept at most.
        """
        self.kept = kept
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self._under_way: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """The value of a key where it is kept; else None."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Hashable, value: V) -> None:
        """Keep a value; the one that was used longest ago may go for it."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self.kept:
                self._values.popitem(last=False)

    def of(self, key: Hashable, compute: Callable[[], V]) -> V:
        """The value of a key, computed where it is not kept.

        Args:
            key: What the value follows from.
            compute: Computes it; what it raises is raised to whoever asked, and nothing is kept.
        """
        with self._lock:
            under_way = self._under_way.setdefault(key, threading.Lock())
        with under_way:
            value = self.get(key)
            if value is None:
                try:
                    value = compute()
                    self.put(key, value)
                finally:
                    with self._lock:
                        self._under_way.pop(key, None)
        return value
