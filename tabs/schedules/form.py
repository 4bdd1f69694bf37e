"""The Schedules tab's form: one table of named fields, which the page's address holds too."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import gradio as gr

from diffusion_core.schedule import SCHEDULES

from ..shared.forms import entry, parsed, table
from ..shared.number_input import in_range, readable, slider

DRAWN = "drawn"
NAMES = (*SCHEDULES, DRAWN)
QUANTITIES = {
    "ᾱ, how much picture is left": "alpha_bar",
    "√ᾱ and √(1−ᾱ), signal and noise": "roots",
    "β, noise added in a step": "beta",
    "log-SNR, natural": "log_snr",
    "posterior variance": "posterior",
}
# Quantities of several powers of ten, of which a linear axis shows the largest values alone.
OF_MANY_POWERS = ("beta", "posterior")
# Those on whose plots the points of the drawn schedule lie: they follow from the log-SNR.
OF_LOG_SNR = ("alpha_bar", "roots", "log_snr")
LINEAR, LOGARITHMIC = "linear axis", "logarithmic axis"
POINTS = ("p0", "p1", "p2", "p3", "p4")
PARAMETER_NAMES = ("beta_start", "beta_end", "s", "start", "end", "tau")


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
    name: str,
    default: float,
    lowest: float,
    highest: float,
    *,
    step: float,
    label: str = "",
    info: str = "",
) -> Any:
    """A field that a slider holds; a value from an address must lie in its range."""
    kind, label = type(default), label or name

    def read(text: str) -> float:
        value = kind(float(text))
        if not lowest <= value <= highest:
            raise ValueError(text)
        return value

    def parse(value: Any) -> float:
        return kind(in_range(value, name, label, lowest, highest))

    control = partial(slider, lowest, highest, step=step, label=label, info=info or None)
    return entry(default, control, parse=parse, read=read)


def _point(number: int, default: float) -> Any:
    """The log-SNR of one of the five points of the drawn schedule."""
    label = f"log-SNR at {number}/4"
    return _number(POINTS[number], default, -15, 15, step=0.1, label=label)


@dataclass(frozen=True)
class ScheduleForm:
    """The values of the tab's controls: names, defaults, ranges.

    Attributes:
        what: The quantity that is plotted, one of `QUANTITIES`.
        axis: `LINEAR` or `LOGARITHMIC`.
        names: Schedules to compare, of `NAMES`.
        T: Training timesteps.
        zero: Zero terminal SNR.
        beta_start, beta_end: First and last beta of linear, scaled_linear and sigmoid_beta.
        s: Offset of cosine.
        start, end, tau: Ends and temperature of sigmoid.
        p0, p1, p2, p3, p4: Log-SNR of the drawn schedule's points.

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
        partial(gr.Radio, [(LINEAR, LINEAR), ("log axis", LOGARITHMIC)], label="Vertical axis"),
        read=_one_of((LINEAR, LOGARITHMIC)),
    )
    names: tuple[str, ...] = entry(
        ("linear", "cosine", "sigmoid"),
        lambda value: gr.CheckboxGroup(list(NAMES), value=list(value), label="Schedules"),
        read=_names,
    )
    T: int = _number("T", 1000, 2, 4000, step=1, info="training timesteps")
    zero: bool = entry(
        False,
        partial(
            gr.Checkbox,
            label="Zero terminal SNR: end in pure noise",
            info="Applies to all but drawn.",
        ),
        read=lambda text: text == "true",
    )
    beta_start: float = _number(
        "beta_start",
        1e-4,
        1e-5,
        0.01,
        step=1e-5,
        info="linear, scaled_linear, sigmoid_beta",
    )
    beta_end: float = _number(
        "beta_end",
        0.02,
        0.001,
        0.1,
        step=0.001,
        info="linear, scaled_linear, sigmoid_beta",
    )
    s: float = _number("s", 0.008, 0, 0.1, step=0.001, info="cosine")
    start: float = _number("start", -3.0, -6, 0, step=0.1, info="sigmoid")
    end: float = _number("end", 3.0, 0.1, 6, step=0.1, info="sigmoid")
    tau: float = _number("tau", 1.0, 0.1, 3, step=0.1, info="sigmoid")
    p0: float = _point(0, 9.0)
    p1: float = _point(1, 3.0)
    p2: float = _point(2, 0.0)
    p3: float = _point(3, -3.0)
    p4: float = _point(4, -9.0)

    @property
    def logarithmic(self) -> bool:
        """Whether the vertical axis is logarithmic."""
        return self.axis == LOGARITHMIC

    @property
    def points(self) -> list[float]:
        """Log-SNR of the drawn schedule's points."""
        return [getattr(self, name) for name in POINTS]

    @property
    def rising(self) -> str:
        """A sentence on the points that lie above the one before; "" where none does."""
        least, found = math.inf, []
        for number, value in enumerate(self.points):
            if value > least:
                found.append(
                    f"log-SNR at {number}/4 is {readable(value)}, above the point before it; "
                    f"drawn uses {readable(least)} there."
                )
            least = min(least, value)
        return "A picture never becomes clearer: " + " ".join(found) if found else ""

    def checked(self) -> ScheduleForm:
        """The same values in the types of the fields, as the controls may not hold them.

        Raises:
            BadField: with a sentence, if a number is missing or out of range.
        """
        numbers = {name: parsed(self, name) for name in ("T", *PARAMETER_NAMES, *POINTS)}
        return replace(self, names=tuple(self.names), **numbers)


def suited_axis(what: str) -> str:
    """The vertical axis on which a quantity is seen best."""
    return LOGARITHMIC if QUANTITIES.get(what) in OF_MANY_POWERS else LINEAR


def address_updates(query: Mapping[str, str]) -> dict[str, Any]:
    """Updates of the controls, by name, for the parameters of an address; nonsense is left out."""
    updates = {}
    for name, each in table(ScheduleForm).items():
        if name in query and each.read is not None:
            try:
                updates[name] = each.read(query[name])
            except (ValueError, OverflowError):
                pass  # the control stays as it is
    if "what" in updates and "axis" not in updates:
        updates["axis"] = suited_axis(updates["what"])
    return updates
