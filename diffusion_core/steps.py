"""One step of each sampler: what the denoiser says at (x_t, t), and how that is weighed.

Every step is a weighted sum of a few pictures, x_prev = Σ weight · picture. `step_weights` gives
the weights by the pictures' names, so what is shown as a step's equation is what was computed:

    x_t, x0_hat, eps_hat   where the step begins and what the denoiser says there
    noise                  fresh standard normal noise
    x0_before              dpmpp_2m: the denoiser's x0_hat of the step before
    eps_there              heun: what it says at the end of a trial step
"""

from __future__ import annotations

import torch
from torch import Tensor

from .process import Denoiser, posterior_weights, predict_eps, predict_x0
from .schedule import NoiseSchedule

HEUN_LARGEST_RATIO = 20.0
THRESHOLDS = ("static", "dynamic")
PERCENTILE = 0.995


def estimate(
    denoiser: Denoiser,
    x_t: Tensor,
    t: int,
    schedule: NoiseSchedule,
    clip_x0: float,
    threshold: str = "static",
) -> tuple[Tensor, Tensor]:
    """(eps_hat, x0_hat) at (x_t, t), consistent with each other after clipping.

    Args:
        denoiser: Who is asked.
        x_t: Noisy images, (B, C, H, W).
        t: Timestep of all.
        schedule: Of the model.
        clip_x0: x0_hat is brought into [-clip_x0, clip_x0]; 0 leaves it.
        threshold: How: one of `THRESHOLDS`.
    """
    steps = torch.full((x_t.shape[0],), t, dtype=torch.int64, device=x_t.device)
    predict = getattr(denoiser, "predict", None)
    if predict is not None:
        eps_hat, x0_hat = predict(x_t, steps)
    else:
        eps_hat = denoiser(x_t, steps)
        x0_hat = predict_x0(x_t, steps, eps_hat, schedule)
    limit = float(clip_x0)  # True is 1
    if limit:
        if threshold == "dynamic":
            x0_hat = limit * dynamic_threshold(x0_hat / limit)
        else:
            x0_hat = x0_hat.clamp(-limit, limit)
        eps_hat = predict_eps(x_t, steps, x0_hat, schedule)
    return eps_hat, x0_hat


def dynamic_threshold(x0_hat: Tensor, percentile: float = PERCENTILE) -> Tensor:
    """Bring each image into [-1, 1] by its own range (Saharia et al. 2022, Imagen, section 2.3).

    x0_hat / s, clipped to [-1, 1], where s is the percentile of |x0_hat| over all values of the
    image, and at least 1. A strong guidance drives most of an image past the range: to clip it
    there (static) leaves flat, garish colours; to scale it keeps its shades apart.

    Args:
        x0_hat: (B, C, H, W).
        percentile: From 0 to 1.
    """
    values = x0_hat.abs().flatten(1)
    values = values if values.dtype == torch.float64 else values.float()
    # One by one, since quantile takes no more than 16 million numbers.
    s = torch.stack([torch.quantile(image, percentile) for image in values]).clamp_min(1.0)
    return (x0_hat / s.to(x0_hat.dtype).reshape(-1, 1, 1, 1)).clamp(-1, 1)


def step_weights(
    sampler: str,
    t: int,
    t_prev: int,
    schedule: NoiseSchedule,
    *,
    eta: float = 0.0,
    variance: str = "posterior",
    t_before: int | None = None,
) -> dict[str, float]:
    """How much of what makes up x_prev.

    Args:
        sampler: One of `samplers.SAMPLERS`.
        t: Timestep of x_t.
        t_prev: Where the step leads; -1 at the last.
        schedule: Of the model.
        eta: Of ddim.
        variance: Of ddpm, "posterior" or "beta".
        t_before: Timestep of the step before, for dpmpp_2m; None at its first.
    """
    if sampler == "dpmpp_2m":
        return _dpmpp_2m_weights(t, t_prev, schedule, t_before)
    if sampler == "ddpm":
        return _ddpm_weights(t, t_prev, schedule, variance)
    if sampler == "heun" and heun_applies(t, t_prev, schedule):
        return _heun_weights(t, t_prev, schedule)
    return _ddim_weights(t, t_prev, schedule, eta if sampler == "ddim" else 0.0)


def weighed(weights: dict[str, float], pictures: dict[str, Tensor]) -> Tensor:
    """Σ weight · picture, over the weights' names."""
    terms = [weight * pictures[name] for name, weight in weights.items()]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _ddim_weights(t: int, t_prev: int, schedule: NoiseSchedule, eta: float) -> dict[str, float]:
    """Song et al. 2021, eq. 12: sqrt(ᾱ') x0_hat + sqrt(1 - ᾱ' - σ²) eps_hat + σ z.

    σ² is eta² times the posterior variance.
    """
    a_prev = schedule.alpha_bar(t_prev)
    sigma2 = eta**2 * schedule.posterior_variance(t, t_prev)
    along = (1 - a_prev - sigma2).clamp_min(0).sqrt()
    weights = {"x0_hat": float(a_prev.sqrt()), "eps_hat": float(along)}
    return weights | ({"noise": float(sigma2.sqrt())} if eta and t_prev >= 0 else {})


def _ddpm_weights(t: int, t_prev: int, schedule: NoiseSchedule, variance: str) -> dict[str, float]:
    """Ho et al. 2020, eq. 7 and algorithm 2: the posterior's mean, + σ z.

    With any stride: α = ᾱ / ᾱ' and β = 1 - α. σ² is the posterior variance, or β.
    """
    of_x0, of_x_t = posterior_weights(t, t_prev, schedule)
    weights = {"x0_hat": float(of_x0), "x_t": float(of_x_t)}
    if t_prev < 0:
        return weights
    sigma2 = schedule.posterior_variance(t, t_prev)
    if variance == "beta":
        sigma2 = 1 - schedule.alpha_bar(t) / schedule.alpha_bar(t_prev)
    return weights | {"noise": float(sigma2.sqrt())}


def _heun_weights(t: int, t_prev: int, schedule: NoiseSchedule) -> dict[str, float]:
    """Karras et al. 2022, algorithm 1, in x̄ = x / sqrt(ᾱ), where dx̄/dσ = eps."""
    half = euler_weights(t, t_prev, schedule)["eps_hat"] / 2
    ratio = (schedule.alpha_bar(t_prev) / schedule.alpha_bar(t)).sqrt()
    return {"x_t": float(ratio), "eps_hat": half, "eps_there": half}


def euler_weights(t: int, t_prev: int, schedule: NoiseSchedule) -> dict[str, float]:
    """Euler's step in σ, which is heun's trial: x̄ + (σ' - σ) eps_hat, back in x."""
    a_t, a_prev = schedule.alpha_bar(t), schedule.alpha_bar(t_prev)
    step = ((1 - a_prev) / a_prev).sqrt() - ((1 - a_t) / a_t).sqrt()
    return {"x_t": float((a_prev / a_t).sqrt()), "eps_hat": float(step * a_prev.sqrt())}


def heun_applies(t: int, t_prev: int, schedule: NoiseSchedule) -> bool:
    """Whether the trapezoid in σ holds from t to t_prev.

    It averages the slopes at both ends with equal weight. Where σ falls more than twentyfold while
    noise still prevails (the first step of a cosine schedule, from σ = 20,000), the far slope's
    error, magnified by σ, would swamp the picture; Euler's step, which only uses the near x0_hat,
    is then the accurate one. So it is at the step to σ = 0.
    """
    if t_prev < 0 or schedule.alpha_bar(t) == 0:
        return False
    sigma, after = ((1 - a).sqrt() / a.sqrt() for a in map(schedule.alpha_bar, (t, t_prev)))
    return not (sigma > 1 and sigma > HEUN_LARGEST_RATIO * after)


def _dpmpp_2m_weights(
    t: int, t_prev: int, schedule: NoiseSchedule, t_before: int | None
) -> dict[str, float]:
    """Lu et al. 2022 (DPM-Solver++), algorithm 2: a line through the last two x0_hat.

    x' = (σ' / σ) x - α' (e^(-h) - 1) D, D = (1 + 1/2r) x0_hat - (1/2r) x0_before, with
    h the step in λ = log-SNR / 2 and r the last step over this one. First order at the start and
    at the end, where h is infinite.
    """
    a_t, a_prev = schedule.alpha_bar(t), schedule.alpha_bar(t_prev)
    half = 0.0
    if t_before is not None and t_prev >= 0:
        h = schedule.log_snr(t_prev) - schedule.log_snr(t)
        last = schedule.log_snr(t) - schedule.log_snr(t_before)
        # 1 / 2r; 0 after a start from σ = ∞, and where ᾱ is held and λ stands still
        half = float(h / last) / 2 if last > 0 else 0.0
    ratio = ((1 - a_prev) / (1 - a_t)).sqrt()
    # α' (1 - e^(-h)) = α' - (σ' / σ) α, which needs no logarithm of a zero ᾱ
    along = float(a_prev.sqrt() - ratio * a_t.sqrt())
    weights = {"x_t": float(ratio), "x0_hat": along * (1 + half)}
    return weights | ({"x0_before": -along * half} if half else {})
