"""The page's header: Glossary, Reset everything and Present, and the bar at the bottom.

The component is static/present. What its buttons do happens in the browser: the bar presses the
open tab's own buttons, and "Reset everything" forgets what the browser remembers and loads the page
again. Only the glossary's text comes from here, and that from docs/glossary.md.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import gradio as gr

from .components import STATIC, component
from .wire import GlossarySymbol, HeaderMessage

# Rules for the whole page, which a component's own style sheet cannot hold.
PAGE_CSS = STATIC / "present" / "page.css"
# In the repository, and in an installed package, where setup.py puts it.
PLACES = [above / "docs" / "glossary.md" for above in (STATIC.parents[1], STATIC.parent)]


def symbols(text: str) -> list[GlossarySymbol]:
    """The rows of the table of symbols.

    Args:
        text: The glossary, Markdown.

    Raises:
        ValueError: if there is no such table.
    """
    _, found, rest = text.partition("\n## Symbols\n")
    rows = re.findall(r"^\|(.*)\|$", rest.partition("\n## ")[0], re.MULTILINE)
    cells = [[cell.strip() for cell in row.split("|")] for row in rows[2:]]
    if not found or not cells or any(len(row) != 3 for row in cells):
        raise ValueError("The glossary has no table of symbols with three columns.")
    return [{"symbol": symbol, "code": code, "words": words} for symbol, code, words in cells]


def message() -> str:
    """What the header's component shows: JSON of a `HeaderMessage`."""
    path = next(filter(Path.is_file, PLACES))
    shown: HeaderMessage = {"symbols": symbols(path.read_text(encoding="utf-8"))}
    return json.dumps(shown)


def place() -> gr.HTML:
    """The buttons of the header, with the panels that they open and the bar at the bottom."""
    return component("present", message(), "page-header")
