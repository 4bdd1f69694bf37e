"""What the page does for one who asks: bounds by the environment, wide at home, narrow in public.

Those of training are in train/limits.py.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from .own import OWNERS

Some = TypeVar("Some")


def from_environment(most: Some, prefix: str) -> Some:
    """Bounds, each of which the variable PREFIX and its name may set; else it is as in `most`.

    Raises:
        ValueError: if a variable is no number, in a sentence that names it.
    """
    values: dict[str, Any] = {}
    for each in fields(most):  # type: ignore[arg-type]
        usual = getattr(most, each.name)
        name = f"{prefix}{each.name.upper()}"
        text = os.environ.get(name)
        try:
            values[each.name] = usual if text is None else type(usual)(text)
        except ValueError:
            raise ValueError(f"{name} must be a number, not {text!r}.") from None
    return type(most)(**values)


@dataclass(frozen=True)
class Bounds:
    """The most that is done; each is also set by PLAYGROUND_MAX_ and its name.

    Attributes:
        download_megabytes: Weights of a model from the Hub.
        cache_megabytes: Weights of all of them together.
        walk_seconds: Of a walk, as it is expected to take.
    """

    download_megabytes: float = math.inf
    cache_megabytes: float = math.inf
    walk_seconds: float = math.inf

    @classmethod
    def here(cls) -> Bounds:
        """Of this page."""
        return from_environment(PUBLIC_BOUNDS if OWNERS.public else cls(), "PLAYGROUND_MAX_")


PUBLIC_BOUNDS = Bounds(download_megabytes=600.0, cache_megabytes=6000.0, walk_seconds=300.0)
