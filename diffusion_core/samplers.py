"""Walks from noise to image. A sampler is a generator: every step is yielded with all it computed.

All samplers share one loop: ask the denoiser at (x_t, t) for eps_hat and x0_hat, clip x0_hat and
derive eps_hat again from it, then step to the next timestep of the walk (never to t - T // N),
and in the end to ᾱ = 1, where no noise is added.

    ddpm       ancestral sampling                               (Ho et al. 2020, algorithm 2)
    ddim       deterministic at eta 0, ancestral at eta 1       (Song et al. 2021, eq. 12)
    heun       second order in sigma, two evaluations a step    (Karras et al. 2022, algorithm 1)
    dpmpp_2m   second order in log-SNR, keeps the last x0_hat   (Lu et al. 2022, algorithm 2)

With eta 0, ddim is Euler's method in sigma = sqrt((1 - ᾱ) / ᾱ), so it has no second name.

Every step is a weighted sum of a few pictures, x_prev = Σ weight · picture. `step_weights` gives
the weights by the pictures' names, so what is shown as a step's equation is what was computed:

    x_t, x0_hat, eps_hat   where the step begins and what the denoiser predicts there
    noise                  fresh standard normal noise
    x0_before              dpmpp_2m: the denoiser's x0_hat of the step before
    eps_there              heun: what it predicts at the end of a trial step
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from .denoiser import THRESHOLDS, estimate
from .process import Denoiser, posterior_weights
from .schedule import NoiseSchedule
from .seeding import Generators, draw_noise, noise_like

__all__ = [
    "SAMPLERS",
    "THRESHOLDS",
    "VARIANCES",
    "Generators",
    "SamplerStep",
    "check_chance",
    "check_threshold",
    "draw_noise",
    "estimate",
    "noise_like",
    "sample",
    "step_weights",
    "weighed",
]

SAMPLERS = ("ddpm", "ddim", "heun", "dpmpp_2m")
VARIANCES = ("posterior", "beta")


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


HEUN_LARGEST_RATIO = 20.0


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
