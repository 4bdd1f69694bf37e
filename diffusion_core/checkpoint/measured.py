"""`results.json` beside weights: what the records of several kinds of model read alike.

What a file holds is a kind of model's own, a table of fields; see `fields.check_fields`. Fields
that are not read may stand beside those that are, and a measure that was not taken is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ..fields import MAX_BYTES, Kind, check_fields, parse_json, printable
from .formats import RESULTS

ResultsT = TypeVar("ResultsT")
RowT = TypeVar("RowT")


def results_beside(folder: str | Path, read: Callable[[bytes], ResultsT]) -> ResultsT:
    """What was measured of the model in a folder.

    Args:
        folder: The folder.
        read: Makes the record of the file's content; may raise ValueError.

    Raises:
        ValueError: if there is no file, or none that can be read.
    """
    try:
        with open(Path(folder) / RESULTS, "rb") as opened:
            return read(opened.read(MAX_BYTES + 1))
    except OSError as error:
        raise ValueError(f"{Path(folder).name} comes without {RESULTS}.") from error


def results_values(
    data: str | bytes, kinds: Mapping[str, Kind], needed: tuple[str, ...]
) -> dict[str, Any]:
    """The content of such a file, whose fields were checked.

    Args:
        data: JSON.
        kinds: What each field may hold.
        needed: Those that must be there.

    Raises:
        ValueError: if it is something else.
    """
    values = parse_json(data, f"its {RESULTS}")
    if not isinstance(values, dict):
        raise ValueError(f"its {RESULTS} holds no results.")
    check_fields(values, kinds, required=needed, of=f"its {RESULTS}", others=True)
    return values


def results_rows(
    values: Mapping[str, Any], of: str, kinds: Mapping[str, Kind], row: Callable[..., RowT]
) -> tuple[RowT, ...]:
    """The rows of one measure, whose text is made printable; none where it was not taken.

    Args:
        values: As `results_values` gave them.
        of: The measure's field, a list.
        kinds: What each field of a row may hold; all must be there.
        row: Makes the record of a row.

    Raises:
        ValueError: if a row holds something else.
    """
    found = []
    for each in values.get(of, []):
        check_fields(each, kinds, required=tuple(kinds), of=f"a row of its {of}", others=True)
        own = {name: each[name] for name in kinds}
        found.append(row(**{k: printable(v) if isinstance(v, str) else v for k, v in own.items()}))
    return tuple(found)
