"""Measured results as Markdown: what `evaluate` prints, and what the model card shows."""

from __future__ import annotations

from collections.abc import Sequence

from .records import MIN_HASH, READABLE, AttributeAccuracy, Results
from .results import default_words


def table(results: Results) -> str:
    """References and samplers, a line each."""
    more = results.has_attributes
    extra = "| attributes " if more else ""
    lines = [
        f"| sampler and steps | evaluations | Frechet distance | class accuracy {extra}"
        "| nearest training image (test images = 1) | ms / image | images |",
        "|---|---:|---:|---:|---:|---:|---:|" + ("---:|" if more else ""),
    ]

    def add(
        name: str,
        evaluations: int | None,
        frechet: float,
        accuracies: tuple[float | None, float | None],
        nearest: float | None,
        milliseconds: float | None,
        samples: int,
    ) -> None:
        cells = [
            name,
            _cell(evaluations, "d"),
            f"{frechet:.2f}",
            *(_cell(accuracy, ".3f") for accuracy in accuracies[: 2 if more else 1]),
            _cell(nearest, ".2f"),
            _cell(milliseconds, ".1f"),
            f"{samples:,}",
        ]
        lines.append("| " + " | ".join(cells) + " |")

    for r in results.references:
        accuracies = r.class_accuracy, r.attribute_accuracy
        add(r.name, None, r.frechet_distance, accuracies, None, None, r.num_samples)
    for row in results.samplers:
        add(
            row.name,
            row.num_evaluations,
            row.frechet_distance,
            (row.class_accuracy, row.attribute_accuracy),
            row.nearest_training_distance,
            row.milliseconds_per_image,
            row.num_samples,
        )
    return "\n".join(lines)


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def attribute_table(rows: Sequence[AttributeAccuracy]) -> str:
    """How often attributes are shown, with a sentence on those that cannot be measured."""
    scales = list(rows[0].generated)
    heads = [x for s in scales for x in (f"guidance {s:g}", "relative to real")]
    lines = [
        "| attribute | values | real, held out | " + " | ".join(heads) + " |",
        "|---|---:|---:|" + "---:|" * len(heads),
    ]
    for r in rows:
        if r.real is not None and r.readable:
            cells = [r.name, str(r.values), f"{r.real:.3f}"]
            for share in (r.generated[s] for s in scales):
                relative = None if share is None else share / r.real
                cells += [_cell(share, ".3f"), _cell(relative, ".3f")]
            lines.append("| " + " | ".join(cells) + " |")
    dropped = [
        f"{r.name} ({'in none' if r.real is None else format(r.real, '.0%')})"
        for r in rows
        if not r.readable
    ]
    note = (
        f"Dropped, since the judge reads them in fewer than {READABLE:.0%} of real held-out "
        f"pictures: {', '.join(dropped)}."
        if dropped
        else f"Every attribute is read right in at least {READABLE:.0%} of real held-out pictures."
    )
    return "\n".join([*lines, "", note])


def results_markdown(results: Results) -> str:
    """A card's section on measured results: tables, the default, judge and conditions."""
    here = results.conditions
    measured = (
        f"It is no Inception FID. Measured with torch {here.torch_version} and {here.num_threads} "
        f"threads, in {here.precision}, on {here.processor};{_kept(results)} "
        f"weights {results.weights[:MIN_HASH]}."
    )
    parts = [
        table(results),
        default_words(results),
        attribute_table(results.attributes) if results.attributes else "",
        f"{results.judge.words} {measured}",
    ]
    return "\n\n".join(filter(None, parts))


def _kept(results: Results) -> str:
    """The words on rows that were measured under other conditions than the rest."""
    kept = [row for row in results.samplers if row.conditions not in (None, results.conditions)]
    if not kept:
        return ""
    precisions = {row.conditions.precision for row in kept if row.conditions}
    if all(row.milliseconds_per_image is None for row in kept) and len(precisions) == 1:
        return (
            f" rows without a time in {precisions.pop()} on another processor, whose milliseconds "
            "would not compare;"
        )
    return " some rows are kept from an earlier measurement, in other circumstances;"
