"""family: the other families of generative models on pictures, trained, drawn from and measured."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import Command, stop_signals

family = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="A GAN, a VAE or a normalizing flow."
)


@family.command(cls=Command)
def train(
    kind: Annotated[str, typer.Option(help="{families}.")],
    out: Annotated[Path, typer.Option(help="Folder of the model and of the resumable state.")],
    dataset: Annotated[
        str,
        typer.Option(help="fashion-mnist[-2000], mnist, kmnist, cifar10, or a folder."),
    ] = "fashion-mnist",
    steps: Annotated[int, typer.Option(help="Optimiser steps in all.")] = 10_000,
    batch_size: Annotated[int, typer.Option(help="Pictures in a step.")] = 64,
    decay_steps: Annotated[
        int, typer.Option(help="Last steps, in which the learning rate falls linearly to 0.")
    ] = 2_000,
    width: Annotated[int, typer.Option(help="Channels of the widest maps.")] = 64,
    latent: Annotated[int, typer.Option(help="Numbers of the latent of a GAN or a VAE.")] = 32,
    seed: Annotated[int, typer.Option(help="Seed of everything.")] = 0,
    save_every: Annotated[int, typer.Option(help="Steps between saves.")] = 200,
    threads: Annotated[int, typer.Option(help="Threads of torch; 0 is torch's choice.")] = 0,
) -> None:
    """Train a family on pictures. Interrupted, the same command goes on from the last save."""
    import torch
    from tqdm import tqdm

    from ..data import load_dataset
    from ..families import FamilyTraining, PictureShape, fit_family, picture_family

    training = FamilyTraining(steps, batch_size, decay_steps, seed, save_every)
    if threads < 0:
        raise ValueError(f"threads must be at least 0, got {threads}.")
    if threads:
        torch.set_num_threads(threads)
    data = load_dataset(dataset)
    C, H, W = data.shape
    if data.labels is None or H != W:
        raise ValueError("A family learns square pictures with classes: a folder for each class.")
    shape = PictureShape(C, H, len(data.class_names), width, latent)
    made = picture_family(kind, shape, seed)
    command = shlex.join(["python", "-m", "diffusion_core", *sys.argv[1:]])
    signals = stop_signals()
    with tqdm(total=steps, unit="step", mininterval=5.0) as bar:
        for step in fit_family(made, data, training, out, command):
            bar.update(step.step - bar.n)
            bar.set_postfix({k: f"{v:.4g}" for k, v in step.losses.items()}, refresh=False)
            if signals:
                break
    if signals:
        typer.echo("Stopped; the same command goes on from the last save.", err=True)
        raise typer.Exit(130)
