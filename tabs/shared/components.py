"""Our own HTML components: markup, looks and module from static/, one value as JSON text.

A component is a folder static/NAME with NAME.html, NAME.css and index.js, an ES module that exports
`mount`; static/lib holds what several of them import. The browser loads the modules from Gradio's
file route, and keeps them (`crossing.Doors` tells it to). So that it does not go on with a module
of before an update, the modules are served from a copy made at start-up, whose folder has a name of
its own: a new start is a new address, also for what the modules import from each other, and a
repository that is updated under a running page changes nothing there. The copy holds the modules,
the vendored runtime that they load, and the graphs that are made for it (see
denoise/browser_walk.py), so that nothing else of static/ becomes readable by it.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from functools import cache, wraps
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from diffusion_core.files import temporary_folder

STATIC = Path(__file__).parents[1] / "static"
RUNTIME = "onnxruntime"  # in static/: what evaluates networks in a browser, vendored
# Options of events internal to the page: nothing blinks, and they cannot be called from outside.
# Gradio's page keeps a status for every output of every event, and at each message of an event it
# searches its tree of components for all that have one. Shown on nothing, the status is kept for
# nothing.
QUIET: dict[str, Any] = {
    "show_progress": "hidden",
    "show_progress_on": [],
    "api_visibility": "private",
}
# The same, of what the user sets: a field, a file, a fold. Gradio's own default drops what is set
# while the answer to the value before is still on its way.
LATEST: dict[str, Any] = QUIET | {"trigger_mode": "always_last"}
# Events that the page's buttons send to a component; load.js keeps those that come before its
# module has arrived. Where a dict stands beside a name, it is the answer until then.
EVENTS: dict[str, dict[str, dict[str, Any] | None]] = {
    "player": {
        "player:start": None,
        "player:stop": None,
        "player:failed": None,
        "player:ask": {"run": "", "card": "", "step": 0},
    },
    "race": {"race:start": None, "race:stop": None},
    "gallery": {"gallery:start": None},
    "views": {"views:begin": None},
    "draw": {"draw:set": None},
    "systems_guided": {"system:waiting": None},
    "systems_glide": {"system:waiting": None},
    "systems_filling": {"system:waiting": None},
    "systems_unclip": {"system:waiting": None},
    "systems_differ": {"system:waiting": None},
    "systems_imagen": {"system:waiting": None},
    "lessons": {"lessons:open": None},
}


def never_silent(handler: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """A handler that yields at least one update, the one that changes nothing.

    Where a handler ends before its first yield, Gradio sends null to all that it would have
    changed; and what arrives there in the same moment, of a run that took its place, is lost.
    """

    @wraps(handler)
    def never_empty(*args: Any, **named: Any) -> Iterator[Any]:
        updates = handler(*args, **named)
        yield next(updates, gr.skip())
        yield from updates

    return never_empty


def component(
    name: str,
    value: str,
    elem_id: str,
    *,
    asks: list[Callable[..., Any]] | None = None,
    looks_like: str | None = None,
) -> gr.HTML:
    """A component from the folder static/NAME.

    Args:
        name: Name of the folder.
        value: First message, JSON.
        elem_id: Id of the element; the page's own scripts find it by this.
        asks: Functions that its module may call, by their names, as `server.NAME(value)`.
        looks_like: Name of the component whose stylesheet it has; None is its own.
    """
    files = {"html": name, "css": looks_like or name}
    read = {e: (STATIC / of / f"{of}.{e}").read_text(encoding="utf-8") for e, of in files.items()}
    return gr.HTML(
        value=value,
        html_template=read["html"],
        css_template=read["css"],
        js_on_load=loader(name),
        server_functions=asks,
        elem_id=elem_id,
        apply_default_css=False,
    )


def loader(name: str) -> str:
    """The script that loads a component's module and mounts it."""
    address = json.dumps(served_address(f"{name}/index.js"))
    events = json.dumps(EVENTS.get(name, {}))
    script = (STATIC / "load.js").read_text(encoding="utf-8")
    return (
        f"{script}\n"
        f"loadComponent(element, {{ trigger, props, server }}, watch, {address}, {events});"
    )


def script(module: str, function: str, *first: Any) -> str:
    """The `js=` of an event: a call of a function that a module exports.

    Args:
        module: The module's file in static/, as "player/clicks.js".
        function: The name of the function.
        *first: Its first arguments, which JSON can hold; the values of the event's inputs follow.

    Raises:
        ValueError: if the module exports no such function.
    """
    text = (STATIC / module).read_text(encoding="utf-8")
    if not re.search(rf"^export function {re.escape(function)}\(", text, re.MULTILINE):
        raise ValueError(f"{module} exports no function {function}.")
    arguments = "".join(f"{json.dumps(value)}, " for value in first)
    return (
        f"async (...inputs) => (await import(new URL({json.dumps(served_address(module))}, "
        "document.baseURI).href))"
        f".{function}({arguments}...inputs)"
    )


def served_address(name: str) -> str:
    """A served file's address, relative to the page, which may lie under a path of a proxy.

    Args:
        name: The file's name in the folder `served`, or that of a folder with a slash at its end.
    """
    slash = "/" if name.endswith("/") else ""
    return f"gradio_api/file={quote((served() / name).as_posix())}{slash}"


@cache
def served() -> Path:
    """The folder from which this process serves the modules; it goes with the process."""
    folder = temporary_folder("playground-modules-")
    for path in [*STATIC.glob("*/*.js"), *STATIC.glob(f"{RUNTIME}/*")]:
        copy = folder / path.relative_to(STATIC)
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, copy)
    gr.set_static_paths(folder)
    return folder


def why(text: str) -> None:
    """The fold with the longer explanation, its equations set as mathematics.

    Args:
        text: Markdown with $ and $$ around mathematics.
    """
    delimiters: list[dict[str, str | bool]] = [
        {"left": "$$", "right": "$$", "display": True},
        {"left": "$", "right": "$", "display": False},
    ]
    with gr.Accordion("Why?", open=False):
        gr.Markdown(text, latex_delimiters=delimiters)
