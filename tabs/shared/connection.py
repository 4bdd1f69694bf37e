"""The page's connection: whose session it is, and that a page which comes back finds its own again.

The browser tells at once when a page is opened, and now and then while it is: Gradio itself tells
the server only that a connection has ended, and the page not even that while it computes nothing.
The token of a window lies in its session storage and in the body of these requests; it is never
part of an address, and the server keeps its digest alone.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from gradio.blocks import Block, BlockContext
from gradio.context import LocalContext

from .components import QUIET, component, script
from .page import Page, together
from .sessions import SESSIONS
from .wire import ConnectionMessage, JoinAnswer, JoinRequest

SERVER = secrets.token_hex(8)  # another one for each start
# The tab that the page opens with: after a reload the one that was open, else the address's. The
# name in the storage is that of lib/storage.js; no module is here yet.
EVENTS = "connection/events.js"
# Events by which the module looks up the controls of a tab, one for each; Gradio has no events of
# a component's own, so that the names say nothing.
LOOKUPS = ("input", "edit", "apply", "release", "retry", "undo", "like", "copy", "tick", "delete")
PAINTED = ("denoise-hole", "filling-hole")  # components of our own in which a person sets something
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
    uploads = request.get("uploads")
    for path in uploads if isinstance(uploads, list) else []:
        SESSIONS.uploaded(session, str(path))
    if reopened:
        _keep_states(session)
    answer = {
        "session": session,
        "server": SERVER,
        "known": known,
        "closed": SESSIONS.was_closed(session),
        "kept": [words for belongings in BELONGINGS for words in belongings(session)],
        "minutes": SESSIONS.grace / 60,
    }
    return json.dumps(answer)


def _keep_states(session: str) -> None:
    """Have Gradio keep a session's states, which it deletes an hour after a connection has ended.

    Gradio has no public interface for this.
    """
    holder = getattr(LocalContext.blocks.get(None), "state_holder", None)
    state = getattr(holder, "session_data", {}).get(session)
    if state is not None:
        state.is_closed = False


def left(request: gr.Request) -> None:
    """The connection of a page has ended: the page was closed, or the connection broke."""
    SESSIONS.left(request.session_hash or "")


def place() -> gr.HTML:
    """The component that connects the page, and says what is still here; `wire` makes it work."""
    return component("connection", "{}", "connection", asks=[join])


def opened(event: gr.EventData, request: gr.Request) -> str:
    """The page's first request; of it alone the page learns the name of its session."""
    given = event._data if isinstance(event._data, dict) else {}
    asked: Any = {**given, "session": request.session_hash or ""}
    return join(asked)


def wire(connection: gr.HTML, page: Page, tabs: dict[str, gr.Tab]) -> None:
    """Have the page join as it opens, remember its controls, and put them back after a reload.

    The browser remembers what the controls hold; the server has no part in it. The component's
    module looks the values up by an event for each tab: a listener at every control would be 200
    more, which Gradio compares with every component as the page opens. What the server filled in
    for whoever opens the page is asked for anew once it knows whose page it is.

    Args:
        connection: Of `place`.
        page: The page, when all tabs are built.
        tabs: The tabs by their ids.
    """
    page.on_load(
        fn=None,
        outputs=page.tabs,
        js=script(EVENTS, "openTab", [*tabs]),
        api_visibility="private",
    )
    connection.submit(opened, None, connection, queue=False, **QUIET)
    found = [(f"{tab} {name}", part) for tab in tabs for name, part in controls_of(tabs[tab])]
    names, parts = [name for name, _ in found], [part for _, part in found]
    message: ConnectionMessage = {"lookups": dict(zip(tabs, LOOKUPS, strict=False))}
    assert len(message["lookups"]) == len(tabs), "a tab has no event that looks up its controls"
    connection.value = json.dumps(message)
    for tab, lookup in message["lookups"].items():
        own = [(name, part) for name, part in found if name.startswith(f"{tab} ")]
        getattr(connection, lookup)(
            None,
            [part for _, part in own],
            None,
            js=script(EVENTS, "tell", "page:settings", [name for name, _ in own]),
            api_visibility="private",
        )
        tabs[tab].select(
            None,
            js=script(EVENTS, "tellTab", tab),
            api_visibility="private",
        )
    after: Any = connection.upload
    after = after(**together(page.returns), **QUIET).then
    after = after(
        None,
        parts,
        parts,
        js=script(EVENTS, "tell", "page:restore", names),
        api_visibility="private",
    ).then
    for event in page.restores:
        after = after(**event).then
    page.on_unload(left)


def controls_of(block: BlockContext) -> Iterator[tuple[str, Any]]:
    """The controls in which a person sets something, each with a name of its own.

    The name holds the control's place, kind and label, so that what was remembered of another
    version of the page is not put into a control that has taken its place. A secret is none.
    """
    for number, part in enumerate(_controls(block)):
        label = getattr(part, "label", None) or part.elem_id or ""
        yield f"{number} {part.get_block_name()} {label}", part


def _controls(block: Block) -> Iterator[Any]:
    for child in getattr(block, "children", []):
        yield from _controls(child)
        if isinstance(child, gr.Textbox | gr.Number):  # those never seen carry values of the page
            if child.visible is True and getattr(child, "type", "") != "password":
                yield child
        elif isinstance(child, gr.Slider | gr.Radio | gr.Checkbox | gr.CheckboxGroup | gr.Dropdown):
            yield child
        elif isinstance(child, gr.Image | gr.File) and child.interactive is not False:
            yield child
        elif isinstance(child, gr.HTML) and child.elem_id in PAINTED:
            yield child
