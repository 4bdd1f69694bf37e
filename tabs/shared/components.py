"""Our own HTML components: markup, looks and script from static/, one value as JSON text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr

STATIC = Path(__file__).parents[1] / "static"
# Of events that are the page's own affair: nothing blinks, and nobody calls them from outside.
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def never_silent(handler: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """A handler that yields, made to say at least that nothing changes.

    Where a handler ends before its first yield, Gradio sends null to all that it would have
    changed; and what arrives there in the same moment, of a run that took its place, is lost.
    """

    @wraps(handler)
    def speaking(*args: Any, **named: Any) -> Iterator[Any]:
        saying = handler(*args, **named)
        yield next(saying, gr.skip())
        yield from saying

    return speaking


def component(
    name: str,
    value: str,
    elem_id: str,
    *,
    scripts: tuple[str, ...] = (),
    asks: list[Callable[..., Any]] | None = None,
) -> gr.HTML:
    """A component from static/NAME.html, .css and .js.

    Args:
        name: Of the files.
        value: First message, JSON; the script reads it as `props.value`.
        elem_id: Of the element; the page's own scripts find it by this.
        scripts: Names of its .js files, one after the other; NAME.js alone where there are none.
        asks: Functions that its script may call, by their names, as `server.NAME(value)`.
    """
    read = {e: (STATIC / f"{name}.{e}").read_text(encoding="utf-8") for e in ("html", "css")}
    names = ("common", *(scripts or (name,)))
    script = "".join((STATIC / f"{n}.js").read_text(encoding="utf-8") for n in names)
    return gr.HTML(
        value=value,
        html_template=read["html"],
        css_template=read["css"],
        js_on_load=script,
        server_functions=asks,
        elem_id=elem_id,
        apply_default_css=False,
    )


def why(text: str) -> None:
    """The fold with the longer explanation, its equations set as mathematics.

    Args:
        text: Markdown with $ and $$ around mathematics.
    """
    delimiters = [
        {"left": "$$", "right": "$$", "display": True},
        {"left": "$", "right": "$", "display": False},
    ]
    with gr.Accordion("Why?", open=False):
        gr.Markdown(text, latex_delimiters=delimiters)
