"""likelihood: bits per dimension of a checkpoint, for each variance of ddpm's steps."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import Model


def likelihood(
    model: Model,
    dataset: Annotated[
        str | None,
        typer.Option(help="Pictures to measure on; else the test images of the model's own set."),
    ] = None,
    num: Annotated[int, typer.Option(help="Number of pictures.")] = 100,
    steps: Annotated[
        str, typer.Option(help="Steps of the chain, several with commas; else all timesteps.")
    ] = "",
    spacing: Annotated[str, typer.Option(help="{spacings}.")] = "trailing",
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
) -> None:
    """Print the variational bound of a checkpoint in bits per dimension; lower is better."""
    import torch
    from tqdm import tqdm

    from ..checkpoint import load_checkpoint
    from ..data import load_dataset
    from ..device import best_device
    from ..evaluation import bounds_table, variational_bounds
    from ..seeding import seeded

    if not all(part.strip().isdecimal() and int(part) for part in steps.split(",") if steps):
        raise ValueError(f"steps must be whole numbers above 0 and commas, got {steps!r}.")
    counts = [int(part) for part in steps.split(",")] if steps else [None]
    checkpoint = load_checkpoint(model).to(best_device())
    name = dataset or checkpoint.config.dataset
    if not name:
        raise ValueError("The checkpoint does not say what it learned; name pictures by --dataset.")
    H, W = checkpoint.image_shape[1:]
    data = load_dataset(name, split="train" if dataset else "test", size=H)
    if data.shape != checkpoint.image_shape:
        raise ValueError(
            f"{name} has pictures of {' × '.join(map(str, data.shape))}, and the model makes "
            f"{' × '.join(map(str, checkpoint.image_shape))}; name others by --dataset."
        )
    if not 1 <= num <= len(data):
        raise ValueError(f"num must be from 1 to {len(data):,}, the pictures; got {num}.")
    chosen = torch.randperm(len(data), generator=seeded("bound"))[:num]
    images, labels = data.batch(chosen)
    told = None
    if data.class_names == checkpoint.config.class_names and checkpoint.num_classes:
        told = data.conditions(chosen) if checkpoint.attributes else labels
    bounds = []
    for count in counts:
        with tqdm(unit="step", leave=False) as bar:

            def show(done: int, total: int, bar: tqdm = bar) -> None:
                bar.total = total
                bar.update(done - bar.n)

            bounds += variational_bounds(
                checkpoint,
                images,
                told,
                num_steps=count,
                spacing=spacing,
                seed=seed,
                progress=show,
            )
    typer.echo(bounds_table(bounds))
