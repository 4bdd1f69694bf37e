"""The measured table of a model card, read back; and the default that it speaks for."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..checkpoint import TABLE_BEGIN, TABLE_END
from ..samplers import SAMPLERS
from ..schedule import SPACINGS

HEADINGS = {  # how each column's heading begins, in small letters
    "name": "sampler",
    "evaluations": "evaluations",
    "frechet": "frechet",
    "accuracy": "class accuracy",
    "nearest": "nearest",
    "ms_per_image": "ms",
    "samples": "images",
}
ATTRIBUTES = "attributes"  # a column that only some tables have
REAL = "training images"  # the row of the scale that a judge reads best
WITHIN = 1.05  # of the best Frechet distance: as good
OBEYED = 0.95  # of what the judge reads in real pictures: obeyed
SETTINGS = re.compile(
    rf"(\w+) (\d+)(?:, ({'|'.join(SPACINGS)}))?(?:, eta (\S+))?(?:, guidance (\S+))?"
)


@dataclass(frozen=True)
class CardRow:
    """One line of a card's measured table, read back; see `evaluation.Row` for what each means.

    Attributes:
        name: Sampler and settings in words, or what the scale was taken of: "training images".
        sampler: One of `SAMPLERS`; None in a row of the scale.
        num_steps: Of the walk; 0 in a row of the scale.
        evaluations: Of the network, an image; guided ones count as one. 0 in a row of the scale.
        eta, guidance_scale: 0 and 1 where the table names none.
        spacing: "trailing" where it names none.
        frechet, accuracy, nearest, ms_per_image: As rounded in the table; None is an empty cell.
        samples: How many images were measured.
        attributes: As the others; None also where the table has no such column.
    """

    name: str
    sampler: str | None
    num_steps: int
    evaluations: int
    eta: float
    guidance_scale: float
    frechet: float
    accuracy: float | None
    nearest: float | None
    ms_per_image: float | None
    samples: int
    attributes: float | None = None
    spacing: str = "trailing"

    @property
    def plain(self) -> bool:
        """Whether a sampler was run with neither eta nor guidance, and spaced as usual."""
        usual = self.eta == 0 and self.guidance_scale == 1 and self.spacing == "trailing"
        return self.sampler is not None and usual


def read_table(card: str) -> list[CardRow]:
    """The rows that `write_card` put between the marks, in the card's order.

    What cannot be read is left out: a single row, or all of them where a mark or a column is
    missing. Never raises.

    Args:
        card: The card's text.
    """
    body, end, _ = card.partition(TABLE_BEGIN)[2].partition(TABLE_END)
    lines = [cells_of(line) for line in body.splitlines() if line.startswith("|")]
    if not end or not lines:
        return []
    heads = [head.lower() for head in lines[0]]
    places = {k: [i for i, h in enumerate(heads) if h.startswith(v)] for k, v in HEADINGS.items()}
    if not all(places.values()):
        return []
    if ATTRIBUTES in heads:
        places[ATTRIBUTES] = [heads.index(ATTRIBUTES)]
    rows = []
    for cells in lines[1:]:
        if len(cells) == len(heads):
            try:
                rows.append(_row({k: cells[i[0]] for k, i in places.items()}))
            except ValueError:  # the line under the headings, and what no writer of ours wrote
                continue
    return rows


def cells_of(line: str) -> list[str]:
    """The cells of a table's line, without the bars."""
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _number(text: str) -> float:
    value = float(text.replace(",", ""))
    if not math.isfinite(value):
        raise ValueError(f"{text} is no measurement.")
    return value


def _row(cells: dict[str, str]) -> CardRow:
    """A row from its cells; ValueError if it is none."""
    found = SETTINGS.fullmatch(cells["name"])
    sampler, steps, spacing, eta, guidance = (
        found.groups() if found else (None, "0", None, None, None)
    )
    count = int(cells["evaluations"] or 0)
    known = sampler in SAMPLERS and count >= int(steps) > 0
    if not cells["name"] or not known and (found or count):
        raise ValueError(f"{cells['name']!r} is neither a sampler's row nor one of the scale.")
    rest = {
        k: _number(cells[k]) if cells.get(k) else None
        for k in ("accuracy", "nearest", "ms_per_image", ATTRIBUTES)
    }
    return CardRow(
        cells["name"],
        sampler,
        int(steps),
        count,
        _number(eta or "0"),
        _number(guidance or "1"),
        _number(cells["frechet"]),
        **rest,
        samples=int(_number(cells["samples"])),
        spacing=spacing or "trailing",
    )


def best_value(rows: Sequence[CardRow]) -> CardRow | None:
    """What a model should begin with: as good as the best of the table, in the fewest evaluations.

    Good is a small Frechet distance. Where attributes were measured, only rows count that show
    enough of them, if there are any. Of equal evaluations the smaller distance wins.

    Args:
        rows: Of the card.

    Returns:
        One of the rows; None where no sampler was measured.
    """
    walked = obedient(rows)
    if not walked:
        return None
    good = WITHIN * min(r.frechet for r in walked)
    return min((r for r in walked if r.frechet <= good), key=lambda r: (r.evaluations, r.frechet))


def obedient(rows: Sequence[CardRow]) -> list[CardRow]:
    """The samplers' rows that show what they are asked for; all, where none does or none was asked.

    Args:
        rows: Of the card, with those of the scale.
    """
    walked = [r for r in rows if r.sampler is not None and r.eta == 0]
    real = next((r.attributes for r in rows if r.name == REAL), None) or 0.0
    enough = [r for r in walked if r.attributes is not None and r.attributes >= OBEYED * real]
    return enough or walked


def default_words(rows: Sequence[CardRow]) -> str:
    """The card's sentence on its default; nothing where no sampler was measured."""
    chosen = best_value(rows)
    if chosen is None:
        return ""
    asked = obedient(rows)
    best = min(asked, key=lambda r: r.frechet)
    among = (
        f", of those that show at least {OBEYED:.0%} of the attributes read in real pictures"
        if any(r.attributes is not None for r in asked) and len(asked) < len(rows)
        else ""
    )
    if chosen is best:
        return (
            f"Default, by this table: {chosen.name}. It has the smallest Frechet distance{among}, "
            f"and no row within {WITHIN - 1:.0%} of it takes fewer evaluations."
        )
    return (
        f"Default, by this table: {chosen.name}. It takes the fewest evaluations of all rows whose "
        f"Frechet distance is within {WITHIN - 1:.0%} of the best one's, {best.name}{among}."
    )
