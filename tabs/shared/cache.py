"""The latest values of a function that several threads call."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

KEPT = 32
V = TypeVar("V")


class Cache(OrderedDict[Any, V]):
    """The latest values of a function that several threads call."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self._lock = threading.Lock()

    def of(self, key: Any, compute: Callable[[], V]) -> V:
        """The value of a key, computed where it is not kept."""
        with self._lock:
            if key in self:
                self.move_to_end(key)
                return self[key]
        value = compute()
        with self._lock:
            self[key] = value
            while len(self) > KEPT:
                self.popitem(last=False)
        return value
