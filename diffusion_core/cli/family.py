"""family: the other families of generative models on pictures, trained, drawn from and measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Command, DatasetName, train_to_the_end, typed

family = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="A GAN, a VAE, a normalizing flow or latent diffusion.",
)


@family.command(cls=Command)
def train(
    kind: Annotated[str, typer.Option(help="{families}.")],
    out: Annotated[Path, typer.Option(help="Folder of the model and of the resumable state.")],
    dataset: DatasetName = "fashion-mnist",
    steps: Annotated[int, typer.Option(help="Optimiser steps in all.")] = 10_000,
    batch_size: Annotated[int, typer.Option(help="Pictures in a step.")] = 64,
    decay_steps: Annotated[
        int, typer.Option(help="Last steps, in which the learning rate falls linearly to 0.")
    ] = 2_000,
    width: Annotated[int, typer.Option(help="Channels of the widest maps.")] = 64,
    latent: Annotated[int, typer.Option(help="Numbers of the latent of a GAN or a VAE.")] = 32,
    vae: Annotated[
        Path | None,
        typer.Option(help="Folder of the trained VAE in whose latent kind latent learns."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything.")] = 0,
    save_every: Annotated[int, typer.Option(help="Steps between saves.")] = 200,
    threads: Annotated[int, typer.Option(help="Threads of torch; 0 is torch's choice.")] = 0,
) -> None:
    """Train a family on pictures. Interrupted, the same command goes on from the last save."""
    import torch

    from ..data import load_dataset
    from ..families import (
        FamilyTraining,
        PictureFamily,
        PictureShape,
        PictureVAE,
        fit_family,
        latent_diffusion_of,
        load_family,
        picture_family,
    )

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
    if (kind == "latent") != (vae is not None):
        raise ValueError("Kind latent, and it alone, takes --vae: the folder of a trained VAE.")
    if vae is not None:
        held = load_family(vae).family
        if not isinstance(held, PictureVAE):
            raise ValueError(f"{vae} holds a {held.name}, and kind latent learns in a VAE.")
        made: PictureFamily = latent_diffusion_of(held, seed)
    else:
        made = picture_family(kind, shape, seed)
    train_to_the_end(
        fit_family(made, data, training, out, typed()),
        steps,
        lambda step: {name: f"{loss:.4g}" for name, loss in step.losses.items()},
    )


@family.command(cls=Command)
def evaluate(
    folder: Annotated[Path, typer.Option(help="Folder that holds gan, vae, flow and latent.")],
    model: Annotated[
        str,
        typer.Option(help="Checkpoint of diffusion to measure too; none leaves it out."),
    ] = "pretrained/fashion-mnist",
    judge: Annotated[Path, typer.Option(help="Folder of the judge.")] = Path("pretrained/judge"),
    num: Annotated[int, typer.Option(help="Pictures for a row, and test images.")] = 2000,
    steps: Annotated[str, typer.Option(help="Steps of DDIM that diffusion takes.")] = "1,10,50",
) -> None:
    """Measure families and diffusion side by side; print and keep the table."""
    from ..checkpoint import load_checkpoint
    from ..data import load_dataset
    from ..evaluation import (
        Setting,
        compare_families,
        families_in,
        family_results,
        load_judge,
        save_family_results,
    )
    from ..publishing import write_family_cards

    try:
        rows = [Setting("ddim", int(count)) for count in steps.split(",")]
    except ValueError:
        raise ValueError(f"steps must be whole numbers and commas, got {steps!r}.") from None
    families = families_in(folder)
    dataset = families[0].dataset
    if others := [f.dataset for f in families if f.dataset != dataset]:
        raise ValueError(f"{folder} holds families of {dataset} and of {others[0]}; take one set.")
    diffusion = None if model == "none" else load_checkpoint(model)
    train, test = load_dataset(dataset), load_dataset(dataset, split="test")
    measured = []
    for row in compare_families(
        families, diffusion, load_judge(judge), train, test, num=num, rows=rows
    ):
        measured.append(row)
        typer.echo(f"{row.name}: Frechet distance {row.frechet_distance:.3f}", err=True)
    results = family_results(dataset, measured)
    save_family_results(folder, results)
    write_family_cards(folder, families, results)
    typer.echo(results.table())


@family.command(cls=Command)
def sample(
    model: Annotated[Path, typer.Option(help="Folder of a family.")],
    out: Annotated[Path, typer.Option(help="FILE.png: a sheet with a row for each class.")],
    num: Annotated[int, typer.Option(help="Pictures of each class.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the latents.")] = 0,
) -> None:
    """Draw pictures of every class from a family."""
    import torch
    from PIL import Image

    from ..data import grid, to_uint8
    from ..families import load_family
    from ..seeding import parse_seed, seeded

    if not 1 <= num <= 100:
        raise ValueError(f"num must be from 1 to 100, got {num}.")
    if out.suffix.lower() != ".png":
        raise ValueError(f"out must end in .png, got {out.name!r}.")
    stored = load_family(model)
    labels = torch.arange(stored.family.shape.num_classes).repeat_interleave(num)
    drawn = stored.family.draw(len(labels), seeded(parse_seed(seed, "seed"), "sheet"), labels)
    sheet = grid(to_uint8(drawn.clamp(-1, 1)), num)
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet).save(out)
