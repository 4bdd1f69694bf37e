"""Limits of what one visitor may compute: wide at home, narrow in public.

`Bounds` limit models and walks, `Limits` one training, `PointLimits` one on points of the plane,
`Places` how many computations wait and run; environment variables set each of them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from .sessions import PUBLIC, SESSIONS

Some = TypeVar("Some")
KINDS: dict[Any, Callable[[str], float]] = {"int": int, "float": float}  # by a field's annotation


class PageLimit(ValueError):
    """What this page's limits refuse, in one sentence; another computer might do it."""


def from_environment(most: Some, prefix: str) -> Some:
    """Limits as environment variables set them, each named by the prefix and the field.

    Args:
        most: The limits that hold where no variable is set.
        prefix: The beginning of the variables' names.

    Raises:
        ValueError: if a variable is not a number, in a sentence that names it.
    """
    values: dict[str, Any] = {}
    for each in fields(most):  # type: ignore[arg-type]
        usual = getattr(most, each.name)
        name = f"{prefix}{each.name.upper()}"
        text = os.environ.get(name)
        try:
            values[each.name] = usual if text is None else KINDS[each.type](text)
        except ValueError:
            raise ValueError(f"{name} must be a number, not {text!r}.") from None
    return type(most)(**values)


@dataclass(frozen=True)
class Bounds:
    """Limits of models and walks; each is set by PLAYGROUND_MAX_ and its name.

    Attributes:
        download_megabytes: Megabytes of the weights of a model from the Hub.
        cache_megabytes: Megabytes of the weights of all of them together.
        walk_seconds: Seconds that a walk is expected to take.
    """

    download_megabytes: float = math.inf
    cache_megabytes: float = math.inf
    walk_seconds: float = math.inf

    @classmethod
    def here(cls) -> Bounds:
        """The limits of this page."""
        return from_environment(PUBLIC_BOUNDS if SESSIONS.public else cls(), "PLAYGROUND_MAX_")


PUBLIC_BOUNDS = Bounds(download_megabytes=600.0, cache_megabytes=6000.0, walk_seconds=300.0)


@dataclass(frozen=True)
class Limits:
    """Limits of one training; each is set by TRAIN_MAX_ and its name.

    Attributes:
        steps: Steps of the optimiser.
        batch: Pictures a step.
        size: Pixels of a picture's side.
        pictures: Pictures to learn from.
        millions: Millions of parameters.
        minutes: Minutes of training, after which it ends as by Stop.
        megabytes: Megabytes of pictures, unpacked.
        reading: Seconds that uploads may take to be read.
        gigabytes: Gigabytes of memory that the training's process is expected to take.
    """

    steps: int = 1_000_000
    batch: int = 1024
    size: int = 256
    pictures: int = 60_000
    millions: float = 200
    minutes: float = math.inf
    megabytes: int = 2048
    reading: float = math.inf
    gigabytes: float = math.inf

    @classmethod
    def here(cls) -> Limits:
        """The limits of this page: by the environment, else by whether it is public."""
        return from_environment(PUBLIC_LIMITS if PUBLIC else cls(), "TRAIN_MAX_")


PUBLIC_LIMITS = Limits(
    steps=4000,
    batch=64,
    size=64,
    pictures=2000,
    millions=6,
    minutes=10,
    megabytes=100,
    reading=60,
    gigabytes=6,
)


@dataclass(frozen=True)
class PointLimits:
    """Limits of one training on points of the plane; each is set by POINTS_MAX_ and its name.

    Attributes:
        steps: Steps of the optimiser.
        seconds: Seconds of training, after which it ends as by Stop.
    """

    steps: int = 6_000
    seconds: float = math.inf

    @classmethod
    def here(cls) -> PointLimits:
        """The limits of this page."""
        return from_environment(PUBLIC_POINTS if SESSIONS.public else cls(), "POINTS_MAX_")


PUBLIC_POINTS = PointLimits(steps=3_000, seconds=60.0)


@dataclass(frozen=True)
class Places:
    """Limits of the queue of all that computes; each is set by PLAYGROUND_MAX_ and its name.

    Attributes:
        at_work: Computations at once; 0 is what the machine bears.
        waiting: Those that wait.
        session: Those of one session that wait or run.
        address: Those of one address, behind which a whole class may sit.
    """

    at_work: int = 0
    waiting: float = 96
    session: float = math.inf
    address: float = math.inf

    @classmethod
    def here(cls) -> Places:
        """The limits of this page."""
        return from_environment(PUBLIC_PLACES if SESSIONS.public else cls(), "PLAYGROUND_MAX_")


PUBLIC_PLACES = Places(session=8, address=48)


def proxies() -> int:
    """How many proxies stand before the page, whose X-Forwarded-For is believed.

    A Space has one. Elsewhere there is none unless PLAYGROUND_PROXIES says so, since a visitor may
    write anything there; what a proxy on this machine wrote, the server has read already.

    Raises:
        ValueError: if the variable is not a number.
    """
    text = os.environ.get("PLAYGROUND_PROXIES") or ("1" if os.environ.get("SPACE_ID") else "0")
    try:
        return max(0, int(text))
    except ValueError:
        raise ValueError(f"PLAYGROUND_PROXIES must be a number, not {text!r}.") from None
