"""Measure a trained network of clouds, and put it where it ships with its table.

Run from the top of the repository:

    python -m pretrained.recipes.clouds_measured runs/clouds pretrained/clouds

Made clouds of each category stand against as many held-out ones. The scale is beside them: shapes
that it was trained on, and noise of a category's mean and spread. A category that was measured is
kept in the first folder, so that an interrupted measurement goes on with the next one.
"""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from diffusion_core.checkpoint import CARD, CONFIG, RESULTS, WEIGHTS, Checkpoint
from diffusion_core.clouds import (
    CATEGORY_NAMES,
    CloudConfig,
    CloudDataset,
    CloudNetwork,
    CloudScores,
    cloud_scores,
    distances_within,
    load_clouds,
    save_clouds,
)
from diffusion_core.files import write_text
from diffusion_core.generation import SamplingRequest, walk
from diffusion_core.seeding import seeded

COMMAND = "python -m pretrained.recipes.clouds_measured"
GOAL = 0.70  # of 1-NN accuracy, on each category
COLUMNS = (
    "category",
    "1-NN accuracy",
    "… of training shapes",
    "… of noise",
    "coverage",
    "… of training shapes",
    "MMD ×10³",
    "… of training shapes",
    "… of noise",
)


def made(model: Checkpoint, category: str, clouds: int, sampler: str, steps: int) -> Tensor:
    """Clouds that a network makes of a category, float32 (clouds, N, 3)."""
    batches = []
    for first in range(0, clouds, 20):
        count = min(20, clouds - first)
        request = SamplingRequest(count, category, sampler, steps, seed=1000 + first)
        *_, last = walk(model, request)
        batches.append(last.x_prev)
    return torch.cat(batches)


def real(category: str, clouds: int, points: int, held_out: bool) -> Tensor:
    """Clouds of shapes of a category, float32 (clouds, points, 3)."""
    data = CloudDataset.of(clouds, num_points=points, held_out=held_out, seed=0)
    first = CATEGORY_NAMES.index(category) * clouds
    return torch.cat([data.batch(torch.tensor([first + k]))[0] for k in range(clouds)])


def measure(
    model: Checkpoint, category: str, clouds: int, points: int, sampler: str, steps: int
) -> dict[str, Any]:
    """The scores of what is made, of training shapes and of noise, by their names."""
    held = real(category, clouds, points, held_out=True)
    generator = seeded("clouds", "noise", category)
    noise = torch.randn(held.shape, generator=generator) * held.std((0, 1)) + held.mean((0, 1))
    within = distances_within(held)
    sets = {
        "made": made(model, category, clouds, sampler, steps)[:, :points],
        "training": real(category, clouds, points, held_out=False),
        "noise": noise,
    }
    scores = {name: cloud_scores(each, held, within) for name, each in sets.items()}
    return {name: dataclasses.asdict(each) for name, each in scores.items()}


def results(rows: dict[str, dict[str, Any]], words: str, settings: dict[str, Any]) -> dict:
    """The table, as the page shows it, with the figures behind it."""
    table = []
    for category, found in rows.items():
        scores = {name: CloudScores(**values) for name, values in found.items()}
        table.append(
            [
                category,
                *(f"{100 * scores[n].accuracy:.1f} %" for n in ("made", "training", "noise")),
                *(f"{100 * scores[n].coverage:.0f} %" for n in ("made", "training")),
                *(f"{1000 * scores[n].matching:.1f}" for n in ("made", "training", "noise")),
            ]
        )
    return {"words": words, "columns": COLUMNS, "rows": table, "figures": rows, **settings}


def card(config: CloudConfig, values: dict[str, Any], parameters: int) -> str:
    """The card of the folder."""
    reached = [c for c, f in values["figures"].items() if f["made"]["accuracy"] <= GOAL]
    line = "Every category reaches it."
    if len(reached) < len(values["figures"]):
        line = f"Of the categories {', '.join(reached) or 'none'} reached it."
    table = "\n".join(
        f"| {' | '.join(map(str, row))} |"
        for row in (COLUMNS, ["---"] * len(COLUMNS), *values["rows"])
    )
    return f"""# Clouds

A diffusion model of point clouds: {parameters:,} parameters of point-voxel convolutions (Liu et al.
2019) in the plan of PVD (Zhou, Du and Wu 2021), trained on {config.dataset}, which the repository
makes by itself. {config.training.get("steps", 0):,} steps by `{config.training.get("command")}`.

{values["words"]}

{table}

1-NN accuracy is 50 % where nobody can tell the sets apart, and 100 % where anybody can; the goal
was at most {100 * GOAL:.0f} % on each category. {line} Training shapes are told from held-out ones
too, since what is held out are whole combinations. MMD is in squared units of half of a shape's
longest edge. Measured by `{COMMAND}`.
"""


def main(
    trained: Annotated[Path, typer.Argument(help="Folder of the trained network.")],
    shipped: Annotated[Path, typer.Argument(help="Folder to write; made if it is not there.")],
    clouds: Annotated[int, typer.Option(help="Clouds of each set and category.")] = 200,
    points: Annotated[int, typer.Option(help="Points of a cloud that are compared.")] = 1024,
    sampler: Annotated[str, typer.Option(help="Sampler of the made clouds.")] = "ddpm",
    steps: Annotated[int, typer.Option(help="Steps of their walks.")] = 50,
) -> None:
    """Measure a network of clouds and ship it with its table."""
    model = load_clouds(trained)
    assert isinstance(model.config, CloudConfig) and isinstance(model.network, CloudNetwork)
    settings = {"clouds": clouds, "points": points, "sampler": sampler, "steps": steps}
    settings |= {"weights": model.weights_hash}
    kept = trained / "measured.json"
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    rows = known["rows"] if known.get("settings") == settings else {}
    for category in CATEGORY_NAMES:
        if category in rows:
            continue
        began = time.perf_counter()
        rows[category] = measure(model, category, clouds, points, sampler, steps)
        write_text(kept, json.dumps({"settings": settings, "rows": rows}))
        accuracies = {name: scores["accuracy"] for name, scores in rows[category].items()}
        print(category, accuracies, f"{time.perf_counter() - began:.0f} s", flush=True)
    words = (
        f"{clouds} clouds of {points:,} points by {sampler} in {steps} steps, against {clouds} "
        "of held-out combinations of proportions, by Chamfer's distance."
    )
    values = results(rows, words, settings)
    sampling = {"sampler": sampler, "num_steps": steps}
    config = dataclasses.replace(model.config, sampling=sampling)
    save_clouds(shipped, model.network, config, card(config, values, model.num_parameters))
    write_text(shipped / RESULTS, json.dumps(values, indent=1) + "\n")
    print(f"Wrote {CONFIG}, {WEIGHTS}, {RESULTS} and {CARD} to {shipped}.")


if __name__ == "__main__":
    typer.run(main)
