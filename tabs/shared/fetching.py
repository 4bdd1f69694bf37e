"""A model that was chosen in a menu, on its way to this machine, in view of who chose it."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable, Generator
from typing import TypeVar
from uuid import uuid4

from . import models
from .cache import Cache
from .errors import COMPUTATION, sentence_of
from .stop_signals import STOP_SIGNALS
from .text import span

SECONDS = 0.2  # between two checks of a download
# The latest choice of a stage that could not be brought, and the sentence that says why.
_REFUSED: Cache[tuple[str, str]] = Cache(256)
Told = TypeVar("Told")


def bring(
    name: str, stage: str, tell: Callable[[str], Told]
) -> Generator[Told, None, Fetching | None]:
    """Bring what was chosen in a menu, and tell again and again how far that is.

    Gradio's menu reports one choice twice, and a person may choose again while a download is on
    its way; so a choice ends the one before it.

    Args:
        name: What was chosen or typed.
        stage: Of the session and the menu, as of `StopSignals`.
        tell: Makes an answer of a line of HTML.

    Yields:
        The answers.

    Returns:
        The work that is over, with a value or an error; None where another choice took its place.
    """
    with STOP_SIGNALS.sign_of(stage, f"{name}\n{uuid4().hex}") as sign:
        work = Fetching(name, sign)
        try:
            while not work.over.wait(SECONDS) and not sign.is_set():
                yield tell(work.line())
        finally:
            superseded = sign.is_set()
            sign.set()  # the page went, or chose otherwise: the download ends
    if superseded:
        return None
    if work.error is not None:
        _REFUSED.put(stage, (name, work.refusal()))
    return work


def end_others(stage: str, model: str) -> str | None:
    """End what is on its way for a menu in which another model has come.

    Args:
        stage: As of `bring`.
        model: The model that is there now.

    Returns:
        None where nothing was on its way. Else the line that takes the place of how far it was:
        the sentence of that choice where it had failed before and was reported a second time, or
        an empty one.
    """
    ended, _, _ = STOP_SIGNALS.end(stage, f"{model}\n").partition("\n")
    if not ended:
        return None
    refused, sentence = _REFUSED.get(stage) or ("", "")
    return sentence if refused == ended else ""


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
            models.measure_anew(models.for_walks(models.get(self.value)))
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

    def refusal(self) -> str:
        """The sentence that says why it failed, as HTML."""
        assert self.error is not None
        sentence = html.escape(sentence_of(self.error, COMPUTATION), quote=False)
        return f'<p class="error" role="alert">{sentence}</p>'
