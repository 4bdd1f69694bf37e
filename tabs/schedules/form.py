"""The Schedules tab's form: one table of named fields, which the page's address holds too."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import gradio as gr

from diffusion_core.schedule import SCHEDULES

from ..shared.forms import entry, table

DRAWN = "drawn"
NAMES = (*SCHEDULES, DRAWN)
QUANTITIES = {
    "ᾱ, how much picture is left": "alpha_bar",
    "√ᾱ and √(1−ᾱ), signal and noise": "roots",
    "β, noise added in a step": "beta",
    "log-SNR, natural": "log_snr",
    "posterior variance": "posterior",
}
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


def _point(number: int, default: float) -> Any:
    """The log-SNR of one of the five points of the drawn schedule."""
    return _number(default, -15, 15, step=0.5, label=f"log-SNR at {number}/4")


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
        partial(gr.Radio, [LINEAR, LOGARITHMIC], label="Vertical axis"),
        read=_one_of((LINEAR, LOGARITHMIC)),
    )
    names: tuple[str, ...] = entry(
        ("linear", "cosine", "sigmoid"),
        lambda value: gr.CheckboxGroup(list(NAMES), value=list(value), label="Schedules"),
        read=_names,
    )
    T: int = _number(1000, 2, 4000, step=1, label="T", info="training timesteps, 2 to 4000")
    zero: bool = entry(
        False,
        partial(
            gr.Checkbox,
            label="Zero terminal SNR: end in pure noise",
            info="of all but the drawn one",
        ),
        read=lambda text: text == "true",
    )
    beta_start: float = _number(
        1e-4,
        1e-5,
        0.01,
        step=1e-5,
        label="beta_start",
        info="linear, scaled_linear, sigmoid_beta",
    )
    beta_end: float = _number(
        0.02,
        0.001,
        0.1,
        step=0.001,
        label="beta_end",
        info="linear, scaled_linear, sigmoid_beta",
    )
    s: float = _number(0.008, 0, 0.1, step=0.001, label="s", info="cosine")
    start: float = _number(-3.0, -6, 0, step=0.1, label="start", info="sigmoid")
    end: float = _number(3.0, 0.1, 6, step=0.1, label="end", info="sigmoid")
    tau: float = _number(1.0, 0.1, 3, step=0.1, label="tau", info="sigmoid")
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
        return [self.p0, self.p1, self.p2, self.p3, self.p4]

    def checked(self) -> ScheduleForm:
        """The same values in the types of the fields, as the controls may not hold them.

        Raises:
            ValueError: with a sentence, if a number is missing.
        """
        if any(getattr(self, f.name) is None for f in fields(self)):
            raise ValueError("Fill in every number.")
        return replace(self, names=tuple(self.names), T=int(self.T))


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
