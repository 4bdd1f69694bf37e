"""How large a training may be: nearly without bounds at home, small on a public page."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..bounds import from_environment
from ..own import PUBLIC


@dataclass(frozen=True)
class Limits:
    """The most that one training may have; each is also set by TRAIN_MAX_ and its name.

    Attributes:
        steps: Of the optimiser.
        batch: Pictures a step.
        size: Pixels of a picture's side.
        pictures: To learn from.
        millions: Of parameters.
        minutes: Of training; then it ends as by Stop.
        megabytes: Of pictures, unpacked.
        reading: Seconds that uploads may take to be read.
    """

    steps: int = 1_000_000
    batch: int = 1024
    size: int = 256
    pictures: int = 60_000
    millions: float = 200
    minutes: float = math.inf
    megabytes: int = 2048
    reading: float = math.inf

    @classmethod
    def here(cls) -> Limits:
        """Of this page: by the environment, else by whether it is public."""
        return from_environment(PUBLIC_LIMITS if PUBLIC else cls(), "TRAIN_MAX_")


PUBLIC_LIMITS = Limits(
    steps=4000, batch=64, size=64, pictures=2000, millions=6, minutes=10, megabytes=100, reading=60
)
