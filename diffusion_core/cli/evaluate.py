"""evaluate: the measured table of a checkpoint's card."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from .options import Model


def evaluate(
    model: Model,
    judge: Annotated[
        Path | None, typer.Option(help="Folder of the judge; else the data set's own.")
    ] = None,
    num: Annotated[int, typer.Option(help="Samples a row.")] = 2000,
    num_slow: Annotated[int, typer.Option(help="Samples a row of over 500 steps.")] = 1000,
    rows: Annotated[str, typer.Option(help='Which, as "ddim 25; heun 10"; else all.')] = "",
    precision: Annotated[str, typer.Option(help="Of the samples: auto, bf16, fp32.")] = "fp32",
    write: Annotated[
        bool, typer.Option(help="Write the table into the card, and the default.")
    ] = True,
) -> None:
    """Measure a checkpoint against its data set's test images; print and keep the table."""
    from ..checkpoint import load_checkpoint
    from ..device import best_device
    from ..evaluation import Scorecard, attribute_table, table
    from ..publishing import keep_default, write_card

    if num < 2 or num_slow < 2:
        raise ValueError("A row needs at least 2 samples.")
    checkpoint = load_checkpoint(model)
    score = Scorecard(checkpoint, judge, rows, precision)
    checkpoint.unet.to(best_device())
    measured = []
    for row in score.rows(num, num_slow):
        measured.append(row)
        typer.echo(json.dumps(dataclasses.asdict(row)), err=True)
    typer.echo(table(measured))
    folder = Path(model) if write and Path(model).is_dir() else None
    if folder is not None:  # what takes long is kept at once; and attributes are asked for its way
        write_card(folder, checkpoint, measured, score.facts, score.precision)
        score.checkpoint = keep_default(folder, checkpoint)
    obedience = score.obedience(num)
    if obedience:
        typer.echo(f"\n{attribute_table(obedience)}")
    if folder is not None:
        write_card(folder, score.checkpoint, measured, score.facts, score.precision, obedience)
