"""The control of which values are black and white in pictures of more than 8 bits a value."""

from __future__ import annotations

import gradio as gr

from diffusion_core.data import RANGES


def value_range_menu(value: str, info: str) -> gr.Dropdown:
    """A menu of the keys of `RANGES`, in which the value that is white can also be typed.

    Args:
        value: What is chosen at first.
        info: The line below the label: of which pictures, and what may be typed.
    """
    return gr.Dropdown(
        [(words, key) for key, words in RANGES.items()],
        value=value,
        label="Value range",
        info=info,
        allow_custom_value=True,
    )
