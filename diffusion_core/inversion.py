"""From a picture up to the noise that DDIM would have made it from.

With eta 0 a walk is an ordinary differential equation solved by Euler's method, and that can be
followed the other way (Song et al. 2021, section 4.3; Dhariwal and Nichol 2021, appendix F):

    x_next = alpha_next x0_hat + sigma_next eps_hat

The step down from x_next uses the denoiser's prediction at (x_next, t_next), the step up has only
its prediction at (x_t, t), so that there and back again misses by an amount that falls with the
number of steps. `refine` removes it: x_next is moved until the step down from it lands on x_t.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from .denoiser import ScheduledDenoiser, as_denoiser, check_terminal_snr, estimate
from .process import Denoiser, q_sample
from .samplers import take_step
from .schedule import Schedule


@dataclass(frozen=True, eq=False)
class InversionStep:
    """One step up, from t to the noisier t_next.

    Attributes:
        index: 0 for the first step.
        t, t_next: Timesteps; t is -1 at the first step.
        x_t: Data at which the step began, (B, ...).
        eps_hat: What the denoiser predicted there; at t = -1 as if at the walk's lowest timestep.
        x0_hat: Its predicted clean data; at t = -1 x_t itself, since there alpha is 1.
        x_next: Data at which the step ended, after refinement.
        nfe: Network evaluations so far, this step's included.
    """

    index: int
    t: int
    t_next: int
    x_t: Tensor
    eps_hat: Tensor
    x0_hat: Tensor
    x_next: Tensor
    nfe: int


@torch.no_grad()
def invert(
    denoiser: Denoiser,
    x0: Tensor,
    schedule: Schedule | None = None,
    *,
    num_steps: int = 50,
    spacing: str = "trailing",
    t_end: int | None = None,
    clip_x0: float = False,
    refine: int = 0,
) -> Iterator[InversionStep]:
    """Walk from images up to noise and yield every step.

    The way back is `sample` with sampler "ddim", eta 0, the same num_steps, spacing and clip_x0,
    and t_start = t_end. With `refine`, each x_next is improved by

        x_next <- x_next + x_t - ddim(x_next, t_next -> t),

    whose fixed point is the exact inverse. (Pan et al. 2023, AIDI, solve the same equation with
    the difference scaled by alpha_next / alpha_t, which hardly moves where alpha_next is near 0.)
    It converges where x0_hat can be trusted at t_next; predicted eps alone does not fix x0 where
    alpha_next is near 0, as at the end of a cosine schedule, so there use a smaller t_end.

    Args:
        denoiser: (x_t, t) -> eps_hat; its `.predict(x_t, t) -> (eps_hat, x0_hat)` is preferred.
        x0: Clean data, float (B, ...).
        schedule: The model's schedule; None takes the denoiser's own.
        num_steps: Steps of the walk, from 1 to T.
        spacing: How the timesteps are spread; see `spaced_timesteps`.
        t_end: Timestep of the last x_next; None ends where the spacing's own walk begins.
        clip_x0: Clip x0_hat to [-clip_x0, clip_x0]; what clipping removes, the way back lacks.
        refine: Number of improvements of each step, one network evaluation each: with the first,
            1 + refine a step.

    Raises:
        ValueError: when the first step is requested, if an argument is out of range.
    """
    known = as_denoiser(denoiser, schedule)
    timesteps = _timesteps(known.schedule, num_steps, spacing, t_end)
    _check(known, x0, timesteps[-1], refine)
    x_t, nfe = x0, 0
    for index, (t, t_next) in enumerate(pairwise([-1, *timesteps])):
        eps_hat, x0_hat = estimate(known, x_t, max(t, timesteps[0]), clip_x0)
        if t < 0:
            x0_hat = x_t
        x_next = q_sample(x0_hat, t_next, eps_hat, known.schedule)
        for _ in range(int(refine)):
            down = take_step(known, "ddim", x_next, t_next, t, clip_x0=clip_x0)
            x_next = x_next + x_t - down.x_prev
        nfe += 1 + int(refine)
        yield InversionStep(index, t, t_next, x_t, eps_hat, x0_hat, x_next, nfe)
        x_t = x_next


def _timesteps(schedule: Schedule, num_steps: int, spacing: str, t_end: int | None) -> list[int]:
    """The walk's timesteps, ascending."""
    T = len(schedule)
    if t_end is not None and (
        isinstance(t_end, bool) or not 0 <= t_end < T or int(t_end) != t_end
    ):  # `timesteps` would name it t_start
        raise ValueError(f"t_end must be a whole number from 0 to {T - 1}, got {t_end}.")
    return schedule.timesteps(num_steps, spacing, t_end)[::-1]


def _check(denoiser: ScheduledDenoiser, x0: Tensor, last: int, refine: int) -> None:
    if x0.ndim < 1 or not x0.is_floating_point():
        raise ValueError(f"x0 must be float (B, ...), got {x0.dtype} {tuple(x0.shape)}.")
    if isinstance(refine, bool) or refine % 1 or refine < 0:  # inf % 1 is nan, which is true
        raise ValueError(f"refine must be a whole number of at least 0, got {refine}.")
    check_terminal_snr(denoiser, last)
