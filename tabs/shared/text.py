"""Numbers as words that one reads in passing; and any text at all as text that can be shown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from diffusion_core.fields import printable, shown

LONGEST_NAME = 200  # characters of a name that is shown
LONGEST_ECHO = 60  # characters of what a caller sent, in the sentence that refuses it
LONGEST_SENTENCE = 300


def span(ms: float) -> str:
    """A measured time, in milliseconds, to two digits in the unit that reads best."""
    if ms < 99.5:
        return f"{ms:.2g} ms"
    if ms < 119_500:
        return f"{ms / 1000:.2g} s" if ms < 99_500 else f"{ms / 1000:.0f} s"
    return f"{ms / 60_000:.2g} min" if ms < 99.5 * 60_000 else f"{ms / 3_600_000:.2g} h"


def rough_duration(seconds: float) -> str:
    """A time to wait, in seconds, to the second, the minute or two digits of hours."""
    if seconds < 90:
        return f"{max(1, seconds):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} hours" if hours < 10 else f"{hours:,.0f} hours"


def times(count: int) -> str:
    """So many evaluations, in words."""
    return f"{count:,} evaluation{'' if count == 1 else 's'}"


def millions(count: int) -> str:
    """A number of parameters, in millions."""
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e6:.2f} M"


def percent(share: float) -> str:
    """A share, 0 … 1, in percent with a tenth."""
    return f"{100 * share:.1f} %"


def original(name: str, texts: Iterable[str]) -> str:
    """The text among these that is shown as this name; where there is none, the name itself."""
    every = [*texts]
    return next((t for t in every if printable(t, LONGEST_NAME) == name), name)


# Where a name has a boundary between two words: an underscore, a hyphen between words of two
# letters or more (the one of T-shirt is part of the word), a capital after a small letter, and a
# number after a word.
_SEPARATOR = re.compile(r"_+|(?<=[^\W\d_]{2})-(?=[^\W\d_]{2})")
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NUMBER = re.compile(r"(?<=[a-z]{3})(?=\d+$)")


def as_words(name: str) -> str:
    """The name of a class or of an attribute's value as one reads it: bantuKnots as Bantu knots.

    Names that are words already stay as they are.
    """
    words = []
    for part in _SEPARATOR.sub(" ", name).split(" "):
        first, *others = _CAPITAL.split(part)
        words += [first, *(w if w.isupper() else w[:1].lower() + w[1:] for w in others)]
    spaced = _NUMBER.sub(" ", " ".join(words))
    return spaced[:1].upper() + spaced[1:]


def worded(names: Sequence[str]) -> list[tuple[str, str]]:
    """Names as choices of a menu, (words, name); those that would read alike keep their own."""
    words = [as_words(name) for name in names]
    count = Counter(words)
    return [(w if count[w] == 1 else n, n) for w, n in zip(words, names, strict=True)]


_PATHS: dict[str, Path] = {}  # of those paths that cannot be shown as they are


def path_text(path: Path) -> str:
    """A path as a value of a menu, which comes back as it went: printable, and known here."""
    text, name = str(path), printable(str(path))
    if name != text:
        _PATHS[name] = path
    return name


def path_of(text: str) -> Path:
    """The path that `path_text` gave as this text; of any other text, the path that it names."""
    return _PATHS.get(text) or Path(text)


def fits_utf8(text: str) -> bool:
    """Whether UTF-8 can hold the text; it cannot hold halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def echo(value: Any) -> str:
    """A value that was sent, as Python writes it, in at most `LONGEST_ECHO` characters."""
    written = printable(shown(value, LONGEST_ECHO))
    return written if len(written) <= LONGEST_ECHO else f"{written[: LONGEST_ECHO - 3]}..."


def sentence(text: str) -> str:
    """A sentence for whoever asked: in one line, printable, and no longer than it is read."""
    one = printable(" ".join(text[: 4 * LONGEST_SENTENCE].split()))
    return one if len(one) <= LONGEST_SENTENCE else f"{one[: LONGEST_SENTENCE - 4]} ..."
