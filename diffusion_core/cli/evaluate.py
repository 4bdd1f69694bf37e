"""evaluate: measured results of a checkpoint, for results.json and its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Model

if TYPE_CHECKING:
    from ..evaluation import ReferenceRow, SamplerRow


def evaluate(
    model: Model,
    judge: Annotated[
        Path | None, typer.Option(help="Folder of the judge; else the data set's own.")
    ] = None,
    num: Annotated[int, typer.Option(help="Samples for a row.")] = 2000,
    num_slow: Annotated[int, typer.Option(help="Samples for a row of more than 500 steps.")] = 1000,
    rows: Annotated[
        str, typer.Option(help='Rows to measure, as "ddim 25; heun 10"; else all.')
    ] = "",
    precision: Annotated[
        str, typer.Option(help="Precision in which samples are drawn: {precisions}.")
    ] = "fp32",
    write: Annotated[
        bool,
        typer.Option(help="Write the table into the card, and set the model's default sampler."),
    ] = True,
) -> None:
    """Measure a checkpoint against its data set's test images; print and keep the table."""
    from ..checkpoint import load_checkpoint
    from ..device import best_device
    from ..evaluation import Scorecard, attribute_table, save_results, table
    from ..publishing import keep_default, write_card

    if num < 2 or num_slow < 2:
        raise ValueError("A row needs at least 2 samples.")
    checkpoint = load_checkpoint(model)
    score = Scorecard(checkpoint, judge, rows, precision)
    checkpoint.to(best_device())
    measured = []
    for row in score.rows(num, num_slow):
        measured.append(row)
        typer.echo(_line(row), err=True)
    results = score.results(measured)
    typer.echo(table(results))
    folder = Path(model) if write and Path(model).is_dir() else None
    if folder is not None:
        # Slow measurements are saved at once; and attributes are measured with the new default.
        write_card(folder, checkpoint, save_results(folder, results))
        score.checkpoint = keep_default(folder, checkpoint)
    attributes = score.attribute_accuracies(num)
    if attributes:
        typer.echo(f"\n{attribute_table(attributes)}")
    if folder is not None:
        results = score.results(measured, attributes)
        write_card(folder, score.checkpoint, save_results(folder, results))


def _line(row: ReferenceRow | SamplerRow) -> str:
    """A row as JSON, printed as soon as it is measured."""
    from ..evaluation import SamplerRow

    drawn = row if isinstance(row, SamplerRow) else None
    return json.dumps(
        {
            "what": row.name,
            "nfe": drawn.num_evaluations if drawn else 0,
            "samples": row.num_samples,
            "frechet": row.frechet_distance,
            "accuracy": row.class_accuracy,
            "nearest": drawn.nearest_training_distance if drawn else None,
            "ms": drawn.milliseconds_per_image if drawn else None,
            "attributes": row.attribute_accuracy,
        }
    )
