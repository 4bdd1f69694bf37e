"""Measure ddpm with each of a model's variances, from few steps to many, in one table.

Run from the top of the repository:

    python -m pretrained.recipes.variances_measured --model runs/fashion-mnist-variance

For each number of steps and each variance (the posterior's, beta, and what the network learned)
are printed the Frechet distance of samples, in the features of the judge, which learned real
pictures alone, and the bound of that chain in bits per dimension on test pictures. All variances
begin with the same noise. A row that was measured is kept in the model's folder, as
variances.json, so that an interrupted measurement goes on with the next one; a row that was
measured of other weights, or with other numbers, is measured anew.
"""

from __future__ import annotations

import json
import time
from collections import deque
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint, load_checkpoint
from diffusion_core.data import ImageDataset, load_dataset
from diffusion_core.device import best_device
from diffusion_core.evaluation import (
    AttributeJudge,
    Judge,
    frechet_distance,
    judged,
    load_judge,
    variances_of,
    variational_bounds,
)
from diffusion_core.files import write_text
from diffusion_core.samplers import sample
from diffusion_core.seeding import draw_noise, seeded

ROWS = "variances.json"
SLOW = 500  # walks of more steps have fewer samples
BATCH = 125


def drawn(checkpoint: Checkpoint, variance: str, steps: int, num: int) -> Tensor:
    """Samples of all classes alike, by ddpm, (num, C, H, W) in [-1, 1]."""
    labels = torch.arange(num) % max(checkpoint.num_classes, 1)
    parts = []
    for first, y in enumerate(labels.split(BATCH)):
        generator = seeded(0, "variances", first)
        x_T = draw_noise((len(y), *checkpoint.sample_shape), generator).to(checkpoint.device)
        walk = sample(
            checkpoint.denoiser(y if checkpoint.num_classes else None),
            x_T,
            sampler="ddpm",
            num_steps=steps,
            variance=variance,
            clip_x0=checkpoint.config.clip_x0,
            generator=generator,
        )
        parts.append(deque(walk, maxlen=1)[0].x_prev.float().cpu().clamp(-1, 1))
    return torch.cat(parts)


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| steps | variance | Frechet distance | bits per dimension | samples | pictures |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {r['steps']:,} | {r['variance']} | {r['frechet']:.2f} | "
        f"{r['bits']:.3f} ± {r['error']:.3f} | {r['num']:,} | {r['pictures']:,} |"
        for r in rows
    ]
    return "\n".join(lines)


def measured(
    checkpoint: Checkpoint,
    judge: Judge | AttributeJudge,
    target: Tensor,
    test: ImageDataset,
    steps: int,
    num: int,
    num_bound: int,
) -> list[dict[str, Any]]:
    """A row for each variance of the model, with so many steps.

    Args:
        checkpoint: The model.
        judge: In whose features distances are taken.
        target: The features of test pictures, (N, F).
        test: The test pictures.
        steps: Steps of the walks, and of the chain that is bounded.
        num: Samples of a row.
        num_bound: Test pictures for the bound.
    """
    chosen = torch.randperm(len(test), generator=seeded("bound"))[:num_bound]
    images, labels = test.batch(chosen)
    told = labels if checkpoint.num_classes else None
    bounds = variational_bounds(checkpoint, images, told, num_steps=steps)
    rows = []
    for bound in bounds:
        start = time.perf_counter()
        features, _ = judged(judge, drawn(checkpoint, bound.variance, steps, num))
        rows.append(
            {
                "weights": checkpoint.weights_hash,
                "steps": steps,
                "variance": bound.variance,
                "frechet": frechet_distance(features, target),
                "bits": bound.bits_per_dimension,
                "error": bound.error,
                "num": num,
                "pictures": num_bound,
                "compared": len(target),
                "seconds": round(time.perf_counter() - start, 1),
            }
        )
    return rows


def main(
    model: Annotated[Path, typer.Option(help="Folder of the checkpoint.")],
    dataset: Annotated[str, typer.Option(help="The set whose test pictures are the measure.")] = (
        "fashion-mnist"
    ),
    judge: Annotated[Path, typer.Option(help="Folder of the judge.")] = Path("pretrained/judge"),
    steps: Annotated[str, typer.Option(help="Numbers of steps, with commas.")] = "10,25,50,1000",
    num: Annotated[int, typer.Option(help="Samples of a row.")] = 1000,
    num_slow: Annotated[int, typer.Option(help=f"Samples of a row of over {SLOW} steps.")] = 250,
    num_bound: Annotated[int, typer.Option(help="Test pictures for bits per dimension.")] = 100,
    num_test: Annotated[
        int, typer.Option(help="Test pictures that samples are compared with.")
    ] = 10_000,
) -> None:
    """Measure the rows that are missing; print all."""
    checkpoint = load_checkpoint(model).to(best_device())
    test, known_judge = load_dataset(dataset, split="test"), load_judge(judge)
    chosen = torch.randperm(len(test), generator=seeded("test images"))[:num_test]
    target = torch.cat([judged(known_judge, test.batch(p)[0])[0] for p in chosen.split(2000)])
    file = model / ROWS
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    rows: list[dict[str, Any]] = []
    for count in (int(part) for part in steps.split(",")):
        samples = num_slow if count > SLOW else num
        wanted = {"weights": checkpoint.weights_hash, "steps": count}
        wanted |= {"num": samples, "pictures": num_bound, "compared": len(target)}
        known = [row for row in kept if all(row.get(k) == v for k, v in wanted.items())]
        if {row["variance"] for row in known} != {*variances_of(checkpoint)}:
            known = measured(checkpoint, known_judge, target, test, count, samples, num_bound)
        rows += known
        others = [row for row in kept if row not in rows]  # of other steps, or other weights
        write_text(file, json.dumps(rows + others, indent=2) + "\n")
    typer.echo(table(rows))


if __name__ == "__main__":
    typer.run(main)
