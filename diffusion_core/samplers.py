"""Walks from noise to image. A sampler is a generator: every step is yielded with all it computed.

All samplers share one loop: ask the denoiser at (x_t, t) for eps_hat and x0_hat, clip x0_hat and
derive eps_hat again from it, then step to the next timestep of the walk (never to t - T // N),
and in the end to ᾱ = 1, where no noise is added.

    ddpm       ancestral sampling                               (Ho et al. 2020, algorithm 2)
    ddim       deterministic at eta 0, ancestral at eta 1       (Song et al. 2021, eq. 12)
    heun       second order in sigma, two evaluations a step    (Karras et al. 2022, algorithm 1)
    dpmpp_2m   second order in log-SNR, keeps the last x0_hat   (Lu et al. 2022, algorithm 2)

With eta 0, ddim is Euler's method in sigma = sqrt((1 - ᾱ) / ᾱ), so it has no second name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from .process import Denoiser
from .schedule import NoiseSchedule
from .steps import THRESHOLDS, estimate, euler_weights, step_weights, weighed

SAMPLERS = ("ddpm", "ddim", "heun", "dpmpp_2m")
VARIANCES = ("posterior", "beta")
Generators = torch.Generator | Sequence[torch.Generator]


@dataclass(frozen=True, eq=False)
class SamplerStep:
    """One step of a walk, from t to t_prev.

    Attributes:
        index: 0 for the first step.
        t, t_prev: Timesteps; t_prev is -1 at the last step.
        x_t: Where the step began, (B, C, H, W).
        eps_hat, x0_hat: What the denoiser said there, after clipping; heun's are of its first
            evaluation.
        noise: Standard normal noise that was injected, or None.
        x_prev: Where the step ended.
        nfe: Network evaluations so far, this step's included.
        weights: x_prev as a sum: how much of what; see `steps.step_weights`.
    """

    index: int
    t: int
    t_prev: int
    x_t: Tensor
    eps_hat: Tensor
    x0_hat: Tensor
    noise: Tensor | None
    x_prev: Tensor
    nfe: int
    weights: dict[str, float] = field(default_factory=dict)


def draw_noise(
    shape: Sequence[int], generator: Generators, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Standard normal noise (B, ...), drawn on the CPU.

    With one generator an image, the noise of image i is the same whatever the batch.

    Raises:
        ValueError: if there are several generators, but not one an image.
    """
    if isinstance(generator, torch.Generator):
        return torch.randn(tuple(shape), generator=generator, dtype=dtype)
    if len(generator) != shape[0]:
        raise ValueError(f"There are {len(generator)} generators for {shape[0]} images.")
    return torch.stack([torch.randn(tuple(shape[1:]), generator=g, dtype=dtype) for g in generator])


def noise_like(x: Tensor, generator: Generators) -> Tensor:
    """Standard normal noise for x, (B, ...), drawn by `draw_noise` and taken to x's device."""
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    return draw_noise(x.shape, generator, dtype).to(x.device, x.dtype)


def check_chance(sampler: str, eta: float, variance: str) -> None:
    """Refuse an eta or a variance that the sampler does not take, in one sentence.

    Raises:
        ValueError: with it.
    """
    if variance not in VARIANCES:
        raise ValueError(f"There is no variance {variance!r}; choose {' or '.join(VARIANCES)}.")
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must lie between 0 and 1, got {eta}.")
    if sampler == "ddpm" and eta not in (0, 1):
        raise ValueError(f"eta belongs to ddim; ddpm always adds all its noise, got {eta}.")
    if eta and sampler in ("heun", "dpmpp_2m"):
        raise ValueError(f"eta belongs to ddim; {sampler} adds no noise, so leave eta at 0.")


def check_threshold(threshold: str) -> None:
    """Refuse a way to clip that there is not.

    Raises:
        ValueError: with a sentence.
    """
    if threshold not in THRESHOLDS:
        raise ValueError(f"There is no threshold {threshold!r}; choose {' or '.join(THRESHOLDS)}.")


def _check(
    x_start: Tensor, denoiser: Denoiser, schedule: NoiseSchedule, first: int, sampler: str
) -> None:
    if sampler not in SAMPLERS:
        raise ValueError(f"There is no sampler {sampler!r}; choose one of {', '.join(SAMPLERS)}.")
    if x_start.ndim != 4 or not x_start.is_floating_point():
        raise ValueError(f"x_start must be float (B, C, H, W), got {tuple(x_start.shape)}.")
    if schedule.alpha_bar(first) == 0 and not hasattr(denoiser, "predict"):
        raise ValueError(
            "This schedule ends in pure noise (zero terminal SNR), where predicted noise says "
            "nothing of the image; use a model that predicts v or x0."
        )


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    x_start: Tensor,
    schedule: NoiseSchedule,
    *,
    sampler: str = "ddim",
    num_steps: int = 50,
    eta: float = 0.0,
    spacing: str = "trailing",
    t_start: int | None = None,
    timesteps: Sequence[int] | None = None,
    before: tuple[int, Tensor] | None = None,
    clip_x0: float = True,
    threshold: str = "static",
    variance: str = "posterior",
    generator: Generators | None = None,
) -> Iterator[SamplerStep]:
    """Walk from noise to images and yield every step.

    Args:
        denoiser: (x_t, t) -> eps_hat; its `.predict(x_t, t) -> (eps_hat, x0_hat)` is preferred.
        x_start: Where to begin, (B, C, H, W): standard normal noise, or a picture noised to
            t_start.
        schedule: Of the model.
        sampler: One of `SAMPLERS`.
        num_steps: Steps of the walk, from 1 to T.
        eta: DDIM's stochasticity, from 0 to 1; 1 is ancestral.
        spacing: How the timesteps are spread; see `spaced_timesteps`.
        t_start: Timestep of x_start; None begins at the spacing's own first.
        timesteps: To visit, descending, instead of num_steps, spacing and t_start.
        before: Timestep and x0_hat of the step before x_start, where a walk goes on that was
            begun before; dpmpp_2m draws its line through it.
        clip_x0: Clip x0_hat to [-clip_x0, clip_x0]: True is 1, for data in [-1, 1]; False does not.
        threshold: How it is clipped: "static", or "dynamic", by each image's own range; see
            `steps.dynamic_threshold`.
        variance: Of ddpm's noise: "posterior" or "beta".
        generator: One for the batch or one an image, on the CPU; needed where noise is injected.

    Raises:
        ValueError: when the first step is asked for, if an argument is out of range.
    """
    if timesteps is None:
        timesteps = schedule.timesteps(num_steps, spacing, t_start)
    if not timesteps or any(a <= b for a, b in pairwise([*timesteps, -1])):
        raise ValueError("Timesteps must descend, and end at 0 or above.")
    _check(x_start, denoiser, schedule, timesteps[0], sampler)
    check_chance(sampler, eta, variance)
    check_threshold(threshold)
    random = sampler == "ddpm" or eta > 0
    if random and generator is None:
        raise ValueError(f"{sampler} with eta {eta} injects noise and needs a generator.")
    x_t, nfe = x_start, 0
    for index, (t, t_prev) in enumerate(pairwise([*timesteps, -1])):
        eps_hat, x0_hat = estimate(denoiser, x_t, t, schedule, clip_x0, threshold)
        nfe += 1
        t_before, x0_before = before or (None, x0_hat)
        weights = step_weights(
            sampler, t, t_prev, schedule, eta=eta, variance=variance, t_before=t_before
        )
        pictures = {"x_t": x_t, "x0_hat": x0_hat, "eps_hat": eps_hat, "x0_before": x0_before}
        noise = None
        if random and t_prev >= 0:
            assert generator is not None
            noise = pictures["noise"] = noise_like(x_t, generator)
        if "eps_there" in weights:
            trial = weighed(euler_weights(t, t_prev, schedule), pictures)
            there = estimate(denoiser, trial, t_prev, schedule, clip_x0, threshold)
            pictures["eps_there"] = there[0]
            nfe += 1
        x_prev = weighed(weights, pictures)
        yield SamplerStep(index, t, t_prev, x_t, eps_hat, x0_hat, noise, x_prev, nfe, weights)
        x_t, before = x_prev, (t, x0_hat)
