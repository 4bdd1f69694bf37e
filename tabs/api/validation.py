"""Checks of the values that a program sends; every error is answered by one sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import gradio as gr
import torch
from torch import Tensor

from diffusion_core.schedule import Schedule

from ..shared.errors import ENDPOINT, sentence_of
from ..shared.text import LONGEST_NAME, echo, fits_utf8, sentence

MOST_CLASSES, MOST_ATTRIBUTES = 10**6, 64


@contextmanager
def said_plainly() -> Iterator[None]:
    """Turn what goes wrong into one sentence for the client.

    Raises:
        gr.Error: with the sentence of a ValueError, or, of anything else, that something broke off.
    """
    try:
        yield
    except gr.Error:
        raise
    except Exception as error:
        raise gr.Error(sentence(sentence_of(error, ENDPOINT)), print_exception=False) from None


def number(value: Any, name: str, lowest: float = -math.inf, highest: float = math.inf) -> float:
    """A finite number within bounds.

    Raises:
        ValueError: with a sentence, if it is none.
    """
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        fits = fits and math.isfinite(value) and lowest <= value <= highest
    except OverflowError:  # an integer beyond all floats
        fits = False
    if not fits:
        bounds = f" from {lowest:g} to {highest:g}" if math.isfinite(lowest) else ""
        raise ValueError(f"{name} must be a number{bounds}, got {echo(value)}.")
    return float(value)


def whole(value: Any, name: str, lowest: int, highest: int) -> int:
    """A whole number within bounds.

    Raises:
        ValueError: with a sentence, if it is none.
    """
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits or not lowest <= value <= highest or int(value) != value:
        raise ValueError(
            f"{name} must be a whole number from {lowest} to {highest}, got {echo(value)}."
        )
    return int(value)


def truth(value: Any, name: str) -> bool:
    """True or false; text is neither, whatever it says.

    Raises:
        ValueError: with a sentence, if it is something else.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, got {echo(value)}.")
    return value


def one_of(value: Any, name: str, choices: Sequence[str]) -> str:
    """One of several names.

    Raises:
        ValueError: with a sentence that lists them, if it is none.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"There is no {name} {echo(value)}; choose one of {', '.join(choices)}.")
    return value


def text(value: Any, name: str) -> str:
    """Text that may be a name.

    Raises:
        ValueError: with a sentence, if it is something else, or longer than names are.
    """
    if not isinstance(value, str) or len(value) > LONGEST_NAME or not fits_utf8(value):
        raise ValueError(
            f"{name} must be text of at most {LONGEST_NAME} characters, got {echo(value)}."
        )
    return value


def labelled(value: Any) -> str | int | None:
    """A class by name or number; None and an empty name are unspecified.

    Raises:
        ValueError: with a sentence, if it is something else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return text(value, "label")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MOST_CLASSES:
        raise ValueError(f"label must be the name or the number of a class, got {echo(value)}.")
    return value


def named(value: Any) -> tuple[tuple[str, str], ...]:
    """Attributes, as pairs of a name and a value; None is unspecified.

    Raises:
        ValueError: with a sentence, if it is something else.
    """
    if value is None:
        return ()
    parts = [*value.items()] if isinstance(value, dict) and len(value) <= MOST_ATTRIBUTES else [0]
    if not all(isinstance(p, tuple) and isinstance(p[1], str) for p in parts):
        raise ValueError(
            'attributes must be names with values, like {"head": "afro"}, got ' + f"{echo(value)}."
        )
    return tuple((text(k, "attributes"), text(v, "attributes")) for k, v in value.items())


def listed(values: Tensor) -> list[float | None]:
    """Numbers as JSON takes them: infinite ones, which it does not have, become None."""
    return [v if math.isfinite(v) else None for v in values.tolist()]


def summary(schedule: Schedule) -> list[str]:
    """A schedule in two sentences: where signal and noise balance, if they do, and what is left."""
    log_snr = schedule.log_snr(torch.arange(len(schedule)))
    if float(log_snr[-1]) > 0:
        balance = "The picture outweighs the noise at every timestep."
    elif float(log_snr[0]) < 0:
        balance = "The noise outweighs the picture at every timestep."
    else:
        balance = f"Signal and noise weigh about the same at t = {int(log_snr.abs().argmin())}."
    left = 100 * math.sqrt(float(schedule.alphas_cumprod[-1]))
    digits = 2 if left < 99.5 else 4
    return [balance, f"The last timestep leaves {left:.{digits}g} % of the picture's amplitude."]
