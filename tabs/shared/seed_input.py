"""The control of a seed: a box of digits, since a browser's numbers are exact only to 2^53."""

from __future__ import annotations

import gradio as gr

from .components import script


def seed_input(value: str | int | None, label: str) -> gr.Textbox:
    """A box for a seed, to be read by `parse_seed`.

    It has no `info`, which would become part of the name that a text box has for screen readers;
    lib/seeds.js tells them that it is a number.

    Args:
        value: The first seed.
        label: The control's name.
    """
    return gr.Textbox(
        value=None if value is None else str(value),
        label=label,
        min_width=140,
        elem_classes=["seed"],
        max_lines=1,
        html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
    )


def new_seed() -> str:
    """The `js=` of a button that fills in another seed."""
    return script("lib/seeds.js", "newSeed")
