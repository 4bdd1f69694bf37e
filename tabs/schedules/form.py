"""The Schedules tab's form: one table of named fields, which the page's address holds too."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import gradio as gr

from ..shared.forms import entry, table
from .compute import NAMES, QUANTITIES, Choice

DEFAULT = Choice()
LINEAR, LOGARITHMIC = "linear axis", "logarithmic axis"


def _one_of(known: Container[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in known:
            raise ValueError(text)
        return text

    return read


def _names(text: str) -> list[str]:
    """The known names among those of the text; at least one."""
    if not (names := [name for name in text.split(",") if name in NAMES]):
        raise ValueError(text)
    return names


def _number(
    default: float, lowest: float, highest: float, *, step: float, label: str, info: str = ""
) -> Any:
    """A field that a slider holds; a value from an address must lie in its range."""

    def read(text: str) -> float:
        value = type(default)(float(text))
        if not lowest <= value <= highest:
            raise ValueError(text)
        return value

    slider = partial(gr.Slider, lowest, highest, step=step, label=label, info=info or None)
    return entry(default, slider, read=read)


def _point(number: int) -> Any:
    """The log-SNR of one of the five points of the drawn schedule."""
    default = DEFAULT.points[number]
    return _number(default, -15, 15, step=0.5, label=f"log-SNR at {number}/4")


@dataclass(frozen=True)
class ScheduleForm:
    """The values of the tab's controls: names, defaults, ranges.

    `read` of an entry takes the text of the address and returns the control's value; it raises
    ValueError or OverflowError where it is nonsense.
    """

    what: str = entry(
        next(iter(QUANTITIES)),
        partial(gr.Dropdown, list(QUANTITIES), label="Plot"),
        read=_one_of(QUANTITIES),
    )
    axis: str = entry(
        LINEAR,
        partial(gr.Radio, [LINEAR, LOGARITHMIC], label="Vertical axis"),
        read=_one_of((LINEAR, LOGARITHMIC)),
    )
    names: tuple[str, ...] = entry(
        DEFAULT.names,
        lambda value: gr.CheckboxGroup(list(NAMES), value=list(value), label="Schedules"),
        read=_names,
    )
    T: int = _number(DEFAULT.T, 2, 4000, step=1, label="T", info="training timesteps, 2 to 4000")
    zero: bool = entry(
        DEFAULT.zero,
        partial(
            gr.Checkbox,
            label="Zero terminal SNR: end in pure noise",
            info="of all but the drawn one",
        ),
        read=lambda text: text == "true",
    )
    beta_start: float = _number(
        DEFAULT.beta_start,
        1e-5,
        0.01,
        step=1e-5,
        label="beta_start",
        info="linear, scaled_linear, sigmoid_beta",
    )
    beta_end: float = _number(
        DEFAULT.beta_end,
        0.001,
        0.1,
        step=0.001,
        label="beta_end",
        info="linear, scaled_linear, sigmoid_beta",
    )
    s: float = _number(DEFAULT.s, 0, 0.1, step=0.001, label="s", info="cosine")
    start: float = _number(DEFAULT.start, -6, 0, step=0.1, label="start", info="sigmoid")
    end: float = _number(DEFAULT.end, 0.1, 6, step=0.1, label="end", info="sigmoid")
    tau: float = _number(DEFAULT.tau, 0.1, 3, step=0.1, label="tau", info="sigmoid")
    p0: float = _point(0)
    p1: float = _point(1)
    p2: float = _point(2)
    p3: float = _point(3)
    p4: float = _point(4)

    @property
    def logarithmic(self) -> bool:
        """Whether the vertical axis is logarithmic."""
        return self.axis == LOGARITHMIC

    def choice(self) -> Choice:
        """The chosen schedules.

        Raises:
            ValueError: with a sentence, if a number is missing.
        """
        return Choice.of(**{f.name: getattr(self, f.name) for f in fields(Choice)})


def address_updates(query: Mapping[str, str]) -> dict[str, Any]:
    """Updates of the controls, by name, for the parameters of an address; nonsense is left out."""
    updates = {}
    for name, each in table(ScheduleForm).items():
        if name in query and each.read is not None:
            try:
                updates[name] = each.read(query[name])
            except (ValueError, OverflowError):
                pass  # the control stays as it is
    return updates
