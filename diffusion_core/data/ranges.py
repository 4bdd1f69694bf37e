"""From the values that a file holds to the 256 levels of a picture, by one range for a whole set.

A file may hold more than 8 bits a value: 16 bits, of which a camera or microscope fills 12, or
floats in any unit. Which value is black and which is white is then a choice, and it has to be the
same for all pictures of a set: a picture that is scaled by its own largest value is no longer as
bright or dark as the others say it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

AUTOMATIC = "automatic"
RANGES = {
    AUTOMATIC: "automatic (bit depth)",
    "format": "as the format says",
    "largest": "up to the largest value",
    "percentiles": "1st to 99th percentile",
}
BIT_DEPTHS = (8, 10, 12, 14, 16, 24, 32)
_FLOAT_WHITES = (1.0, 255.0, 65535.0)
_SAMPLE = 4_000_000  # values from which percentiles are taken, at most


@dataclass(frozen=True, eq=False)
class RawPicture:
    """A picture as a file holds it, at most reduced in size.

    Attributes:
        values: (H, W, 1 or 3) uint8, which needs no range; or (H, W, 1) float32 in the file's own
            unit, where the file holds more than 8 bits a value.
        low, high: The smallest and the largest value in the file, before it was reduced.
        stated: What the format calls black and white.
        floats: Whether the file holds floats; else they are whole numbers.
    """

    values: np.ndarray
    low: float = 0.0
    high: float = 255.0
    stated: tuple[float, float] = (0.0, 255.0)
    floats: bool = False

    @property
    def deep(self) -> bool:
        """Whether it has more than 8 bits a value, so that its levels depend on a range."""
        return self.values.dtype != np.uint8


@dataclass(frozen=True)
class ValueRange:
    """Which values are shown as black and as white.

    Attributes:
        black, white: The values of level 0 and level 255.
        why: How they were found, as the end of a sentence.
    """

    black: float
    white: float
    why: str

    def levels(self, values: np.ndarray) -> np.ndarray:
        """Values of any shape as levels, uint8: rounded, and clipped to the range."""
        scaled = (np.asarray(values, np.float32) - self.black) * (255 / (self.white - self.black))
        return np.rint(scaled.clip(0, 255)).astype(np.uint8)


def parse_range(choice: object) -> str | float:
    """A choice of range from text: a key of `RANGES`, or the value that is white.

    Raises:
        ValueError: if it is neither; one sentence.
    """
    text = str(choice).strip()
    if text in RANGES:
        return text
    try:
        white = float(text)
    except ValueError:
        white = math.nan
    if not 0 < white < math.inf:
        raise ValueError(
            f"The value range must be {', '.join(RANGES)}, or the value that is white, a number "
            f"above 0, not {text[:40]!r}."
        )
    return white


def find_range(pictures: Sequence[RawPicture], choice: str | float = AUTOMATIC) -> ValueRange:
    """The one range of several pictures that hold the same kind of numbers.

    "automatic" is, of whole numbers, the smallest of `BIT_DEPTHS` that holds the largest value; of
    floats 0 to 1, 0 to 255, 0 to 65535 or −1 to 1, whichever holds them first. Where neither fits,
    and of whole numbers below 0, it is from the smallest to the largest value.

    Args:
        pictures: At least one; all deep, and all of floats or all of whole numbers.
        choice: A key of `RANGES`, or the value that is white.
    """
    low, high = min(p.low for p in pictures), max(p.high for p in pictures)
    floats = pictures[0].floats
    black, white, why = min(0.0, low), high, "from the smallest to the largest value"
    if not isinstance(choice, str):
        black, white, why = 0.0, choice, "as you set it"
    elif choice == "format":
        black, white = min(p.stated[0] for p in pictures), max(p.stated[1] for p in pictures)
        why = "as the format says"
    elif choice == "largest":
        why = "up to the largest value"
    elif choice == "percentiles":
        black, white = _percentiles(p.values for p in pictures)
        why = "the 1st and the 99th percentile"
    elif floats:
        wholes = [(0.0, top) for top in _FLOAT_WHITES] if low >= 0 else [(-1.0, 1.0)]
        fits = [pair for pair in wholes if pair[0] <= low and high <= pair[1]]
        if fits:
            (black, white), why = fits[0], "the usual range that holds all values"
    elif low >= 0:
        bits = next((b for b in BIT_DEPTHS if high < 2**b), 32)
        white, why = 2.0**bits - 1, f"{bits} bits, which hold all values"
    if not white > black:
        white = black + 1
    return ValueRange(black, white, why)


def _percentiles(values: Iterable[np.ndarray]) -> tuple[float, float]:
    parts = [each.ravel() for each in values]
    thin = max(1, -(-sum(map(len, parts)) // _SAMPLE))
    some = np.concatenate([part[::thin] for part in parts])
    black, white = np.percentile(some, [1, 99])
    return float(black), float(white)


def range_words(pictures: Sequence[RawPicture], found: ValueRange) -> str:
    """One sentence on which range was used for these pictures."""
    low, high = min(p.low for p in pictures), max(p.high for p in pictures)
    kind = "floats" if pictures[0].floats else "more than 8 bits a value"
    one = len(pictures) == 1
    who = f"The picture holds {kind}" if one else f"{len(pictures):,} pictures hold {kind}"
    alike = "" if one else " in all of them"
    return (
        f"{who}, from {_number(low)} to {_number(high)}: {_number(found.black)} is shown as black "
        f"and {_number(found.white)} as white{alike} ({found.why})."
    )


def _number(value: float) -> str:
    text = f"{value:,.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.4g}"
    return text.replace("-", "−")


def to_levels(
    picture: RawPicture | np.ndarray, choice: str | float = AUTOMATIC
) -> tuple[np.ndarray, str]:
    """One picture as uint8, (H, W, 1 or 3), and the sentence on its range; "" where it needs none.

    Args:
        picture: As it was read; an array of uint8 stays as it is.
        choice: A key of `RANGES`, or the value that is white.
    """
    if isinstance(picture, np.ndarray):
        return picture, ""
    if not picture.deep:
        return picture.values, ""
    found = find_range([picture], choice)
    return found.levels(picture.values), range_words([picture], found)
