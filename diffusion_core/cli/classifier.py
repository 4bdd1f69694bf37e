"""classifier: a classifier of noisy pictures that guides a model, trained and measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Command, DatasetName, Model, stop_signals, train_to_the_end, typed

classifier = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="A classifier of noisy pictures, which guides a model.",
)


@classifier.command(cls=Command)
def train(
    out: Annotated[Path, typer.Option(help="Folder of the classifier and its resumable state.")],
    dataset: DatasetName = "fashion-mnist",
    steps: Annotated[int, typer.Option(help="Optimiser steps in all.")] = 1200,
    batch_size: Annotated[int, typer.Option(help="Pictures in a step.")] = 64,
    decay_steps: Annotated[
        int, typer.Option(help="Last steps, in which the learning rate falls linearly to 0.")
    ] = 400,
    learning_rate: Annotated[float, typer.Option(help="The highest learning rate.")] = 2e-3,
    widths: Annotated[str, typer.Option(help="Channels of each level.")] = "16,48,96",
    seed: Annotated[int, typer.Option(help="Seed of everything.")] = 0,
    save_every: Annotated[int, typer.Option(help="Steps between saves.")] = 100,
    num_test: Annotated[int, typer.Option(help="Test pictures of each level of noise.")] = 2000,
) -> None:
    """Train a classifier. Interrupted, the same command goes on from the last save."""
    from ..data import load_dataset
    from ..device import best_device
    from ..evaluation import GuidanceResults, save_guidance_results
    from ..guided_diffusion import (
        ClassifierConfig,
        ClassifierTraining,
        accuracy_by_log_snr,
        fresh_classifier,
        learn_classifier,
        load_classifier,
        save_classifier,
        training_seconds,
    )
    from ..publishing import write_classifier_card

    if not all(width.strip().isdecimal() for width in widths.split(",")):
        raise ValueError(f"widths must be whole numbers and commas, got {widths!r}.")
    if num_test < 1:
        raise ValueError(f"num-test must be at least 1, got {num_test}.")
    training = ClassifierTraining(
        steps, batch_size, decay_steps, learning_rate, seed=seed, save_every=save_every
    )
    data, test = load_dataset(dataset), load_dataset(dataset, split="test")
    config = ClassifierConfig(
        data.shape, len(data.class_names), tuple(int(width) for width in widths.split(","))
    )
    made = fresh_classifier(config, seed)
    train_to_the_end(
        learn_classifier(made, data, training, folder=out, device=best_device()),
        steps,
        lambda step: {"loss": f"{step.loss:.3f}", "accuracy": f"{step.accuracy:.2f}"},
    )
    facts = {
        "settings": {
            "steps": steps,
            "batch": batch_size,
            "decay": decay_steps,
            "learning_rate": learning_rate,
            "seed": seed,
        },
        "command": typed(),
        "cpu_seconds": round(training_seconds(out)),
    }
    save_classifier(out, made, data, facts)
    stored = load_classifier(out)
    rows = accuracy_by_log_snr(stored.network, test, num=min(num_test, len(test)))  # type: ignore[arg-type]
    results = GuidanceResults(rows)
    save_guidance_results(out, results)
    write_classifier_card(out, stored, results)
    for row in rows:
        typer.echo(f"log-SNR {row.log_snr:6g}: accuracy {row.accuracy:.3f}")


@classifier.command(cls=Command)
def evaluate(
    folder: Annotated[Path, typer.Option(help="Folder of the classifier; gets the results.")],
    model: Model,
    judge: Annotated[Path, typer.Option(help="Folder of the judge.")] = Path("pretrained/judge"),
    dataset: Annotated[str, typer.Option(help="Whose test pictures to compare with.")] = (
        "fashion-mnist"
    ),
    num: Annotated[int, typer.Option(help="Pictures of each row.")] = 1000,
    sampler: Annotated[str, typer.Option(help="{samplers}.")] = "ddim",
    steps: Annotated[int, typer.Option(help="Steps of a walk.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
) -> None:
    """Measure guidance by kind and scale. Interrupted, the same command goes on."""
    import dataclasses

    from ..checkpoint import load_checkpoint
    from ..data import load_dataset
    from ..device import best_device
    from ..engines import on_engine
    from ..evaluation import (
        GuidanceCurve,
        guidance_results,
        load_judge,
        measure_guidance,
        save_guidance_results,
    )
    from ..guided_diffusion import load_classifier
    from ..publishing import write_classifier_card

    stored, results = load_classifier(folder), guidance_results(folder)
    checkpoint = on_engine(load_checkpoint(model).to(best_device())).guided_by(stored)
    curve = GuidanceCurve(
        Path(model).name,
        checkpoint.weights_hash,
        stored.weights_hash,
        sampler,
        steps,
        num,
        seed,
        typed(),
    )
    if results.curve is not None and curve.goes_on(results.curve):
        curve = dataclasses.replace(curve, rows=results.curve.rows)
    signals, test = stop_signals(), load_dataset(dataset, split="test")
    for found in measure_guidance(checkpoint, load_judge(judge), test, curve):
        results = dataclasses.replace(results, curve=found)
        save_guidance_results(folder, results)
        if signals:
            typer.echo("Stopped; the same command goes on with the next row.", err=True)
            raise typer.Exit(130)
        typer.echo(f"{len(found.rows)} rows of {3 * 8}", err=True)
    write_classifier_card(folder, stored, results)
    assert results.curve is not None
    typer.echo(results.curve.table())
