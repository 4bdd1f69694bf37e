"""Our own HTML components: markup, looks and script from assets/, one value as JSON text."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parent / "assets"


def component(name: str, value: str, elem_id: str) -> gr.HTML:
    """A component from assets/NAME.html, .css and .js.

    Args:
        name: Of the files.
        value: First message, JSON; the script reads it as `props.value`.
        elem_id: Of the element; the page's own scripts find it by this.
    """
    read = {e: (ASSETS / f"{name}.{e}").read_text(encoding="utf-8") for e in ("html", "css", "js")}
    common = (ASSETS / "common.js").read_text(encoding="utf-8")
    return gr.HTML(
        value=value,
        html_template=read["html"],
        css_template=read["css"],
        js_on_load=common + read["js"],
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
