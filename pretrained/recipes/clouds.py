"""The recorded command that trains the network of point clouds.

It is `python -m pretrained.recipes.clouds`. Interrupted, it goes on from its last save when it is
started again with the same settings. Every 500 steps and at its end the folder holds the averaged
network as `clouds.load_clouds` reads it; with fewer `--steps` than the first time, it ends earlier.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Annotated

import typer

from diffusion_core.checkpoint import schedule_from
from diffusion_core.clouds import (
    CATEGORY_NAMES,
    NUM_POINTS,
    SHAPES,
    CloudConfig,
    CloudDataset,
    cloud_training,
    learn_clouds,
    save_clouds,
)
from diffusion_core.device import best_device

COMMAND = "python -m pretrained.recipes.clouds"
KEEP_EVERY = 500


def main(
    out: Annotated[Path, typer.Option(help="Folder of the training's state.")] = Path(
        "runs/clouds"
    ),
    steps: Annotated[int, typer.Option(help="Optimiser steps in all.")] = 12_000,
    batch_size: Annotated[int, typer.Option(help="Clouds a step.")] = 8,
    shapes: Annotated[int, typer.Option(help="Shapes of each category.")] = SHAPES,
    points: Annotated[int, typer.Option(help="Points of the largest clouds.")] = NUM_POINTS,
    fewest: Annotated[int, typer.Option(help="Points of the smallest clouds.")] = 256,
    say_every: Annotated[int, typer.Option(help="Steps between two lines.")] = 50,
) -> None:
    """Train on clouds of all categories."""
    fewest = min(fewest, points)
    dataset = CloudDataset.of(shapes, num_points=points, fewest=fewest)
    noise = {"name": "cosine", "num_train_timesteps": 1000}
    config = cloud_training(steps, batch_size=batch_size)
    losses: list[float] = []
    began = time.perf_counter()
    for step in learn_clouds(
        dataset, schedule_from(noise), config, folder=out, device=best_device()
    ):
        losses.append(step.loss)
        if step.step % say_every == 0 or step.step == steps:
            mean = sum(losses) / len(losses)
            print(
                f"step {step.step:,} of {steps:,}: loss {mean:.4f}, "
                f"{(time.perf_counter() - began) / len(losses):.2f} s a step",
                flush=True,
            )
            losses, began = [], time.perf_counter()
        if step.step == steps or step.step % KEEP_EVERY == 0:
            shown = f"{shapes:,} shapes of each category, {fewest:,} to {points:,} points"
            facts = {"settings": dataclasses.asdict(config), "steps": step.step, "command": COMMAND}
            settings = CloudConfig(
                step.network.config,
                noise,
                config.prediction_type,
                CATEGORY_NAMES,
                f"clouds of put-together shapes: {shown}",
                facts,
            )
            save_clouds(out, step.network, settings)


if __name__ == "__main__":
    typer.run(main)
