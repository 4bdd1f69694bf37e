"""Filling what is missing of a picture, with a network that was never trained for it.

RePaint (Lugmayr et al. 2022, algorithm 1, with jumps of one step): the walk is the usual one, but
after every step the known pixels are put back, noised to where the walk has come,

    x_prev = mask · q(x_prev | x0) + (1 - mask) · p(x_prev | x_t).

The two parts do not know of each other, so that the filling may not fit what surrounds it. Noising
x_prev back to t and stepping again lets the network harmonise them; `resample` is how often a step
is taken in all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from .denoiser import as_denoiser
from .process import Denoiser, q_sample
from .samplers import (
    SAMPLERS,
    SamplerStep,
    check_chance,
    check_threshold,
    check_variance,
    sampler_named,
    take_step,
)
from .schedule import Schedule
from .seeding import Generators, noise_like

# Of first order: a step whose x0_hat of before, or second evaluation, did not see the known pixels
# put back would be of another walk.
INPAINTING_SAMPLERS = tuple(sorted(s for s in SAMPLERS if sampler_named(s).order == 1))


@torch.no_grad()
def inpaint(
    denoiser: Denoiser,
    x0: Tensor,
    mask: Tensor,
    x_start: Tensor,
    schedule: Schedule | None = None,
    *,
    sampler: str = "ddim",
    num_steps: int = 50,
    eta: float = 1.0,
    spacing: str = "trailing",
    resample: int = 1,
    clip_x0: float = True,
    threshold: str = "static",
    variance: str = "posterior",
    generator: Generators,
) -> Iterator[SamplerStep]:
    """Walk from noise to images that agree with x0 where the mask is 1, and yield every step.

    Every evaluation of the network is a step of its own: 1 + resample · (steps - 1) in all, since
    the last step, which ends at ᾱ = 1, is taken once. Repeats have the same t and t_prev. In a
    step, x_prev is after mixing, `weights` make up its unknown part, eps_hat and x0_hat are the
    network's for all pixels. Between repeats the walk goes back to t:

        x_t = (alpha_t / alpha_prev) x_prev + s z,   s² the variance of q(x_t | x_prev)

    The generator draws, for all pixels, once in each step but the last (`noise`: the known part
    uses it at the known pixels, the sampler at the others, so that no number is used twice), then
    once more where the walk goes back. So with resample 1 a mask of zeros gives the walk of
    `sample`, to the bit.

    Args:
        denoiser: (x_t, t) -> eps_hat; its `.predict(x_t, t) -> (eps_hat, x0_hat)` is preferred.
        x0: The picture, (B, C, H, W), or data of any shape (B, ...); what it holds where the mask
            is 0 is ignored.
        mask: (1, 1, H, W) or (B, 1, H, W) for images, else (1, ...) or (B, ...): 1 keeps what x0
            has there, 0 has it filled.
        x_start: Standard normal noise to begin with, of the shape of x0.
        schedule: The model's schedule; None takes the denoiser's own.
        sampler: Sampler of the unknown part, one of `INPAINTING_SAMPLERS`.
        num_steps: Steps of the walk, from 1 to T, without repeats.
        eta: DDIM's stochasticity, from 0 to 1; the default 1 is ancestral. ddpm has no other.
        spacing: How the timesteps are spread; see `spaced_timesteps`.
        resample: How often each step but the last is taken; 1 repeats none.
        clip_x0: Clip x0_hat to [-clip_x0, clip_x0]: True is 1, for data in [-1, 1]; False does not.
        threshold: The way to clip it, "static" or "dynamic"; see `denoiser.dynamic_threshold`.
        variance: Variance of ddpm's noise; see `sample`.
        generator: One for the batch or one for each image, on the CPU.

    Raises:
        ValueError: when the first step is requested, if an argument is out of range.
    """
    denoiser = as_denoiser(denoiser, schedule)
    schedule = denoiser.schedule
    timesteps = schedule.timesteps(num_steps, spacing)
    _check(sampler, eta, variance, resample)
    check_variance(denoiser, sampler, variance)
    check_threshold(threshold)
    known = _known(x0, mask, x_start)
    x_t, index = x_start, 0
    for t, t_prev in pairwise([*timesteps, -1]):
        repeats = int(resample) if t_prev >= 0 else 1
        for repeat in range(repeats):
            noise = noise_like(x_t, generator) if t_prev >= 0 else None
            step = take_step(
                denoiser,
                sampler,
                x_t,
                t,
                t_prev,
                eta=eta,
                variance=variance,
                clip_x0=clip_x0,
                threshold=threshold,
                noise=noise,
            )
            x_known = x0 if noise is None else q_sample(x0, t_prev, noise, schedule)
            x_prev = torch.where(known, x_known, step.x_prev)
            index += 1
            yield dataclasses.replace(step, index=index - 1, x_prev=x_prev, nfe=index)
            if repeat + 1 < repeats:
                # Not schedule.betas: a step of the walk is many of the schedule.
                ratio = schedule.alpha(t) / schedule.alpha(t_prev)
                variance_back = schedule.transition_variance(t, t_prev)
                z = noise_like(x_t, generator)
                x_t = float(ratio) * x_prev + float(variance_back.sqrt()) * z
        x_t = x_prev


def _known(x0: Tensor, mask: Tensor, x_start: Tensor) -> Tensor:
    """The mask as booleans, on the images' device."""
    if x_start.ndim < 1 or not x_start.is_floating_point():
        raise ValueError(f"x_start must be float (B, ...), got {tuple(x_start.shape)}.")
    if (x0.shape, x0.dtype, x0.device) != (x_start.shape, x_start.dtype, x_start.device):
        raise ValueError(
            f"x0 and x_start must be of one shape, dtype and device: {tuple(x0.shape)} {x0.dtype} "
            f"{x0.device} and {tuple(x_start.shape)} {x_start.dtype} {x_start.device}."
        )
    B, *rest = x_start.shape
    if x_start.ndim == 4:  # images, of which a pixel is known in all channels or in none
        rest[0] = 1
    if mask.shape not in ((1, *rest), (B, *rest)):
        raise ValueError(f"The mask must be {(1, *rest)} or {(B, *rest)}, got {tuple(mask.shape)}.")
    if not bool(((mask == 0) | (mask == 1)).all()):
        raise ValueError("The mask must hold only 1, to keep a pixel, and 0, to have it filled.")
    return mask.to(x_start.device).bool()


def _check(sampler: str, eta: float, variance: str, resample: int) -> None:
    if sampler not in INPAINTING_SAMPLERS:
        raise ValueError(
            f"Only {' and '.join(INPAINTING_SAMPLERS)} can inpaint, got {sampler!r}: choose one."
        )
    check_chance(sampler, eta, variance)
    if isinstance(resample, bool) or resample % 1 or resample < 1:  # inf % 1 is nan, and true
        raise ValueError(f"resample must be a whole number of at least 1, got {resample}.")
