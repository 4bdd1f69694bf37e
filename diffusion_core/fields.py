"""What a file may hold: JSON from anywhere, read with bounds, and its fields checked by a table.

A file may come from a stranger, from another program or from a text editor. A table gives each
field its `Kind`; what does not fit is refused in one sentence that names the field, what it holds
and what it may hold. Nothing of a file reaches the rest of the program before that.

    WALK = {"num_steps": whole(1, 10_000), "eta": number(0, 1), "label": optional(text())}
    check_fields(parse_json(file.read_bytes(), "its card"), WALK)
"""

from __future__ import annotations

import json
import math
import reprlib
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 10_000_000  # of a file of settings; the largest that is known has 300,000
MAX_DEPTH = 32  # levels of lists and objects inside each other

# Categories of characters that are not shown: controls, formats such as those that turn the
# direction of writing, halves of surrogate pairs, private and unassigned ones.
UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn")
JOINERS = "\u200c\u200d"  # parts of words and of emoji in many scripts


def shown(value: Any, most: int = 40) -> str:
    """A value as Python writes it, in a few printable characters, to be quoted in a sentence.

    Args:
        value: Any value that JSON can hold.
        most: Characters of each text and number in it; of lists three elements are written.
    """
    short = reprlib.Repr()
    short.maxlist = short.maxtuple = short.maxdict = 3
    short.maxlevel, short.maxstring, short.maxlong, short.maxother = 2, most, 40, most
    try:
        return short.repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"


def printable(text: str, most: int | None = None) -> str:
    r"""The same text as a person can read it and UTF-8 can hold it.

    A name from a disk, an archive or a checkpoint may hold anything: bytes that are no text,
    control characters, marks that turn the direction of writing. Each of these becomes its code, as
    \x1b or \udcff, so that two names stay two. What can be shown already stays as it is.

    Args:
        text: Any text.
        most: Characters after which it is cut, with an ellipsis in the middle; None keeps all.
    """
    if most is not None and len(text) > most:  # first: a name may be as long as a file
        text = f"{text[: most - most // 3 - 1]}…{text[-(most // 3) :]}"
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _is_shown(c) else ascii(c)[1:-1] for c in text)


def _is_shown(character: str) -> bool:
    return character in JOINERS or unicodedata.category(character) not in UNSEEN


@dataclass(frozen=True)
class Kind:
    """What a field may hold.

    Attributes:
        words: That in words, to complete "it must be …".
        problem: Takes the field's name and its value and returns the sentence, without its full
            stop, on what does not fit; None where all fits.
    """

    words: str
    problem: Callable[[str, Any], str | None]

    @classmethod
    def of(cls, words: str, fits: Callable[[Any], bool]) -> Kind:
        """A kind that is told by looking at the value alone."""

        def problem(name: str, value: Any) -> str | None:
            return None if fits(value) else f"{name} is {shown(value)}, and must be {words}"

        return cls(words, problem)

    def check(self, name: str, value: Any) -> Any:
        """The value; ValueError, in one sentence, where it does not fit."""
        if (sentence := self.problem(name, value)) is not None:
            raise ValueError(f"{sentence}.")
        return value


def whole(lowest: int, highest: int, *, floats: bool = False) -> Kind:
    """A whole number in these bounds; with `floats` 25.0 is one too."""

    def fits(value: Any) -> bool:
        if type(value) is not int and not (floats and type(value) is float):
            return False
        return lowest <= value <= highest and value == int(value)

    return Kind.of(f"a whole number from {lowest:,} to {highest:,}", fits)


def number(lowest: float, highest: float, *, above: bool = False) -> Kind:
    """A finite number in these bounds.

    Args:
        lowest: The smallest, or with `above` the number that it lies above.
        highest: The largest.
        above: Whether the lowest is left out.
    """

    def fits(value: Any) -> bool:
        if type(value) not in (int, float) or not lowest <= value <= highest:  # also refuses nan
            return False
        return math.isfinite(value) and not (above and value == lowest)

    first = f"above {lowest:g} and at most" if above else f"from {lowest:g} to"
    return Kind.of(f"a number {first} {highest:g}", fits)


def flag() -> Kind:
    """True or false; 1 and 0 are taken too, since Python writes some flags so."""
    return Kind.of("true or false", lambda value: type(value) in (bool, int) and value in (0, 1))


def one_of(choices: Collection[Any]) -> Kind:
    """One of a few values."""
    known = list(choices)
    words = ", ".join(str(each) for each in known)
    return Kind.of(
        f"one of {words}" if len(known) > 1 else words,
        lambda value: any(type(value) is type(each) and value == each for each in known),
    )


def text(most: int = 200, least: int = 0, lines: bool = False) -> Kind:
    """Printable text that UTF-8 can hold.

    Args:
        most: Characters that it may have.
        least: Characters that it must have.
        lines: Whether it may have several lines.
    """

    def fits(value: Any) -> bool:
        if not isinstance(value, str) or not least <= len(value) <= most:
            return False
        refused = ("Cs", "Cc")  # halves of UTF-16 pairs, and control characters
        return not any(
            unicodedata.category(c) in refused and not (lines and c in "\n\r\t") for c in value
        )

    return Kind.of(f"printable text of {least:,} to {most:,} characters", fits)


def optional(kind: Kind) -> Kind:
    """Null, or that."""

    def problem(name: str, value: Any) -> str | None:
        return None if value is None else kind.problem(name, value)

    return Kind(f"{kind.words}, or null", problem)


def either(*kinds: Kind) -> Kind:
    """One of several kinds."""
    words = ", or ".join(kind.words for kind in kinds)
    return Kind.of(words, lambda value: any(k.problem("", value) is None for k in kinds))


def listed(kind: Kind, least: int = 0, most: int = 10_000) -> Kind:
    """A list whose elements are all of one kind; what does not fit is named by its number."""
    count = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    words = f"a list of {count}, each {kind.words}"

    def problem(name: str, value: Any) -> str | None:
        if not isinstance(value, list | tuple) or not least <= len(value) <= most:
            held = f" with {len(value):,} elements" if isinstance(value, list | tuple) else ""
            return f"{name} is {shown(value)}{held}, and must be {words}"
        found = (kind.problem(f"{name}[{i}]", each) for i, each in enumerate(value))
        return next((sentence for sentence in found if sentence), None)

    return Kind(words, problem)


def pair(first: Kind, second: Kind) -> Kind:
    """A list of two, of two kinds."""
    words = f"a pair of {first.words} and {second.words}"

    def problem(name: str, value: Any) -> str | None:
        if not isinstance(value, list | tuple) or len(value) != 2:
            return f"{name} is {shown(value)}, and must be {words}"
        return first.problem(f"{name}[0]", value[0]) or second.problem(f"{name}[1]", value[1])

    return Kind(words, problem)


def mapping(fields: Mapping[str, Kind] | None = None) -> Kind:
    """A JSON object; of its fields those in the table are checked, and others are passed over."""

    def problem(name: str, value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return f"{name} is {shown(value)}, and must be an object with fields"
        if bad := [key for key in value if text().problem("", key) is not None]:
            return f"{name} has the field {shown(bad[0])}, and a field's name must be text"
        found = (
            kind.problem(f"{name}.{key}", value[key])
            for key, kind in (fields or {}).items()
            if key in value
        )
        return next((sentence for sentence in found if sentence), None)

    return Kind("an object with fields", problem)


def check_fields(
    values: Any,
    table: Mapping[str, Kind],
    *,
    of: str = "its settings",
    prefix: str = "its ",
    required: Collection[str] = (),
    others: bool = False,
) -> dict[str, Any]:
    """The fields of a JSON object, each checked by its kind.

    Args:
        values: What the file holds.
        table: The kind of each field.
        of: What the whole is called in a sentence.
        prefix: What stands before a field's name in a sentence.
        required: Fields that must be there.
        others: Whether fields that the table does not have are passed over; else they are refused.

    Raises:
        ValueError: in one sentence.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{of} must be an object with fields, and is {shown(values)}.")
    for name, value in values.items():
        kind = table.get(name) if isinstance(name, str) else None
        if kind is not None:
            kind.check(f"{prefix}{name}", value)
        elif not others:
            raise ValueError(f"{prefix}{printable(str(name))[:60]} is a setting that is not known.")
    for name in required:
        if name not in values:
            raise ValueError(f"{prefix}{name} is missing, and must be {table[name].words}.")
    return dict(values)


def parse_json(data: str | bytes, of: str, most: int = MAX_BYTES) -> Any:
    """The values in a JSON text of any Unicode encoding, with a byte-order mark or without.

    Args:
        data: The text, or its bytes.
        of: What the text is called in a sentence.
        most: Characters or bytes that it may have.

    Raises:
        ValueError: in one sentence, if it is not JSON, is larger than that, or
            is nested deeper than 32 levels.
    """
    if len(data) > most:
        raise ValueError(f"{of} has {len(data):,} bytes, and at most {most:,} are read.")
    try:
        if isinstance(data, bytes):
            # Whatever wrote it: Notepad and PowerShell begin with a mark, or write UTF-16.
            data = data.decode(json.detect_encoding(data))
        values = json.loads(data.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{of} is broken: in line {error.lineno}, column {error.colno}, it is not JSON."
        ) from None
    except UnicodeDecodeError:
        raise ValueError(f"{of} is broken: it is not text in UTF-8.") from None
    except RecursionError:
        raise ValueError(f"{of} is nested too deeply, over {MAX_DEPTH} levels.") from None
    except ValueError:  # Python reads no whole number of more than 4,300 digits
        raise ValueError(f"{of} holds a number of thousands of digits.") from None
    level = [values]
    for _ in range(MAX_DEPTH):
        inner = [each for each in level if isinstance(each, list | dict)]
        level = [v for each in inner for v in (each.values() if isinstance(each, dict) else each)]
        if not level:
            return values
    raise ValueError(f"{of} is nested too deeply, over {MAX_DEPTH} levels.")
