"""The controls of the tabs as plain values, from which the page's script makes plain HTML.

Labels, ranges, choices and first values are those of the tabs' own tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import gradio as gr

from tabs.shared.forms import table


class Control(TypedDict):
    """A control: its kind is menu, choice (one of few), checks, range, flag or seed."""

    name: str
    kind: str
    label: str
    info: str
    value: Any
    choices: list[tuple[str, Any]]
    least: float
    most: float
    step: float


def controls(
    form: Any, fields: tuple[str, ...], changes: Mapping[str, dict[str, Any]]
) -> list[Control]:
    """Some of a form's controls.

    Args:
        form: The form, with its defaults.
        fields: Their names, in the order of the page.
        changes: By a field's name, what is otherwise on this page, as `choices`.

    Raises:
        KeyError: if the form has no such field.
    """
    entries = table(form)
    made: list[Control] = []
    with gr.Blocks():
        for name in fields:
            control = entries[name].control
            assert control is not None
            component = control(value=getattr(form, name))
            made.append({**_described(name, component), **changes.get(name, {})})  # type: ignore[typeddict-item]
    return made


def _described(name: str, component: Any) -> Control:
    kinds = {
        gr.Dropdown: "menu",
        gr.Radio: "choice",
        gr.CheckboxGroup: "checks",
        gr.Slider: "range",
        gr.Checkbox: "flag",
        gr.Textbox: "seed",
    }
    kind = next(words for each, words in kinds.items() if isinstance(component, each))
    value = component.value
    return {
        "name": name,
        "kind": kind,
        "label": component.label or name,
        "info": getattr(component, "info", None) or "",
        "value": value() if callable(value) else value,
        "choices": [(str(a), b) for a, b in getattr(component, "choices", None) or []],
        "least": getattr(component, "minimum", 0) or 0,
        "most": getattr(component, "maximum", 0) or 0,
        "step": getattr(component, "step", 1) or 1,
    }
