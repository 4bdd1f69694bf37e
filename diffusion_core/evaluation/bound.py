"""Bits per dimension: the variational bound of a model's likelihood, by the variance of its steps.

A walk of ddpm, read backwards, is a code for pictures, whose length is at most

    L = L_T + Σ KL(q(x_prev | x_t, x0) || p(x_prev | x_t)) - log p(x0 | x_t at the last step)

(Ho et al. 2020, eq. 5), here in bits for each number of a picture. The mean of p follows from
x0_hat; its variance is one of `samplers.VARIANCES`, and at the last step, where the posterior's is
0, that of the step before stands for it, as in the authors' code (Nichol and Dhariwal 2021). All
variances are measured by the same evaluations on the same noise, so that they differ by nothing
else. Of a strided walk it is the bound of that shorter chain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ..checkpoint import Checkpoint
from ..denoiser import NO_VARIANCE, estimate, estimate_variance, learns_variance
from ..process import bound_terms, learned_log_variance, prior_term, q_sample, variance_bounds
from ..samplers import VARIANCES
from ..seeding import seeded

_BATCH = 50


@dataclass(frozen=True)
class Bound:
    """The bound of one variance, in bits per dimension: the mean over pictures.

    Attributes:
        variance: One of `VARIANCES`.
        steps: Steps of the chain.
        num: Pictures.
        prior: L_T, which no network changes.
        between: The sum of the terms of all steps but the last.
        data: The term of the last step, -log p(x0 | x_t).
        error: Standard error of their sum, over pictures.
    """

    variance: str
    steps: int
    num: int
    prior: float
    between: float
    data: float
    error: float

    @property
    def bits_per_dimension(self) -> float:
        """The bound: the sum of all terms."""
        return self.prior + self.between + self.data


def variances_of(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The variances that a model's steps can have: those that are fixed, and what it learned."""
    learned = getattr(checkpoint.network.config, "learned_variance", False)
    return tuple(each for each in VARIANCES if learned or each != "learned")


@torch.no_grad()
def variational_bounds(
    checkpoint: Checkpoint,
    images: Tensor,
    labels: Tensor | None = None,
    *,
    num_steps: int | None = None,
    variances: Sequence[str] | None = None,
    spacing: str = "trailing",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Bound]:
    """The bound of each variance on pictures, one evaluation of the network a step and picture.

    Args:
        checkpoint: The model.
        images: Clean pictures of 256 levels in [-1, 1], (N, C, H, W).
        labels: Their conditions, (N,) or (N, 1 + K), where the model shall be told; None tells it
            nothing.
        num_steps: Steps of the chain; None is all T.
        variances: Those to measure; None is all that the model has.
        spacing: How the chain's timesteps are spread; see `spaced_timesteps`.
        seed: Of the noise.
        progress: Called as progress(steps done, steps in all).

    Raises:
        ValueError: if there are no pictures, or a variance is unknown, or not learned.
    """
    if not len(images):
        raise ValueError("There must be at least one picture.")
    wanted = tuple(variances_of(checkpoint) if variances is None else variances)
    if unknown := [each for each in wanted if each not in VARIANCES]:
        raise ValueError(
            f"There is no variance {unknown[0]!r}; choose from {', '.join(VARIANCES)}."
        )
    learned = "learned" in wanted
    if learned and not learns_variance(checkpoint.denoiser()):
        raise ValueError(NO_VARIANCE)
    schedule = checkpoint.schedule
    timesteps = schedule.timesteps(num_steps or len(schedule), spacing)
    steps = [*pairwise([*timesteps, -1])]
    clip = checkpoint.config.clip_x0
    found: dict[str, list[Tensor]] = {each: [] for each in wanted}  # (3, B) a batch
    done, total = 0, len(steps) * -(-len(images) // _BATCH)
    for first in range(0, len(images), _BATCH):
        x0 = images[first : first + _BATCH].to(checkpoint.device)
        y = None if labels is None else labels[first : first + _BATCH]
        denoiser, generator = checkpoint.denoiser(y), seeded(seed, "bound", first)
        prior = prior_term(x0.cpu().double(), timesteps[0], schedule)
        sums = {each: torch.stack([prior, prior * 0, prior * 0]) for each in wanted}
        for index, (t, t_prev) in enumerate(steps):
            eps = torch.randn(x0.shape, generator=generator).to(x0)
            x_t, v = q_sample(x0, t, eps, schedule), None
            if learned:
                _, x0_hat, v = estimate_variance(denoiser, x_t, t, clip)
                v = v.cpu().double()
            else:
                _, x0_hat = estimate(denoiser, x_t, t, clip)
            t_next = timesteps[index - 1] if index else None
            clean, guess = x0.cpu().double(), x0_hat.cpu().double()
            small, large = variance_bounds(t, t_prev, schedule, t_next)
            fixed = {"posterior": small, "beta": large if t_prev >= 0 else small}
            for each in wanted:
                if each == "learned":
                    assert v is not None
                    log_variance = learned_log_variance(v, t, t_prev, schedule, t_next)
                else:
                    log_variance = fixed[each].expand_as(clean)
                term = bound_terms(clean, guess, log_variance, t, t_prev, schedule)
                sums[each][1 if t_prev >= 0 else 2] += term
            done += 1
            if progress is not None:
                progress(done, total)
        for each in wanted:
            found[each].append(sums[each])
    bounds = []
    for each in wanted:
        parts = torch.cat(found[each], dim=1)
        whole, count = parts.sum(0), parts.shape[1]
        error = float(whole.std() / count**0.5) if count > 1 else 0.0
        prior_mean, between, data = parts.mean(1).tolist()
        bounds.append(Bound(each, len(steps), count, prior_mean, between, data, error))
    return bounds


def bounds_table(bounds: Sequence[Bound]) -> str:
    """The bounds as Markdown."""
    lines = [
        "| variance | steps | bits per dimension | prior | steps between | last step | images |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {b.variance} | {b.steps:,} | {b.bits_per_dimension:.3f} ± {b.error:.3f} | "
        f"{b.prior:.4f} | {b.between:.3f} | {b.data:.3f} | {b.num:,} |"
        for b in bounds
    ]
    return "\n".join(lines)
