"""How near the families come to points of a plane in the same seconds of one core.

`TRIALS` are the settings of the GAN that were tried; what they gave stands in docs/bench.md.
"""

from __future__ import annotations

import json
import time

import torch

from diffusion_core.device import torch_threads
from diffusion_core.families import GAN, VAE, Family, GANSettings, NormalizingFlow, count_parameters
from diffusion_core.points import (
    RING_DEVIATION,
    PointNetwork,
    energy_distance,
    energy_scale,
    modes_covered,
    point_set,
)

__all__ = ["TRIALS", "bench_families"]

BOTH = {"r1": 0.1, "r2": 0.1, "relativistic": True}
SLOW = {"rates": (1e-3, 1e-3)}
# By name: samples a step, and what differs from the GAN's settings of before: Adam at 2e-3, betas
# 0 and 0.99, R1 with γ = 0.1, an average of 0.99, 8 latents, no waves in the discriminator.
TRIALS: dict[str, tuple[int, dict[str, object]]] = {
    "as before": (512, {}),
    "3 waves": (512, {"frequencies": 3}),
    "3 waves, γ 0.02": (512, {"frequencies": 3, "r1": 0.02}),
    "3 waves, relativistic, R1 and R2": (512, {"frequencies": 3, **BOTH}),
    "3 waves, γ 0.02, generator 4 times slower": (
        512,
        {"frequencies": 3, "r1": 0.02, "rates": (5e-4, 2e-3)},
    ),
    "batch 128": (128, {}),
    "batch 128, γ 0.02": (128, {"r1": 0.02}),
    "batch 128, 2 latents": (128, {"latent": 2}),
    "batch 128, relativistic, R1 and R2 of γ 0.05": (128, {**BOTH, "r1": 0.05, "r2": 0.05}),
    "batch 128, half the rates, γ 0.05": (128, {**SLOW, "r1": 0.05}),
    "batch 128, 1 wave": (128, {"frequencies": 1}),
    "batch 128, 1 wave, relativistic, R1 and R2": (128, {"frequencies": 1, **BOTH}),
    "batch 128, average 0.998": (128, {"average": 0.998}),
    "batch 128, 1 wave, average 0.998": (128, {"frequencies": 1, "average": 0.998}),
    "batch 256, 1 wave, average 0.998": (256, {"frequencies": 1, "average": 0.998}),
    "the same, γ 1": (256, {"frequencies": 1, "average": 0.998, "r1": 1.0}),
    "the same, relativistic, R1 and R2, half the rates": (
        256,
        {"frequencies": 1, "average": 0.998, **BOTH, **SLOW},
    ),
}


def bench_families(names: list[str], seconds: float, points: int, trials: bool) -> None:
    """Print one line for each set and family, or for each set and trial of the GAN.

    Args:
        names: Names of sets.
        seconds: Of training, of one core.
        points: Points to learn from, and as many held out, and samples.
        trials: Whether the GAN's settings are tried, and not the families compared.

    Raises:
        ValueError: if there is no such set.
    """
    size = count_parameters(PointNetwork())
    for name in names:
        if not trials:
            for family in (GAN, VAE, NormalizingFlow):
                torch.manual_seed(0)
                made = family(size)
                print(json.dumps(_learnt(name, made, made.name, None, seconds, points)), flush=True)
            continue
        before = {"average": 0.99, "frequencies": 0}
        for trial, (batch, changes) in TRIALS.items():
            torch.manual_seed(0)
            settings = GANSettings(**(before | changes))  # type: ignore[arg-type]
            gan = GAN(size, settings=settings)
            print(json.dumps(_learnt(name, gan, trial, batch, seconds, points)), flush=True)


def _learnt(
    name: str, family: Family, title: str, batch: int | None, seconds: float, points: int
) -> dict[str, object]:
    generator = torch.Generator().manual_seed(0)
    drawn = point_set(name)
    data, held_out = drawn.draw(points, generator), drawn.draw(points, generator)
    scale = energy_scale(torch.cat([data, held_out]))
    with torch_threads(1):
        start, done = time.thread_time(), 0
        for step in family.learn(data, 10**9, batch=batch):
            done = step.step
            if time.thread_time() - start >= seconds:
                break
    sets = [family.draw(points, torch.Generator().manual_seed(k)) for k in range(3)]
    ratios = [energy_distance(x, held_out) / scale for x in sets]
    covered = None
    if drawn.modes is not None:
        covered = min(modes_covered(x, drawn.modes, 3 * RING_DEVIATION) for x in sets)
    return {
        "what": f"points, {name} by {title}: samples / data, energy distance to held-out points",
        "ratio": round(sum(ratios) / len(ratios), 2),
        "modes": covered,
        "steps": done,
        "seconds": seconds,
        "parameters": family.num_parameters,
    }
