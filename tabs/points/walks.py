"""Walks of points that keep every step, and what is measured of them."""

from __future__ import annotations

import torch
from torch import Tensor

from diffusion_core.denoiser import ScheduledDenoiser
from diffusion_core.inversion import invert
from diffusion_core.points import energy_distance
from diffusion_core.samplers import SamplerStep, sample, sampler_named
from diffusion_core.seeding import seeded

from ..shared.wire import PackedPoints, PointsLane, packed_points
from .subject import Subject


def lane(
    subject: Subject,
    denoiser: ScheduledDenoiser,
    noise: Tensor,
    sampler: str,
    steps: int,
    seed: int,
) -> PointsLane:
    """A walk from noise to data.

    Args:
        subject: The points, with which the walk's end is compared.
        denoiser: What predicts.
        noise: Where it begins, float32 (B, 2).
        sampler: A name of the registry.
        steps: Steps.
        seed: Of the noise that is added on the way.
    """
    generator = seeded("points", "fresh noise", seed)
    walk = list(
        sample(
            denoiser,
            noise,
            sampler=sampler,
            num_steps=steps,
            clip_x0=False,
            generator=generator,
        )
    )
    kind = "SDE" if sampler_named(sampler).injects_noise(0.0) else "ODE"
    end = walk[-1].x_prev
    return {
        **_frames(denoiser, [], walk),
        "name": sampler,
        "kind": kind,
        "near": nearness(subject, end),
        "turned": turned_over(noise, end),
    }


def return_lane(
    subject: Subject, denoiser: ScheduledDenoiser, particles: int, steps: int, seed: int
) -> PointsLane:
    """From data to noise by DDIM's inversion, and back by DDIM (Song et al. 2021, section 4.3).

    Args:
        subject: The points.
        denoiser: What predicts.
        particles: How many of the points go.
        steps: Steps of each way.
        seed: Of the choice of the points.
    """
    which = torch.randint(
        len(subject.points), (particles,), generator=seeded("points", "return", seed)
    )
    x0 = subject.points[which]
    up = [
        (step.t, step.x_t, step.x0_hat, step.eps_hat, step.t_next, step.x_next)
        for step in invert(denoiser, x0, num_steps=steps)
    ]
    walk = list(sample(denoiser, up[-1][5], num_steps=steps, clip_x0=False))
    end = walk[-1].x_prev
    return {
        **_frames(denoiser, up, walk),
        "name": "ddim",
        "kind": "return",
        "near": nearness(subject, end),
        "turned": turned_over(x0, end),
        "error": round(float((end - x0).norm(dim=1).mean()), 5),
        "nfe": len(up) + walk[-1].nfe,
    }


def _frames(
    denoiser: ScheduledDenoiser,
    up: list[tuple[int, Tensor, Tensor, Tensor, int, Tensor]],
    walk: list[SamplerStep],
) -> PointsLane:
    """All steps: those up to noise, then those of the walk."""
    schedule = denoiser.schedule
    times = torch.tensor([*(t for t, *_ in up), *(step.t for step in walk), -1])
    weights = [
        {"x0_hat": float(schedule.alpha(t_next)), "eps_hat": float(schedule.sigma(t_next))}
        for *_, t_next, _ in up
    ] + [step.weights for step in walk]
    noises = [step.noise for step in walk]
    message: PointsLane = {
        "name": "",
        "kind": "",
        "t": times.tolist(),
        "alphas": _short(schedule.alpha(times)),
        "sigmas": _short(schedule.sigma(times)),
        "weights": [{n: float(f"{w:.6g}") for n, w in each.items()} for each in weights],
        "x": stacked([*(x for _, x, *_ in up), *(step.x_t for step in walk), walk[-1].x_prev]),
        "x0_hat": stacked([*(x for _, _, x, *_ in up), *(step.x0_hat for step in walk)]),
        "eps_hat": stacked([*(e for _, _, _, e, *_ in up), *(step.eps_hat for step in walk)]),
        "nfe": walk[-1].nfe,
        "near": 0.0,
        "turned": 0.0,
    }
    if any(noise is not None for noise in noises):
        none = torch.zeros_like(walk[0].x_t)
        message["noise"] = stacked([none if noise is None else noise for noise in noises])
    return message


def stacked(parts: list[Tensor]) -> PackedPoints:
    """Points of several frames, each (B, 2), as one message (K, B, 2)."""
    return packed_points(torch.stack(parts).numpy())


def _short(values: Tensor) -> list[float]:
    return [float(f"{value:.6g}") for value in values.tolist()]


def nearness(subject: Subject, samples: Tensor) -> float:
    """Energy distance of samples and held-out points over that of data and data, at least 0."""
    ratio = energy_distance(samples, subject.held_out) / subject.scale
    return float(f"{max(ratio, 0.0):.3g}")


def turned_over(start: Tensor, end: Tensor) -> float:
    """Share of the triples of neighbours that a walk turns over.

    The paths of an ordinary differential equation cannot cross at one time, so that its flow keeps
    the sense of a small triangle; noise of their own turns half of the triangles over.

    Args:
        start: Where points began, float (B, 2), B ≥ 3; each makes a triangle with its two nearest.
        end: Where they ended.

    Returns:
        The share, from 0 to 1.
    """
    near = torch.cdist(start, start).topk(3, largest=False).indices  # itself and two others
    return round(float((_area(start[near]) * _area(end[near]) < 0).double().mean()), 4)


def _area(triangles: Tensor) -> Tensor:
    """Twice the signed areas of triangles (B, 3, 2)."""
    a, b = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def times_longer(frames: Tensor) -> float:
    """Length of all paths together over that of the straight lines between their ends.

    (The mean of single ratios would be that of the few points that end where they began.)

    Args:
        frames: All frames of a walk, (K + 1, B, 2).
    """
    lengths = frames.diff(dim=0).norm(dim=2).sum()
    straight = (frames[-1] - frames[0]).norm(dim=1).sum().clamp_min(1e-6)
    return round(float(lengths / straight), 4)
