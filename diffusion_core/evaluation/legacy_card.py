"""The table of a model card from before there was `results.json`, read back.

Until then the card held the only record of what was measured: Markdown between two comments, with
rounded figures. `read_results` comes here where a checkpoint has no other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

from ..checkpoint import TABLE_BEGIN, TABLE_END
from ..samplers import SAMPLERS
from ..schedule import SPACINGS
from .records import (
    MAX_ROWS,
    AttributeAccuracy,
    Conditions,
    JudgeFacts,
    ReferenceRow,
    Results,
    SamplerRow,
)

HEADINGS = {  # how the heading of each column begins, in small letters
    "name": "sampler",
    "evaluations": "evaluations",
    "frechet": "frechet",
    "accuracy": "class accuracy",
    "nearest": "nearest",
    "milliseconds": "ms",
    "samples": "images",
}
ATTRIBUTES = "attributes"  # a column that only some tables have
ELSEWHERE = "some rows are kept from an earlier measurement"
SETTING = re.compile(
    rf"(\w+) (\d+)(?:, ({'|'.join(SPACINGS)}))?(?:, eta (\S+))?(?:, guidance (\S+))?"
)
CLASS_JUDGE = re.compile(
    r"^Judge: a small classifier(?:, ([\d.]+)% on the test set)?.* in its (\d+) features", re.M
)
ATTRIBUTE_JUDGE = re.compile(
    r"^Judge: a small network with a head for every attribute([^;\n]*);.* in its (\d+) features",
    re.M,
)
MEASURED = re.compile(r"Measured with torch (\S+) and (\d+) threads, in (\w+), on (\w+)")
WEIGHTS = re.compile(r"\bweights ([0-9a-f]{12,64})\.")
GUIDANCE = re.compile(r"guidance (\S+)")

Record = TypeVar("Record")


def read_legacy_card(card: str) -> Results | None:
    """Read the results that `evaluate` wrote between the marks of a card.

    What cannot be read is left out: a single row, or all of them where a mark or a column is
    missing. Never raises.

    Args:
        card: The text of the card.

    Returns:
        Results with rounded figures, of weights whose hash is known by its beginning; None where
        there is no table.
    """
    body, end, _ = card.partition(TABLE_BEGIN)[2].partition(TABLE_END)
    tables = _tables(body) if end else []
    if not tables:
        return None
    heads = [head.lower() for head in tables[0][0]]
    places = {k: [i for i, h in enumerate(heads) if h.startswith(v)] for k, v in HEADINGS.items()}
    if not all(places.values()):
        return None
    if ATTRIBUTES in heads:
        places[ATTRIBUTES] = [heads.index(ATTRIBUTES)]
    measured, weights = MEASURED.search(body), WEIGHTS.search(body)
    conditions = Conditions("")
    if measured:
        version, threads, precision, processor = measured.groups()
        conditions = Conditions(precision, version, int(threads[:9]), processor)
    # Which rows are meant was not recorded, so that all of them are taken to be.
    own = Conditions(conditions.precision) if ELSEWHERE in body else None
    rows = []
    for cells in tables[0][1 : MAX_ROWS + 1]:
        if len(cells) == len(heads):
            named = {k: cells[i[0]] for k, i in places.items()}
            rows.append(_readable(_row, named, own))
    return Results(
        weights[1] if weights else "",
        _judge(body),
        conditions,
        tuple(row for row in rows if isinstance(row, ReferenceRow)),
        tuple(row for row in rows if isinstance(row, SamplerRow)),
        _attributes(tables[1]) if len(tables) > 1 else (),
    )


def _tables(body: str) -> list[list[list[str]]]:
    """Groups of lines that begin with a bar, each line as its cells."""
    groups: list[list[list[str]]] = []
    inside = False
    for line in body.splitlines():
        if line.startswith("|"):
            if not inside:
                groups.append([])
            cells = line.strip().removeprefix("|").removesuffix("|").split("|")
            groups[-1].append([cell.strip() for cell in cells])
        inside = line.startswith("|")
    return groups


def _readable(read: Callable[..., Record], *arguments: Any) -> Record | None:
    """The record that was read; None for the line under the headings, and for foreign text."""
    try:
        return read(*arguments)
    except (ValueError, IndexError):
        return None


def _number(text: str) -> float:
    value = float(text.replace(",", ""))
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a measurement.")
    return value


def _row(cells: dict[str, str], own: Conditions | None) -> ReferenceRow | SamplerRow:
    """A row from its cells; ValueError if it is none."""
    accuracy, nearest, milliseconds, attributes = (
        _number(cells[k]) if cells.get(k) else None
        for k in ("accuracy", "nearest", "milliseconds", ATTRIBUTES)
    )
    frechet, samples = _number(cells["frechet"]), int(_number(cells["samples"]))
    count = int(cells["evaluations"] or 0)
    found = SETTING.fullmatch(cells["name"])
    if found is None and not count and cells["name"]:
        return ReferenceRow(cells["name"], samples, frechet, accuracy, attributes)
    sampler, steps, spacing, eta, guidance = found.groups() if found else ("", "0", "", "", "")
    if sampler not in SAMPLERS or not count >= int(steps) > 0:
        raise ValueError(f"{cells['name']!r} is neither a sampler's row nor a reference.")
    return SamplerRow(
        sampler,
        int(steps),
        count,
        samples,
        frechet,
        accuracy,
        attributes,
        nearest,
        milliseconds,
        spacing or "trailing",
        _number(eta or "0"),
        _number(guidance or "1"),
        own,
    )


def _judge(body: str) -> JudgeFacts:
    """The judge by the sentence on it; by an empty record where there is none."""
    if found := ATTRIBUTE_JUDGE.search(body):
        return JudgeFacts(None, int(found[2][:9]), True, "other parts" in found[1])
    found = CLASS_JUDGE.search(body)
    if found is None:
        return JudgeFacts(None)
    percent = _readable(_number, found[1] or "")
    share = None if percent is None else round(percent / 100, 3)
    return JudgeFacts(share, int(found[2][:9]))


def _attributes(table: list[list[str]]) -> tuple[AttributeAccuracy, ...]:
    """The second table: how often each attribute is shown, by guidance scale."""
    scales: dict[int, float] = {}
    for i, head in enumerate(table[0]):
        found = GUIDANCE.fullmatch(head)
        scale = _readable(_number, found[1]) if found else None
        if scale is not None:
            scales[i] = scale

    def row(cells: list[str]) -> AttributeAccuracy:
        shown: dict[float, float | None] = {scale: _number(cells[i]) for i, scale in scales.items()}
        return AttributeAccuracy(cells[0], int(cells[1]), _number(cells[2]), shown)

    rows = [_readable(row, cells) for cells in table[1:] if len(cells) == len(table[0])]
    return tuple(row for row in rows if row is not None)
