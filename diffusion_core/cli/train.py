"""train: a UNet learns a data set."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import stop_signals

if TYPE_CHECKING:
    from ..checkpoint import CheckpointConfig


def train(
    context: typer.Context,
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            "--data",
            help="fashion-mnist[-2000], avatars[-3000], mnist, kmnist, cifar10, a folder or a zip.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the checkpoint and of the resumable state.")],
    init: Annotated[
        str | None,
        typer.Option(
            help="Checkpoint whose weights to begin with; its settings hold where no option does."
        ),
    ] = None,
    steps: Annotated[int, typer.Option(help="Optimiser steps in all.")] = 10_000,
    batch_size: Annotated[int, typer.Option(help="Images in a step.")] = 64,
    size: Annotated[int, typer.Option(help="Side of a folder's pictures, in pixels.")] = 32,
    value_range: Annotated[
        str,
        typer.Option(
            help="Values that are black and white in a folder's 16-bit and float pictures: "
            "automatic, format, largest, percentiles, or the value that is white."
        ),
    ] = "automatic",
    channels: Annotated[str, typer.Option(help="Feature channels of each level.")] = "64,128",
    blocks: Annotated[int, typer.Option(help="Residual blocks a level.")] = 2,
    patch_size: Annotated[int, typer.Option(help="Fold p × p pixels into channels.")] = 2,
    attention: Annotated[
        str, typer.Option(help="For each level, yes or no: whether it attends to itself.")
    ] = "",
    attention_up: Annotated[
        str, typer.Option(help="The same for the way up; else as on the way down.")
    ] = "",
    scale_shift: Annotated[bool, typer.Option(help="Condition by scale and shift.")] = True,
    learned_variance: Annotated[
        bool,
        typer.Option(
            help="Learn the variance of ddpm's noise too: twice the output channels, and L_hybrid."
        ),
    ] = False,
    vlb_weight: Annotated[
        float, typer.Option(help="Weight of the variational bound in L_hybrid.")
    ] = 0.001,
    importance_sampling: Annotated[
        bool, typer.Option(help="Draw timesteps by how large their loss is.")
    ] = False,
    schedule: Annotated[str, typer.Option(help="{schedules}.")] = "cosine",
    timesteps: Annotated[int, typer.Option(help="T of the schedule.")] = 1000,
    prediction: Annotated[str, typer.Option(help="{predictions}.")] = "epsilon",
    weighting: Annotated[str, typer.Option(help="Loss weighting: {weightings}.")] = "none",
    min_snr_gamma: Annotated[
        float, typer.Option(help="Bound of the weight in min_snr and clamped_snr.")
    ] = 5.0,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 1e-3,
    warmup_steps: Annotated[int, typer.Option(help="Steps of linear warm-up.")] = 500,
    decay_steps: Annotated[
        int, typer.Option(help="Last steps, in which the learning rate falls linearly to 0.")
    ] = 2000,
    ema_decay: Annotated[float, typer.Option(help="Decay of the averaged weights.")] = 0.9995,
    label_dropout: Annotated[
        float, typer.Option(help="Share of pictures whose class is withheld.")
    ] = 0.1,
    attribute_dropout: Annotated[
        float,
        typer.Option(
            help="Share of pictures for which an attribute is withheld, for each attribute."
        ),
    ] = 0.1,
    sparse_attributes: Annotated[
        float,
        typer.Option(help="Share of pictures for which a random number of attributes is withheld."),
    ] = 0.0,
    precision: Annotated[str, typer.Option(help="{precisions}.")] = "auto",
    even_classes: Annotated[bool, typer.Option(help="Draw every class equally often.")] = False,
    flip: Annotated[bool, typer.Option(help="Mirror half of the pictures.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of everything.")] = 0,
    save_every: Annotated[int, typer.Option(help="Steps between saves.")] = 500,
    log: Annotated[
        str,
        typer.Option(help="tensorboard writes a log into FOLDER/logs; without it none is written."),
    ] = "",
) -> None:
    """Train a UNet. Interrupted, the same command goes on from the last save."""
    from accelerate import Accelerator
    from tqdm import tqdm

    from ..data import load_dataset
    from ..training import TrainConfig
    from ..training_runs import TrainingPlan, TrainingProgress, fit

    try:
        widths = tuple(int(c) for c in channels.split(","))
    except ValueError:
        raise ValueError(f"channels must be whole numbers and commas, got {channels!r}.") from None
    origin = None if init is None else _settings_to_begin_with(init, out)

    def given(name: str) -> bool:
        """Whether an option stands on the command line."""
        source = context.get_parameter_source(name)
        return source is not None and source.name != "DEFAULT"

    if origin is not None:
        size = size if given("size") else origin.unet.image_size[0]
        prediction = prediction if given("prediction") else origin.prediction_type
    config = TrainConfig(
        num_steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup_steps=warmup_steps,
        decay_steps=decay_steps,
        ema_decay=ema_decay,
        label_dropout=label_dropout,
        attribute_dropout=attribute_dropout,
        sparse_attributes=sparse_attributes,
        prediction_type=prediction,
        loss_weighting=weighting,
        min_snr_gamma=min_snr_gamma,
        precision=precision,
        even_classes=even_classes,
        flip=flip,
        seed=seed,
        save_every=save_every,
        vlb_weight=vlb_weight,
        importance_sampling=importance_sampling,
    )
    if log not in ("", "tensorboard"):
        raise ValueError(f"There is no log {log!r}; choose tensorboard, or leave it out.")
    if log and find_spec("tensorboard") is None:
        raise ValueError("TensorBoard is not installed; run `pip install tensorboard` first.")
    data = load_dataset(dataset, size=size, value_range=value_range)
    for remark in data.remarks:
        typer.echo(remark, err=True)
    command = shlex.join(["python", "-m", "diffusion_core", *sys.argv[1:]])
    shape: dict[str, Any] = {
        "channels": widths,
        "blocks_per_level": blocks,
        "patch_size": patch_size,
        "scale_shift": scale_shift,
        "attention": _yes_no(attention, "attention"),
        "attention_up": _yes_no(attention_up, "attention_up"),
    }
    noise: dict[str, Any] = {"name": schedule, "num_train_timesteps": timesteps}
    if origin is None:
        blocks_per_level = shape.pop("blocks_per_level")
        plan = TrainingPlan.for_data(
            data,
            config,
            noise,
            shape.pop("channels"),
            blocks=blocks_per_level,
            **shape,
            learned_variance=learned_variance,
            command=command,
        )
    else:
        options = {"blocks_per_level": "blocks", "out_channels": "learned_variance"}
        shape["out_channels"] = data.shape[0] * (2 if learned_variance else 1)
        of_noise = {"name": "schedule", "num_train_timesteps": "timesteps"}
        plan = TrainingPlan.from_checkpoint(
            origin,
            data,
            config,
            changes={k: v for k, v in shape.items() if given(options.get(k, k))},
            noise={k: noise[k] for k, option in of_noise.items() if given(option)},
            init=init,
            command=command,
        )
    accelerator = Accelerator(log_with=log or None, project_dir=out / "logs" if log else None)
    if log:
        accelerator.init_trackers("train", config=dataclasses.asdict(config))
    steps_done = fit(plan, data, out, accelerator=accelerator)
    signals = stop_signals()
    bar = tqdm(total=steps, unit="step", disable=not accelerator.is_main_process)
    progress = TrainingProgress(steps, batch_size, len(plan.schedule()))
    for s in steps_done:
        progress.add(s)
        bar.update(s.step - bar.n)
        bar.set_postfix(loss=f"{progress.loss:.4f}", refresh=False)
        if log:
            known = {"loss": s.loss, "learning_rate": s.learning_rate, "grad_norm": s.grad_norm}
            accelerator.log(known, step=s.step)
        if signals:
            break
    steps_done.close()
    bar.close()
    if log:
        accelerator.end_training()
    if signals:
        typer.echo("Stopped; the state is saved, and the same command goes on from it.", err=True)
        raise typer.Exit(130)


def _settings_to_begin_with(init: str, out: Path) -> CheckpointConfig:
    """The settings of a checkpoint; of a run that goes on, its own, for the other may be gone."""
    from ..checkpoint import CONFIG, CheckpointConfig, load_checkpoint
    from ..training_runs import STATE_FILE

    own = (out / STATE_FILE).exists() and (out / CONFIG).exists()
    config = load_checkpoint(out if own else init).config
    if not isinstance(config, CheckpointConfig):
        raise ValueError(f"{init} is no model of images; choose another to begin with.")
    return config


def _yes_no(text: str, name: str) -> tuple[bool, ...] | None:
    """Whether each level attends: "no,yes" as (False, True); an empty text is None."""
    words = text.split(",") if text else []
    if not set(words) <= {"yes", "no"}:
        raise ValueError(f"{name} must be yes or no for each level, with commas, got {text!r}.")
    return tuple(word == "yes" for word in words) or None
