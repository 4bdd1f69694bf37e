"""One step of each sampler: what the denoiser says at (x_t, t), and where that leads."""

from __future__ import annotations

import torch
from torch import Tensor

from .process import Denoiser, posterior_mean, predict_eps, predict_x0
from .schedule import NoiseSchedule

HEUN_LARGEST_RATIO = 20.0


def estimate(
    denoiser: Denoiser, x_t: Tensor, t: int, schedule: NoiseSchedule, clip_x0: bool
) -> tuple[Tensor, Tensor]:
    """(eps_hat, x0_hat) at (x_t, t), consistent with each other after clipping."""
    steps = torch.full((x_t.shape[0],), t, dtype=torch.int64, device=x_t.device)
    predict = getattr(denoiser, "predict", None)
    if predict is not None:
        eps_hat, x0_hat = predict(x_t, steps)
    else:
        eps_hat = denoiser(x_t, steps)
        x0_hat = predict_x0(x_t, steps, eps_hat, schedule)
    if clip_x0:
        x0_hat = x0_hat.clamp(-1, 1)
        eps_hat = predict_eps(x_t, steps, x0_hat, schedule)
    return eps_hat, x0_hat


def gaussian_step(
    x_t: Tensor, eps_hat: Tensor, x0_hat: Tensor, t: int, t_prev: int, schedule: NoiseSchedule,
    eta: float, ancestral: bool, variance: str, noise: Tensor | None,
) -> Tensor:  # fmt: skip
    """One update for ddim and ddpm: move to t_prev's mean, add noise.

    ddim: sqrt(ᾱ') x0_hat + sqrt(1 - ᾱ' - σ²) eps_hat + σ z,   σ² = eta² · posterior variance
    ddpm: the posterior's mean, + σ z with σ² the posterior variance, or β = 1 - ᾱ / ᾱ'
    """
    a_t, a_prev = schedule.alpha_bar(t), schedule.alpha_bar(t_prev)
    sigma2 = schedule.posterior_variance(t, t_prev)
    if ancestral:
        mean = posterior_mean(x_t, t, t_prev, x0_hat, schedule)
        if variance == "beta" and t_prev >= 0:
            sigma2 = 1 - a_t / a_prev
    else:
        sigma2 = eta**2 * sigma2
        along = (1 - a_prev - sigma2).clamp_min(0).sqrt()
        mean = float(a_prev.sqrt()) * x0_hat + float(along) * eps_hat
    return mean if noise is None else mean + float(sigma2.sqrt()) * noise


def heun_step(
    denoiser: Denoiser, x_t: Tensor, eps_hat: Tensor, t: int, t_prev: int,
    schedule: NoiseSchedule, clip_x0: bool,
) -> Tensor:  # fmt: skip
    """Karras et al. 2022, algorithm 1, in x̄ = x / sqrt(ᾱ), where dx̄/dσ = eps.

    Between two timesteps only: the step to σ = 0 is Euler's, and so is one from a σ that is out of
    all proportion to where it ends (see `heun_applies`).
    """
    a_t, a_prev = schedule.alpha_bar(t), schedule.alpha_bar(t_prev)
    step = float(((1 - a_prev) / a_prev).sqrt() - ((1 - a_t) / a_t).sqrt())
    scaled = x_t / float(a_t.sqrt())
    trial = (scaled + step * eps_hat) * float(a_prev.sqrt())
    eps_there, _ = estimate(denoiser, trial, t_prev, schedule, clip_x0)
    return (scaled + step * (eps_hat + eps_there) / 2) * float(a_prev.sqrt())


def heun_applies(t: int, t_prev: int, schedule: NoiseSchedule) -> bool:
    """Whether the trapezoid in σ holds from t to t_prev.

    It averages the slopes at both ends with equal weight. Where σ falls more than twentyfold while
    noise still prevails (the first step of a cosine schedule, from σ = 20,000), the far slope's
    error, magnified by σ, would swamp the picture; Euler's step, which only uses the near x0_hat,
    is then the accurate one.
    """
    if t_prev < 0 or schedule.alpha_bar(t) == 0:
        return False
    sigma, after = ((1 - a).sqrt() / a.sqrt() for a in map(schedule.alpha_bar, (t, t_prev)))
    return not (sigma > 1 and sigma > HEUN_LARGEST_RATIO * after)


def dpmpp_2m_step(
    x_t: Tensor, x0_hat: Tensor, before: tuple[int, Tensor] | None, t: int, t_prev: int,
    schedule: NoiseSchedule,
) -> Tensor:  # fmt: skip
    """Lu et al. 2022 (DPM-Solver++), algorithm 2: a line through the last two x0_hat.

    x' = (σ' / σ) x - α' (e^(-h) - 1) D, D = (1 + 1/2r) x0_hat - (1/2r) x0_hat_before, with
    h the step in λ = log-SNR / 2 and r the last step over this one. First order at the start and
    at the end, where h is infinite.
    """
    a_t, a_prev = schedule.alpha_bar(t), schedule.alpha_bar(t_prev)
    direction = x0_hat
    if before is not None and t_prev >= 0:
        t_before, x0_before = before
        h = schedule.log_snr(t_prev) - schedule.log_snr(t)
        last = schedule.log_snr(t) - schedule.log_snr(t_before)
        # 1 / 2r; 0 after a start from σ = ∞, and where ᾱ is held and λ stands still
        half = float(h / last) / 2 if last > 0 else 0.0
        direction = (1 + half) * x0_hat - half * x0_before
    ratio = ((1 - a_prev) / (1 - a_t)).sqrt()
    # α' (1 - e^(-h)) = α' - (σ' / σ) α, which needs no logarithm of a zero ᾱ
    return float(ratio) * x_t + float(a_prev.sqrt() - ratio * a_t.sqrt()) * direction
