"""The command line: train · sample · evaluate · export. See `python -m diffusion_core --help`."""

from __future__ import annotations

import dataclasses
import json
import shlex
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
Model = Annotated[str, typer.Option(help="Checkpoint folder, or Hub id owner/name.")]


@app.command()
def train(
    dataset: Annotated[
        str, typer.Option(help="fashion-mnist[-2000], avatars[-3000], or a folder.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the checkpoint and of the resumable state.")],
    init: Annotated[
        str | None, typer.Option(help="Checkpoint whose weights to begin with.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Optimiser steps in all.")] = 10_000,
    batch_size: Annotated[int, typer.Option(help="Images a step.")] = 64,
    size: Annotated[int, typer.Option(help="Side of a folder's pictures, in pixels.")] = 32,
    channels: Annotated[str, typer.Option(help="Feature channels of each level.")] = "64,128",
    blocks: Annotated[int, typer.Option(help="Residual blocks a level.")] = 2,
    patch_size: Annotated[int, typer.Option(help="Fold p × p pixels into channels.")] = 2,
    scale_shift: Annotated[bool, typer.Option(help="Condition by scale and shift.")] = True,
    schedule: Annotated[str, typer.Option(help="Noise schedule.")] = "cosine",
    timesteps: Annotated[int, typer.Option(help="T of the schedule.")] = 1000,
    prediction: Annotated[str, typer.Option(help="epsilon, v_prediction or sample.")] = "epsilon",
    weighting: Annotated[str, typer.Option(help="Loss weighting: none or min_snr.")] = "none",
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 1e-3,
    warmup_steps: Annotated[int, typer.Option(help="Steps of linear warm-up.")] = 500,
    decay_steps: Annotated[int, typer.Option(help="Last steps, of linear decay to 0.")] = 2000,
    ema_decay: Annotated[float, typer.Option(help="Decay of the averaged weights.")] = 0.9995,
    label_dropout: Annotated[float, typer.Option(help="Share of labels left out.")] = 0.1,
    attribute_dropout: Annotated[
        float, typer.Option(help="Share in which each attribute is left out.")
    ] = 0.1,
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32.")] = "auto",
    flip: Annotated[bool, typer.Option(help="Mirror half of the pictures.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of everything.")] = 0,
    save_every: Annotated[int, typer.Option(help="Steps between saves.")] = 500,
    log: Annotated[str, typer.Option(help="tensorboard, into FOLDER/logs; else none.")] = "",
) -> None:
    """Train a UNet. Interrupted, the same command goes on from the last save."""
    from accelerate import Accelerator
    from tqdm import tqdm

    from .data import load_dataset
    from .fitting import Plan, fit
    from .progress import Progress
    from .train_config import TrainConfig

    try:
        widths = tuple(int(c) for c in channels.split(","))
    except ValueError:
        raise ValueError(f"channels must be whole numbers and commas, got {channels!r}.") from None
    config = TrainConfig(
        num_steps=steps, batch_size=batch_size, learning_rate=learning_rate,
        warmup_steps=warmup_steps, decay_steps=decay_steps, ema_decay=ema_decay,
        label_dropout=label_dropout, attribute_dropout=attribute_dropout,
        prediction_type=prediction, loss_weighting=weighting, precision=precision, flip=flip,
        seed=seed, save_every=save_every,
    )  # fmt: skip
    if log not in ("", "tensorboard"):
        raise ValueError(f"There is no log {log!r}; choose tensorboard, or leave it out.")
    if log and find_spec("tensorboard") is None:
        raise ValueError("TensorBoard is not installed; run `pip install tensorboard` first.")
    data = load_dataset(dataset, size=size)
    for reason in data.unreadable[:5]:
        typer.echo(f"left out: {reason}", err=True)
    plan = Plan.for_data(
        data, config, {"name": schedule, "num_train_timesteps": timesteps}, widths, blocks=blocks,
        patch_size=patch_size, scale_shift=scale_shift, init=init,
        command=shlex.join(["python", "-m", "diffusion_core", *sys.argv[1:]]),
    )  # fmt: skip
    accelerator = Accelerator(log_with=log or None, project_dir=out / "logs" if log else None)
    if log:
        accelerator.init_trackers("train", config=dataclasses.asdict(config))
    steps_done = fit(plan, data, out, accelerator=accelerator)
    told = _stop_signs()
    bar = tqdm(total=steps, unit="step", disable=not accelerator.is_main_process)
    progress = Progress(steps, batch_size, timesteps)
    for s in steps_done:
        progress.add(s)
        bar.update(s.step - bar.n)
        bar.set_postfix(loss=f"{progress.loss:.4f}", refresh=False)
        if log:
            known = {"loss": s.loss, "learning_rate": s.learning_rate, "grad_norm": s.grad_norm}
            accelerator.log(known, step=s.step)
        if told:
            break
    steps_done.close()
    bar.close()
    if log:
        accelerator.end_training()
    if told:
        typer.echo("Stopped; the state is saved, and the same command goes on from it.", err=True)
        raise typer.Exit(130)


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="File to write: .png, .gif, .mp4 or .npz.")],
    model: Annotated[str | None, typer.Option(help="Checkpoint folder, or Hub id.")] = None,
    num: Annotated[int, typer.Option(help="How many images.")] = 16,
    sampler: Annotated[str, typer.Option(help="ddpm, ddim, heun or dpmpp_2m.")] = "ddim",
    steps: Annotated[int, typer.Option(help="Steps of the walk.")] = 50,
    seed: Annotated[int, typer.Option(help="Of image 0; image i has seed + i.")] = 0,
    seed_to: Annotated[int | None, typer.Option(help="Lead from seed to this one.")] = None,
    label: Annotated[str | None, typer.Option(help="Class, by number or name.")] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE that is asked for; may be repeated.")
    ] = None,
    guidance_scale: Annotated[float, typer.Option(help="1 is off.")] = 1.0,
    eta: Annotated[float, typer.Option(help="DDIM's stochasticity, 0 to 1.")] = 0.0,
    spacing: Annotated[str, typer.Option(help="trailing, leading or linspace.")] = "trailing",
    variance: Annotated[
        str | None, typer.Option(help="Of ddpm's noise: posterior or beta; else the model's own.")
    ] = None,
    threshold: Annotated[str, typer.Option(help="How x0 is clipped: static or dynamic.")] = (
        "static"
    ),
    card: Annotated[
        Path | None, typer.Option(help="Run card to walk again, instead of all options above.")
    ] = None,
    save_card: Annotated[Path | None, typer.Option(help="Run card to write.")] = None,
) -> None:
    """Draw samples from a checkpoint; .gif and .mp4 show the whole walk."""
    from .checkpoint import best_device, checkpoint_folders, load_checkpoint
    from .exports import write_walk
    from .run_card import RunCard
    from .state import write_text
    from .walk import Walk

    given, known = None, None
    if card is not None:
        known = RunCard.from_json(card.read_text(encoding="utf-8", errors="replace"))
        settings, given = known.walk, known.given
        checkpoint = load_checkpoint(model) if model else known.checkpoint(checkpoint_folders())
    elif model is None:
        raise ValueError("Name a checkpoint by --model FOLDER, or a run card by --card FILE.")
    else:
        checkpoint = load_checkpoint(model)
        settings = Walk(
            num_images=num, label=label, sampler=sampler, num_steps=steps, eta=eta,
            spacing=spacing, guidance_scale=guidance_scale, seed=seed, seed_to=seed_to,
            variance=variance or checkpoint.config.sampling.get("variance", "posterior"),
            threshold=threshold,
            attributes=tuple(_name_and_value(pair) for pair in attribute or []),
        )  # fmt: skip
    checkpoint.unet.to(best_device())
    result = write_walk(out, checkpoint, settings, given)
    if known is not None:
        typer.echo(known.compare(checkpoint, result), err=True)
    if save_card is not None:
        write_text(save_card, RunCard.of(checkpoint, settings, given, result).to_json() + "\n")
    typer.echo(str(out))


@app.command()
def evaluate(
    model: Model,
    judge: Annotated[
        Path | None, typer.Option(help="Folder of the judge; else the data set's own.")
    ] = None,
    num: Annotated[int, typer.Option(help="Samples a row.")] = 2000,
    num_slow: Annotated[int, typer.Option(help="Samples a row of over 500 steps.")] = 1000,
    rows: Annotated[str, typer.Option(help='Which, as "ddim 25; heun 10"; else all.')] = "",
    precision: Annotated[str, typer.Option(help="Of the samples: auto, bf16, fp32.")] = "fp32",
    write: Annotated[bool, typer.Option(help="Write the table into the card.")] = True,
) -> None:
    """Measure a checkpoint against its data set's test images; print and keep the table."""
    from .card import write_card
    from .checkpoint import best_device, load_checkpoint
    from .evaluation import table
    from .obedience import obedience_table
    from .scorecard import Scorecard

    if num < 2 or num_slow < 2:
        raise ValueError("A row needs at least 2 samples.")
    checkpoint = load_checkpoint(model)
    score = Scorecard(checkpoint, judge, rows, precision)
    checkpoint.unet.to(best_device())
    measured = []
    for row in score.rows(num, num_slow):
        measured.append(row)
        typer.echo(json.dumps(dataclasses.asdict(row)), err=True)
    obedience = score.obedience(num)
    typer.echo(table(measured))
    if obedience:
        typer.echo(f"\n{obedience_table(obedience)}")
    if write and Path(model).is_dir():
        write_card(Path(model), checkpoint, measured, score.facts, score.precision, obedience)


def _name_and_value(pair: str) -> tuple[str, str]:
    name, equals, value = (part.strip() for part in pair.partition("="))
    if not (name and equals and value):
        raise ValueError(f"An attribute is given as NAME=VALUE, like head=afro; got {pair!r}.")
    return name, value


@app.command()
def export(
    model: Model,
    out: Annotated[Path, typer.Option(help="Folder to write, in the layout of diffusers.")],
    label: Annotated[str | None, typer.Option(help="Class that it draws; else none.")] = None,
    keep_classes: Annotated[bool, typer.Option(help="Keep all classes, for UNet2DModel.")] = False,
) -> None:
    """Export a checkpoint without patches, so that diffusers' DDPMPipeline reads it."""
    from .checkpoint import load_checkpoint
    from .diffusers_export import export_diffusers

    export_diffusers(out, load_checkpoint(model), label, keep_classes=keep_classes)
    typer.echo(str(out))


def _stop_signs() -> list[int]:
    """A list that the first SIGINT or SIGTERM fills; the second is heeded at once."""
    told: list[int] = []

    def note(number: int, frame: object) -> None:
        told.append(number)
        signal.signal(number, signal.default_int_handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    return told


def main() -> int:
    """Run; bad input is one sentence on stderr and exit code 2."""
    try:
        return int(app(standalone_mode=False) or 0)
    except (typer.Abort, KeyboardInterrupt):
        print("Stopped.", file=sys.stderr)
        return 130
    except Exception as error:
        # typer's own usage errors, of whichever click it carries, know how to say themselves.
        usage = getattr(error, "format_message", None)
        if usage is None and not isinstance(error, ValueError | OSError | FloatingPointError):
            raise
        print(usage() if usage else error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
