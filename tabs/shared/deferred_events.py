"""A mend of the page's own script: an event that had to wait is made up for once, and alone.

Where an event is to call a handler that is still at work for the one before (trigger_mode
"always_last"), Gradio 6.31 remembers that, and when the handler has answered it repeats the whole
event: for all handlers that hear it, not for the one that had waited. Two handlers of one event
then wait for each other in turn and are called for ever; with five of them the page was busy all
the time, and a press of a button came through after a minute. Gradio has no option for this, so the
one expression of its script is replaced as it is sent; where another version of Gradio has other
words there, nothing is, and `tests/test_deferred_events.py` says so.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import gradio

ASSETS = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
REPEATED = re.compile(rb"this\.queue\.delete\((\w+)\.id\),this\.dispatch\((\w+)\)")
ALONE = rb"this.queue.delete(\1.id),this.dispatch({...\2,type:`fn`,fn_index:\1.id})"


@cache
def mended() -> dict[str, bytes]:
    """The scripts that are sent in place of Gradio's, by the path of their address."""
    found = {}
    for file in ASSETS.glob("Blocks-*.js"):
        text, count = REPEATED.subn(ALONE, file.read_bytes())
        if count:
            found[f"/assets/{file.name}"] = text
    return found
