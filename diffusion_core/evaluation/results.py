"""The measured results of a checkpoint: read, merged and written, and the default chosen from them.

`results.json` is the record. The model card is rendered from it, and is read only where the file is
missing; see `legacy_card`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ..checkpoint import CARD, RESULTS
from ..files import write_text
from .evaluate import GUIDED_ROWS
from .legacy_card import read_legacy_card
from .records import MAX_CHARACTERS, TRAINING_IMAGES, Results, SamplerRow

WITHIN = 1.05  # of the smallest Frechet distance: as good
SHOWN = 0.95  # of the attributes that the judge reads in real images: enough


def read_results(folder: Path, weights_hash: str) -> Results | None:
    """The measured results of the weights in a folder.

    A broken file counts as missing. Never raises.

    Args:
        folder: Folder of the checkpoint.
        weights_hash: SHA-256 of its weights file; results of other weights are not returned.

    Returns:
        The content of `results.json`; where that is missing, the content of the model
        card's table; None where nothing was measured.
    """
    results = None
    try:
        with open(folder / RESULTS, "rb") as file:
            results = Results.from_json(file.read(MAX_CHARACTERS + 1))
    except (OSError, ValueError):
        try:
            results = read_legacy_card((folder / CARD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
    return results if results is not None and results.belongs_to(weights_hash) else None


def save_results(folder: Path, results: Results) -> Results:
    """Write `results.json`, with the rows that were measured before and still hold.

    Args:
        folder: Folder of the checkpoint.
        results: The new measurements.

    Returns:
        All that the file holds; see `merge`.
    """
    merged = merge(results, read_results(folder, results.weights))
    write_text(folder / RESULTS, merged.to_json())
    return merged


def merge(new: Results, before: Results | None) -> Results:
    """The new results with those rows of the ones before that they lack.

    Rows are kept if they are of the same weights, in the same precision and by the same judge, and
    if attributes were measured in both or in neither. They keep the conditions that they were
    measured under.

    Args:
        new: The new results; their accuracies of attributes replace those before.
        before: The earlier results; None where there are none.
    """
    if (
        before is None
        or not before.weights
        or not before.belongs_to(new.weights)
        or before.conditions.precision != new.conditions.precision
        or before.judge.words != new.judge.words
        or before.has_attributes != new.has_attributes
    ):
        return new
    references = {r.name: r for r in (*before.references, *new.references)}
    samplers = {}
    for row in before.samplers:
        then = row.conditions or before.conditions
        differ = None if then == new.conditions else then
        samplers[row.setting] = dataclasses.replace(row, conditions=differ)
    samplers |= {row.setting: row for row in new.samplers}
    order = {setting: i for i, setting in enumerate(GUIDED_ROWS)}
    rows = sorted(samplers.values(), key=lambda row: order.get(row.setting, len(order)))
    return dataclasses.replace(new, references=tuple(references.values()), samplers=tuple(rows))


def best_value(results: Results) -> SamplerRow | None:
    """The default of a model: as good as the best row, in the fewest evaluations.

    Good is a small Frechet distance. Of equal evaluations the smaller distance wins.

    Args:
        results: Results of a checkpoint.

    Returns:
        One of the `candidates`; None where no sampler was measured.
    """
    rows = candidates(results)
    if not rows:
        return None
    good = WITHIN * min(r.frechet_distance for r in rows)
    return min(
        (r for r in rows if r.frechet_distance <= good),
        key=lambda r: (r.num_evaluations, r.frechet_distance),
    )


def candidates(results: Results) -> list[SamplerRow]:
    """The rows that a default may be chosen from: those without eta.

    Where attributes were measured, only rows that show enough of them, if there are any.
    """
    rows = [r for r in results.samplers if r.eta == 0]
    real = next(
        (r.attribute_accuracy for r in results.references if r.name == TRAINING_IMAGES), None
    )
    least = SHOWN * (real or 0.0)
    enough = [r for r in rows if r.attribute_accuracy is not None and r.attribute_accuracy >= least]
    return enough or rows


def default_words(results: Results) -> str:
    """The sentence of the card on the default; empty where no sampler was measured."""
    chosen = best_value(results)
    if chosen is None:
        return ""
    rows = candidates(results)
    best = min(rows, key=lambda r: r.frechet_distance)
    among = (
        f", of those that show at least {SHOWN:.0%} of the attributes read in real pictures"
        if any(r.attribute_accuracy is not None for r in rows)
        and len(rows) < len(results.samplers) + len(results.references)
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
