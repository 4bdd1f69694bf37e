"""The page's connection: whose session it is, and that a page which comes back finds its own again.

The browser tells at once when a page is opened, and now and then while it is: Gradio itself tells
the server only that a line has ended, and the page not even that while it computes nothing. The
token of a window lies in its session storage and in the body of these requests; it is never part of
an address, and the server keeps its digest alone.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

import gradio as gr
from gradio.context import LocalContext

from .components import component
from .sessions import SESSIONS
from .wire import JoinAnswer, JoinRequest

SERVER = secrets.token_hex(8)  # another one for each start
# What a visitor has here, in words of which a sentence is made: called with a session of theirs.
BELONGINGS: list[Callable[[str], list[str]]] = []


def join(request: JoinRequest) -> str:
    """A page shows itself.

    Args:
        request: It comes from a browser, so any key may be missing or of another type.

    Returns:
        JSON of a `JoinAnswer`.
    """
    session, token, before = (str(request.get(k) or "") for k in ("session", "token", "before"))
    reopened = bool(request.get("reopened"))
    answer: JoinAnswer
    try:
        known = SESSIONS.join(session, token, before, reopened)
    except ValueError as error:
        answer = {"error": str(error)}
        return json.dumps(answer)
    if request.get("left") and before != session and SESSIONS.same(session, before):
        SESSIONS.left(before)
    if reopened:
        _keep_states(session)
    answer = {
        "server": SERVER,
        "known": known,
        "closed": SESSIONS.was_closed(session),
        "kept": [words for belongings in BELONGINGS for words in belongings(session)],
        "minutes": SESSIONS.grace / 60,
    }
    return json.dumps(answer)


def _keep_states(session: str) -> None:
    """Have Gradio keep a session's states, which it deletes an hour after a line has ended.

    Gradio has no public interface for this.
    """
    holder = getattr(LocalContext.blocks.get(None), "state_holder", None)
    state = getattr(holder, "session_data", {}).get(session)
    if state is not None:
        state.is_closed = False


def left(request: gr.Request) -> None:
    """The line of a page has ended: it was closed, or the connection broke."""
    SESSIONS.left(request.session_hash or "")
