"""Sliders whose number may be missing or out of range, which a sentence beside them then says."""

from __future__ import annotations

import html
import math
from typing import Any

import gradio as gr


class BadField(ValueError):
    """A control holds what it may not hold: one sentence, and the control's name.

    Attributes:
        field: The name of the form's field.
    """

    def __init__(self, field: str, sentence: str) -> None:
        """Of a field's name and the sentence that the page shows."""
        super().__init__(sentence)
        self.field = field


CHECKED = "checked-by-form"  # class of the sliders whose range the form checks
_gradio_reads = gr.Slider.preprocess


def _preprocess(self: gr.Slider, payload: Any) -> Any:
    """A slider's number; None where it was emptied, for which Gradio logs a traceback."""
    if payload is None or CHECKED in (self.elem_classes or ()):
        return payload
    return _gradio_reads(self, payload)


# For all sliders, since Gradio makes them anew when a handler updates them. No subclass, because
# Gradio writes a .pyi file beside the source of one.
gr.Slider.preprocess = _preprocess  # type: ignore[method-assign]


def slider(lowest: float, highest: float, **options: Any) -> gr.Slider:
    """A slider; handlers get its number as it was typed, or None where it was emptied.

    Args:
        lowest: First value of its range.
        highest: Last value.
        **options: Those of `gr.Slider`.
    """
    return gr.Slider(lowest, highest, elem_classes=[CHECKED], **options)


def in_range(value: Any, field: str, label: str, lowest: float, highest: float) -> float:
    """The number of a slider.

    Args:
        value: What the control holds, which may be anything.
        field: Name of the form's field.
        label: The control's name on the page.
        lowest: First value that it may hold.
        highest: Last value.

    Raises:
        BadField: if it is not a number, or one out of range.
    """
    takes = f"it takes a number from {readable(lowest)} to {readable(highest)}."
    if value is None or value == "":
        raise BadField(field, f"{label} is empty: {takes}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadField(field, f"{label} holds no number: {takes}")
    if not lowest <= value <= highest:
        raise BadField(field, f"{label} is {readable(value)}: {takes}")
    return value


def readable(number: float) -> str:
    """A number as text, to six digits, with a true minus sign."""
    return f"{number:.6g}".replace("-", "−")


def beside(sentence: str = "") -> str:
    """A sentence for a place beside a control, as HTML of the class `told`; "" where all is well.

    Args:
        sentence: What is wrong, and what to do.
    """
    return f'<p class="error" role="alert">{html.escape(sentence)}</p>' if sentence else ""
