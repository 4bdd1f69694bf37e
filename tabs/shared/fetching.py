"""A model that was chosen in a menu, on its way to this machine, in view of who chose it."""

from __future__ import annotations

import html
import threading
import time

from . import models
from .text import span

SECONDS = 0.2  # between two checks of a download


class Fetching:
    """A checkpoint on its way, in a thread of its own.

    Attributes:
        value: Its value in the menu, once it is here.
        error: The error, where it failed.
        over: Set when one or the other is.
        sign: Set where nobody waits for it any more.
    """

    def __init__(self, name: str, sign: threading.Event) -> None:
        """Begin.

        Args:
            name: What was chosen or typed: a value of the menu, a folder, or a Hub id.
            sign: Set by whoever no longer waits; the download then ends.
        """
        self.name, self.value = name, name
        self.error: Exception | None = None
        self.over, self.sign = threading.Event(), sign
        self.done, self.total, self.began = 0, 0, time.monotonic()
        threading.Thread(target=self._work, name="fetching", daemon=True).start()

    def _work(self) -> None:
        try:
            self.value = models.fetch(self.name, self._note)
            models.measure_anew(models.get(self.value))
        except Exception as error:
            self.error = error
        self.over.set()

    def _note(self, done: int, total: int) -> None:
        if self.sign.is_set():
            raise ValueError("Another model was chosen.")
        self.done, self.total = done, total

    def line(self) -> str:
        """The progress, as a line with a bar."""
        name = html.escape(self.name)
        if not self.total:
            return f"<p>Looking for {name}.</p>"
        if self.done >= self.total:
            return f"<p>Reading the weights of {name}.</p>"
        passed = time.monotonic() - self.began
        left = passed * (self.total - self.done) / max(self.done, 1)
        unit, word = (1e6, "MB") if self.total >= 1e7 else (1e3, "kB")
        words = f"{self.done / unit:,.0f} of {self.total / unit:,.0f} {word}"
        return (
            f"<p>Fetching {name} from the Hub: {words}, about {span(1000 * left)} left.</p>"
            f'<progress max="{self.total}" value="{self.done}" aria-label="Download"></progress>'
        )
