"""Short trials of the improved UNet, point by point: equal runs that differ in one setting.

Run from the top of the repository, for all trials or those named:

    python -m pretrained.recipes.unet_trials base heads --steps 2000 --out runs/unet-trials

The points are those of Dhariwal and Nichol 2021, section 3: adaptive group norm (conditioning by
scale and shift), attention at more levels, several heads, resampling in residual blocks. The base
has all of what the shipped model has; each trial changes one thing. All see the same pictures,
timesteps and noise, for they have the same seed, and train the same number of steps. A table is
printed of the error of x0_hat on test pictures at the same noise levels, of the Frechet distance of
samples by the judge, and of the time of a step. What was found is kept as OUT/trials.json, so that
an interrupted run goes on with the next trial.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.data import ImageDataset, load_dataset
from diffusion_core.evaluation import (
    AttributeJudge,
    Judge,
    Setting,
    draw_samples,
    frechet_distance,
    judged,
    load_judge,
)
from diffusion_core.files import write_text
from diffusion_core.seeding import seeded
from diffusion_core.training import TrainConfig
from diffusion_core.training_runs import TrainingPlan, train_resumably
from diffusion_core.unet import UNet, UNetConfig
from pretrained.recipes.avatars_trials import errors

LOG_SNRS = (-4.0, 0.0, 4.0)
KEPT = "trials.json"
# By name: what differs from the shipped model's network, and in words.
TRIALS: dict[str, tuple[dict[str, Any], str]] = {
    "base": ({}, "as the shipped model"),
    "add": ({"scale_shift": False}, "conditioning is added, no adaptive group norm"),
    "attend": ({"attention": (True, True)}, "attention at both levels"),
    "attend-none": ({"attention": (False, False)}, "attention in the middle alone"),
    "one-head": ({"head_dim": None}, "one head"),
    "heads": ({"head_dim": 16}, "twice as many heads, of 16 channels"),
    "resample": ({"resample": "resnet"}, "resampling in residual blocks"),
}


def plan_of(
    name: str, data: ImageDataset, steps: int, batch_size: int, channels: tuple[int, ...]
) -> TrainingPlan:
    """The run of a trial."""
    config = TrainConfig(
        num_steps=steps,
        batch_size=batch_size,
        warmup_steps=min(100, steps),
        decay_steps=steps // 4,
        ema_decay=0.995,
        prediction_type="v_prediction",
        save_every=100,
    )
    noise = {"name": "cosine", "num_train_timesteps": 1000}
    plan = TrainingPlan.for_data(data, config, noise, channels)
    changed = dataclasses.replace(plan.unet, **TRIALS[name][0])
    return dataclasses.replace(plan, unet=changed)


def run(
    plan: TrainingPlan,
    data: ImageDataset,
    test: ImageDataset,
    judge: Judge | AttributeJudge,
    target: Tensor,
    num: int,
    out: Path,
) -> dict[str, Any]:
    """Train a trial to its end, then measure the averaged network.

    Args:
        plan: The run.
        data: The pictures that it learns.
        test: Others, for the errors.
        judge: In whose features the distance is taken.
        target: The features of test pictures, (N, F).
        num: Samples.
        out: Folder of the run's state.
    """
    schedule = plan.schedule()
    unet, seconds = UNet(plan.unet), []
    for step in train_resumably(plan.train, plan.unet, schedule, data, out):
        unet = step.network
        seconds.append(step.seconds)
    config = plan.checkpoint_config(data, plan.train.num_steps)
    network = unet.eval().requires_grad_(False).cpu()
    checkpoint = Checkpoint(network, schedule, config, out.name, "")
    images, _, _, _ = draw_samples(checkpoint, num, Setting("ddim", 25))
    seconds.sort()
    return {
        "unet": _plain(plan.unet),
        "train": dataclasses.asdict(plan.train),
        "num": num,
        "compared": len(target),
        "parameters": sum(p.numel() for p in unet.parameters()),
        "ms": 1000 * seconds[len(seconds) // 2],
        "errors": errors(checkpoint, *test.batch(torch.arange(min(num, len(test)))), LOG_SNRS),
        "frechet": frechet_distance(judged(judge, images)[0], target),
    }


def _plain(config: UNetConfig) -> dict[str, Any]:
    """A network's shape as JSON gives it back."""
    return dict(json.loads(config.to_json()))


def table(found: dict[str, dict[str, Any]]) -> str:
    """What was found as Markdown."""
    levels = " | ".join(f"error at log-SNR {level:g}" for level in LOG_SNRS)
    lines = [
        f"| trial | what differs | parameters | ms a step | {levels} | Frechet distance |",
        "|---|---|---:|---:|" + "---:|" * (len(LOG_SNRS) + 1),
    ]
    for name, row in found.items():
        numbers = " | ".join(f"{error:.4f}" for error in row["errors"])
        lines.append(
            f"| {name} | {TRIALS[name][1]} | {row['parameters']:,} | {row['ms']:.0f} | {numbers} | "
            f"{row['frechet']:.2f} |"
        )
    return "\n".join(lines)


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Of {', '.join(TRIALS)}; none is all.")
    ] = None,
    dataset: Annotated[str, typer.Option(help="Pictures to train on.")] = "fashion-mnist",
    test: Annotated[str, typer.Option(help="The set whose test pictures are the measure.")] = (
        "fashion-mnist"
    ),
    judge: Annotated[Path, typer.Option(help="Folder of the judge.")] = Path("pretrained/judge"),
    steps: Annotated[int, typer.Option(help="Optimiser steps of each trial.")] = 2000,
    batch_size: Annotated[int, typer.Option(help="Pictures in a step.")] = 64,
    channels: Annotated[str, typer.Option(help="Feature channels of both levels.")] = "64,128",
    num: Annotated[int, typer.Option(help="Samples of each trial.")] = 1000,
    num_test: Annotated[
        int, typer.Option(help="Test pictures that samples are compared with.")
    ] = 10_000,
    out: Annotated[Path, typer.Option(help="Folder of the runs and of what was found.")] = Path(
        "runs/unet-trials"
    ),
) -> None:
    """Run the trials that are missing, one after the other; print all that were asked for."""
    if unknown := [name for name in names or () if name not in TRIALS]:
        raise SystemExit(f"There is no trial {unknown[0]!r}; choose from: {', '.join(TRIALS)}.")
    data, tested = load_dataset(dataset), load_dataset(test, split="test")
    known_judge, file = load_judge(judge), out / KEPT
    chosen = torch.randperm(len(tested), generator=seeded("test images"))[:num_test]
    target = torch.cat([judged(known_judge, tested.batch(p)[0])[0] for p in chosen.split(2000)])
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    widths = tuple(int(width) for width in channels.split(","))
    found: dict[str, dict[str, Any]] = {}
    for name in names or TRIALS:
        plan = plan_of(name, data, steps, batch_size, widths)
        wanted = {"unet": _plain(plan.unet), "train": dataclasses.asdict(plan.train), "num": num}
        wanted["compared"] = len(target)
        row = kept.get(name, {})
        if any(row.get(key) != value for key, value in wanted.items()):
            row = run(plan, data, tested, known_judge, target, num, out / name)
        found[name] = kept[name] = row
        write_text(file, json.dumps(kept, indent=2) + "\n")
    typer.echo(table(found))


if __name__ == "__main__":
    typer.run(main)
