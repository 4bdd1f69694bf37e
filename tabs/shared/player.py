"""The frame player: one HTML component, and the messages that fill it.

A message is JSON, a `wire.PlayerMessage`. The browser keeps every frame at native size and
draws it on canvases; scrubbing, playing and looping need no server.

Messages overlap: each repeats the frames of the one before. Where the page takes up two messages
in one breath and sees only the second, no frame is lost.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from diffusion_core.generation import Frame

from . import wire
from .components import component
from .wire import as_base64

# Between two messages. Each costs the server as much as a small step, and the page, in which Gradio
# searches all components for the one that it updates, 30 ms and more: at 15 a second a page on the
# machine that also computes the walk had no time left for a press of Stop. The player spreads the
# frames.
MESSAGE_SECONDS = 1 / 8
LAST_SECONDS = 1 / 4  # before the expected end, in which no message but the last is sent


def encode(frame: Frame) -> wire.Frame:
    """A frame as JSON values."""
    return {
        "i": frame.index,
        "t": frame.t,
        "tp": frame.t_prev,
        "ab": round(frame.alpha_bar, 6),
        "nfe": frame.nfe,
        "ms": round(frame.ms, 1),
        "w": {name: float(f"{weight:.6g}") for name, weight in frame.weights.items()},
        "h": frame.histogram,
        "n": {name: float(f"{number:.6g}") for name, number in frame.numbers.items()},
        "px": [as_base64(p) for p in frame.pictures.values()],
    }


@dataclass
class Run:
    """Collects the frames of one run and decides when a message is due.

    Attributes:
        head: The data that the player needs beside the frames (see denoise/captions.py), among it
            alpha_bars, one for each frame that there will be, for the scrubber's track.
        run_id: The browser's name for this run.
        first: Number of the first frame that is taken.
    """

    head: wire.Head
    run_id: str
    first: int = 0
    _frames: list[wire.Frame | None] = field(default_factory=list)
    _sent: int = 0
    _sent_before: int = 0
    _last: float = 0.0
    _began: float = 0.0
    _messages: int = 0

    def add(self, frame: Frame) -> None:
        """Take a frame; it goes out with the next message."""
        self._began = self._began or time.monotonic()
        self._frames.append(encode(frame))

    def due(self) -> bool:
        """Whether it is time for a message: the first frame is, and the last ones wait for the end.

        A walk of a third of a second so takes two messages and not four, each of which costs the
        page as much as a step costs the server.
        """
        now, taken = time.monotonic(), len(self._frames)
        if self._sent == taken or now - self._last < MESSAGE_SECONDS:
            return False
        if not self._messages:
            return True
        pace = (now - self._began) / max(1, taken - 1)
        return (len(self.head["alpha_bars"]) - taken) * pace > LAST_SECONDS

    def message(self, *, done: bool = False, card: str = "", link: str = "", note: str = "") -> str:
        """The frames since the last message but one.

        Args:
            done: Whether it is the last.
            card: The run card, with the last.
            link: The run card as a link holds it, where that is another.
            note: A sentence to show, with the last.
        """
        first = self._sent_before
        values: wire.PlayerMessage = {
            "run": self.run_id,
            "total": len(self.head["alpha_bars"]),
            "done": done,
            "first": self.first + first,
            "frames": [frame for frame in self._frames[first:] if frame is not None],
        }
        if card:
            values["card"] = card
        if link:
            values["link"] = link
        if note:
            values["note"] = note
        if self._messages < 3 or done:
            values["head"] = self.head
        self._sent_before, self._sent = self._sent, len(self._frames)
        for i in range(self._sent_before):
            self._frames[i] = None  # sent twice: the browser has it now
        self._last = time.monotonic()
        self._messages += 1
        return json.dumps(values)


def failure(sentence: str, run_id: str, offer: bool = False) -> str:
    """A message that shows a sentence in the stage and leaves the frames there as they are.

    Args:
        sentence: What happened, and what to do.
        run_id: The browser's name for the run.
        offer: Whether to offer that the browser walks instead.
    """
    message: wire.Failure = {"run": run_id, "error": sentence}
    if offer:
        message["offer"] = True
    return json.dumps(message)


def player(value: str, elem_id: str, asks: list[Callable[..., Any]]) -> gr.HTML:
    """The component.

    Args:
        value: First message: something to see at once.
        elem_id: Id of the element; the page's own scripts find it by this.
        asks: What its module calls, by these names:
            `keep`, for a file of a run; returns JSON of a `wire.KeepAnswer`.
            `give_up`, with the name of a run that another takes the place of.
            `recall`, for the frames of a run that this page showed before it was loaded anew;
            returns JSON of a `wire.PlayerMessage`, or nothing.
            `qr_code`, with a link; returns JSON of a `wire.CodeAnswer`.
            `walk_noise`, for the noise of a walk in the browser; returns JSON of a
            `wire.NoiseAnswer`.
    """
    return component("player", value, elem_id, asks=asks)
