"""Short trials of what the avatars could be trained with: the same minutes for each choice.

Run from the top of the repository, for all trials or those named:

    python -m pretrained.recipes.avatars_trials base patch2 --minutes 4 --out runs/trials

For each are printed images a second; the error of x0_hat on held-out avatars at the same noise
levels (log-SNR), which can be compared whatever is predicted and however t is spread; Frechet
distance and attribute accuracy of samples for held-out combinations, if there is a judge. What was
found is kept as OUT/results.json with a sheet of samples beside it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.data import ImageDataset, grid, load_dataset, to_uint8
from diffusion_core.denoiser import ModelDenoiser
from diffusion_core.evaluation import (
    AttributeJudge,
    Judge,
    Setting,
    conditions_of,
    draw_samples,
    frechet_distance,
    judged,
    load_judge,
    rights,
)
from diffusion_core.process import q_sample
from diffusion_core.schedule import NoiseSchedule, make_schedule
from diffusion_core.seeding import seeded
from diffusion_core.training import TrainConfig
from diffusion_core.training_runs import TrainingPlan, train_resumably
from diffusion_core.unet import UNet

LOG_SNRS = (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0)
JUDGE = Path(__file__).parents[1] / "judge-avatars"


@dataclass(frozen=True)
class Trial:
    """One choice; the defaults are those that avatars.sh begins with."""

    patch_size: int = 4
    channels: tuple[int, ...] = (64, 128)
    blocks: int = 2
    prediction: str = "sample"
    schedule: str = "cosine"
    weighting: str = "clamped_snr"
    learning_rate: float = 1e-3
    batch_size: int = 32
    attention_up: tuple[bool, ...] | None = None
    precision: str = "auto"


BASE = Trial()
TRIALS = {
    "base": BASE,
    "min-snr": replace(BASE, weighting="min_snr"),
    "even": replace(BASE, weighting="none"),
    "v": replace(BASE, prediction="v_prediction", weighting="none"),
    "v-patch2": replace(
        BASE, patch_size=2, channels=(32, 64, 128), prediction="v_prediction", weighting="none"
    ),
    "epsilon": replace(BASE, prediction="epsilon", weighting="none"),
    "patch2": replace(BASE, patch_size=2, channels=(32, 64, 128)),
    "wide": replace(BASE, channels=(96, 96)),
    "three": replace(BASE, channels=(64, 96, 128)),
    "sigmoid": replace(BASE, schedule="sigmoid"),
    "fast": replace(BASE, learning_rate=2e-3),
    "batch16": replace(BASE, batch_size=16),
    "batch64": replace(BASE, batch_size=64),
    "attend": replace(BASE, attention_up=(True, True)),
    "fp32": replace(BASE, precision="fp32"),
}


def plan_of(trial: Trial, data: ImageDataset, save_every: int = 10**6) -> TrainingPlan:
    """The run that a trial begins; it is broken off by the clock."""
    config = TrainConfig(
        num_steps=10**6,
        batch_size=trial.batch_size,
        learning_rate=trial.learning_rate,
        warmup_steps=100,
        decay_steps=0,
        ema_decay=0.997,
        prediction_type=trial.prediction,
        loss_weighting=trial.weighting,
        precision=trial.precision,
        save_every=save_every,
    )
    noise = {"name": trial.schedule, "num_train_timesteps": 1000}
    return TrainingPlan.for_data(
        data,
        config,
        noise,
        trial.channels,
        blocks=trial.blocks,
        patch_size=trial.patch_size,
        attention_up=trial.attention_up,
    )


@torch.no_grad()
def errors(
    checkpoint: Checkpoint, x0: Tensor, said: Tensor | None, levels: Sequence[float] = LOG_SNRS
) -> list[float]:
    """Root mean square error of x0_hat at each log-SNR, on pictures with their conditions."""
    denoiser = ModelDenoiser(
        checkpoint.network, checkpoint.schedule, checkpoint.config.prediction_type, said
    )
    found = []
    for level in levels:
        t = torch.full((len(x0),), timestep_of(level, checkpoint.schedule))
        eps = torch.randn(x0.shape, generator=seeded("trial", level))
        x0_hat = denoiser.predict(q_sample(x0, t, eps, checkpoint.schedule), t)[1].clamp(-1, 1)
        found.append(float((x0_hat - x0).square().mean().sqrt()))
    return found


def timestep_of(log_snr: float, schedule: NoiseSchedule) -> int:
    """The timestep whose log-SNR lies nearest."""
    every = schedule.log_snr(torch.arange(len(schedule)))
    return int((every - log_snr).abs().argmin())


def scores(
    checkpoint: Checkpoint,
    judge: Judge | AttributeJudge,
    test: ImageDataset,
    target: Tensor,
    num: int,
    scale: float,
) -> tuple[dict[str, float], Tensor]:
    """Frechet distance and shares shown at a guidance scale; and the samples."""
    images, conditions, _, _ = draw_samples(
        checkpoint,
        num,
        Setting("dpmpp_2m", 20, guidance_scale=scale),
        conditions=conditions_of(test, num),
    )
    assert conditions is not None
    features, seen = judged(judge, images)
    each = rights(seen, conditions)
    names = ["class", *(name for name, _ in test.attribute_names)]
    found = {"frechet": frechet_distance(features, target), "attributes": float(each[1:].mean())}
    return found | dict(zip(names, each.tolist(), strict=True)), images


def run(
    name: str,
    trial: Trial,
    train_set: ImageDataset,
    test: ImageDataset,
    minutes: float,
    num: int,
    out: Path,
) -> dict[str, object]:
    """Train for so many minutes, then measure the averaged network."""
    plan = plan_of(trial, train_set)
    schedule = make_schedule(**plan.noise)
    steps = train_resumably(plan.train, plan.unet, schedule, train_set, out / name, resume=False)
    start, seconds, done, unet = time.perf_counter(), 0.0, 0, UNet(plan.unet)
    for step in steps:
        seconds, done, unet = seconds + step.seconds, step.step, step.network
        if time.perf_counter() - start > 60 * minutes:
            break
    steps.close()
    config = plan.checkpoint_config(train_set, done)
    checkpoint = Checkpoint(unet.eval().requires_grad_(False), schedule, config, name, "")
    first = torch.arange(256)
    held_out = test.batch(first)[0], test.conditions(first)
    found: dict[str, object] = {
        "trial": name,
        "choice": asdict(trial),
        "parameters": sum(p.numel() for p in unet.parameters()),
        "steps": done,
        "images/s": done * trial.batch_size / seconds,
        "error": dict(zip(map(str, LOG_SNRS), errors(checkpoint, *held_out), strict=True)),
    }
    if not (JUDGE / "model.safetensors").exists():
        return found | {"judge": "none yet; make it with pretrained/recipes/avatars_judge.py"}
    judge = load_judge(JUDGE)
    parts = torch.arange(len(test)).split(2000)
    target = torch.cat([judged(judge, test.batch(part)[0])[0] for part in parts])
    for scale in (1.0, 2.0):
        found[f"guidance {scale:g}"], images = scores(checkpoint, judge, test, target, num, scale)
        sheet = Image.fromarray(grid(to_uint8(images[:64])))
        sheet.save(out / f"{name}-{scale:g}.png")
    return found


def main() -> None:
    """Run the trials, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(TRIALS)}; none is all")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--num", type=int, default=500, help="samples at each guidance scale")
    parser.add_argument("--out", type=Path, default=Path("runs/trials"))
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in TRIALS]:
        raise SystemExit(f"There is no trial {unknown[0]!r}; choose from: {', '.join(TRIALS)}.")
    args.out.mkdir(parents=True, exist_ok=True)
    train_set, test = load_dataset("avatars"), load_dataset("avatars", split="test")
    file = args.out / "results.json"
    results = json.loads(file.read_text()) if file.exists() else {}
    for name in args.names or TRIALS:
        found = run(name, TRIALS[name], train_set, test, args.minutes, args.num, args.out)
        print(json.dumps(found), flush=True)
        results[name] = found
        file.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
