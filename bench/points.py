"""Seconds until a network has learnt a set of points well enough to be recognised.

Samples of the network in training are compared with held-out points by the energy distance, against
the mean energy distance of the data to themselves. A set counts as recognisable from `BOUND` times
that on. What the comparisons take is no part of the seconds.
"""

from __future__ import annotations

import json
import time

import torch

from diffusion_core.denoiser import ModelDenoiser
from diffusion_core.points import energy_distance, energy_scale, learn_points, point_set
from diffusion_core.points import point_training as settings
from diffusion_core.samplers import sample
from diffusion_core.schedule import FlowSchedule, Schedule, make_schedule

__all__ = ["bench_points"]

BOUND = 4.0
PATHS: dict[str, tuple[Schedule, str]] = {
    "flow": (FlowSchedule(), "velocity"),
    "cosine": (make_schedule("cosine"), "v_prediction"),
}


def bench_points(names: list[str], seconds: float, points: int) -> None:
    """Print one line for each set and path.

    Args:
        names: Names of sets.
        seconds: Training seconds after which a set is given up.
        points: Points to learn from, and as many held out, and samples.

    Raises:
        ValueError: if there is no such set.
    """
    for name in names:
        for path, (schedule, prediction_type) in PATHS.items():
            print(json.dumps(learnt(name, path, schedule, prediction_type, seconds, points)))


def learnt(
    name: str, path: str, schedule: Schedule, prediction_type: str, seconds: float, points: int
) -> dict[str, object]:
    """Train on a set until it is recognisable or the seconds are over."""
    generator = torch.Generator().manual_seed(0)
    drawn = point_set(name)
    data, held_out = drawn.draw(points, generator), drawn.draw(points, generator)
    noise = torch.randn(points, 2, generator=generator)
    scale = energy_scale(torch.cat([data, held_out]))
    spent, looked, reached, ratio, done = 0.0, 0.0, None, float("inf"), 0
    last = time.perf_counter()
    for step in learn_points(data, schedule, settings(prediction_type, steps=100_000)):
        spent, done = spent + time.perf_counter() - last, step.step
        if spent - looked >= seconds / 30 or spent >= seconds:
            looked = spent
            denoiser = ModelDenoiser(step.network, schedule, prediction_type)
            walk = sample(denoiser, noise, num_steps=25, clip_x0=False)
            ratio = energy_distance(list(walk)[-1].x_prev, held_out) / scale
            if reached is None and ratio <= BOUND:
                reached = round(spent, 1)
        if spent >= seconds:
            break
        last = time.perf_counter()
    return {
        "what": f"points, {name} by {path}: samples / data, energy distance to held-out points",
        "ratio": round(ratio, 2),
        f"seconds to {BOUND:g}": reached,
        "steps": done,
        "steps a second": round(done / spent),
    }
