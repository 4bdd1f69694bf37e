"""Walks from noise to image. A sampler is a record; `sample` yields every step of its walk.

All samplers share one step, `take_step`: evaluate the denoiser at (x_t, t) for eps_hat and x0_hat,
clip x0_hat and derive eps_hat again from it, then go to the next timestep of the walk (never to
t - T // N), and in the end to t = -1, the clean image, where no noise is added.

    ddpm           ancestral sampling                              (Ho et al. 2020, algorithm 2)
    ddim           deterministic at eta 0, ancestral at eta 1      (Song et al. 2021, eq. 12)
    heun           second order in sigma, two evaluations a step   (Karras et al. 2022, algorithm 1)
    dpmpp_2m       second order in log-SNR, keeps the last x0_hat  (Lu et al. 2022, algorithm 2)
    dpmpp_2m_sde   the same for ancestral sampling                 (Lu et al. 2022)

With eta 0, ddim is Euler's method in EDM's noise level sigma / alpha = sqrt((1 - ᾱ) / ᾱ), and with
eta 1 it is what others call Euler ancestral, so neither has a second name.

Every step is a weighted sum of a few pictures, x_prev = Σ weight · picture. What tells samplers
apart is how a record of `Sampler` weighs them, by name, so what is shown as a step's equation is
what was computed:

    x_t, x0_hat, eps_hat   where the step begins and what the denoiser predicts there
    noise                  fresh standard normal noise
    scaled_noise           the same, each number by the deviation that the network learned for it
    x0_before              the denoiser's x0_hat of the step before
    eps_there              what it predicts at the end of a trial step, a second evaluation
    shift                  where a classifier guides by algorithm 1: by what it moves the mean
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from .denoiser import (
    NO_VARIANCE,
    THRESHOLDS,
    ScheduledDenoiser,
    as_denoiser,
    check_terminal_snr,
    estimate,
    estimate_variance,
    learns_variance,
)
from .process import Denoiser, learned_log_variance, posterior_weights
from .schedule import Schedule
from .seeding import Generators, draw_noise, noise_like

__all__ = [
    "SAMPLERS",
    "THRESHOLDS",
    "VARIANCES",
    "Generators",
    "Interval",
    "Sampler",
    "SamplerStep",
    "check_chance",
    "check_threshold",
    "check_variance",
    "count_evaluations",
    "draw_noise",
    "estimate",
    "noise_like",
    "sample",
    "sampler_named",
    "step_weights",
    "take_step",
    "weighed",
]

VARIANCES = ("posterior", "beta", "learned")
Weights = dict[str, float]


@dataclass(frozen=True, eq=False)
class Interval:
    """The timesteps that a step leads from and to, and all else that its weights depend on.

    Attributes:
        t: Timestep of x_t.
        t_prev: Timestep of x_prev; -1 at the last step.
        schedule: The schedule, which gives alpha and sigma.
        eta: DDIM's stochasticity.
        variance: Variance of ddpm's noise, "posterior", "beta" or "learned".
        t_before: Timestep of the step before; None at the first.
    """

    t: int
    t_prev: int
    schedule: Schedule
    eta: float = 0.0
    variance: str = "posterior"
    t_before: int | None = None

    @property
    def at_t(self) -> tuple[Tensor, Tensor]:
        """Alpha and sigma where the step begins."""
        return self.schedule.alpha(self.t), self.schedule.sigma(self.t)

    @property
    def at_t_prev(self) -> tuple[Tensor, Tensor]:
        """Alpha and sigma where the step ends."""
        return self.schedule.alpha(self.t_prev), self.schedule.sigma(self.t_prev)


def _ddpm_weights(step: Interval) -> Weights:
    """Ho et al. 2020, eq. 7 and algorithm 2: the posterior's mean, + s z, at any stride.

    s² is the posterior's variance, or β, the variance of q(x_t | x_prev), or what the network
    learned between the two, by number (Nichol and Dhariwal 2021, eq. 15).
    """
    of_x0, of_x_t = posterior_weights(step.t, step.t_prev, step.schedule)
    weights = {"x0_hat": float(of_x0), "x_t": float(of_x_t)}
    if step.t_prev < 0:
        return weights
    if step.variance == "learned":
        return weights | {"scaled_noise": 1.0}
    variance = step.schedule.posterior_variance(step.t, step.t_prev)
    if step.variance == "beta":
        variance = step.schedule.transition_variance(step.t, step.t_prev)
    return weights | {"noise": float(variance.sqrt())}


def _ddim_weights(step: Interval) -> Weights:
    """Song et al. 2021, eq. 12: alpha' x0_hat + sqrt(sigma'² - s²) eps_hat + s z.

    s² is eta² times the posterior's variance.
    """
    alpha, _ = step.at_t_prev
    variance = step.eta**2 * step.schedule.posterior_variance(step.t, step.t_prev)
    along = (step.schedule.noise_variance(step.t_prev) - variance).clamp_min(0).sqrt()
    weights = {"x0_hat": float(alpha), "eps_hat": float(along)}
    return weights | ({"noise": float(variance.sqrt())} if step.eta and step.t_prev >= 0 else {})


def _heun_weights(step: Interval) -> Weights:
    """Karras et al. 2022, algorithm 1, in x̄ = x / alpha, where dx̄ / d(sigma / alpha) = eps."""
    if not heun_applies(step.t, step.t_prev, step.schedule):
        return _ddim_weights(dataclasses.replace(step, eta=0.0))
    trial = euler_weights(step)
    half = trial["eps_hat"] / 2
    return {"x_t": trial["x_t"], "eps_hat": half, "eps_there": half}


def euler_weights(step: Interval) -> Weights:
    """Euler's step in sigma / alpha, which is heun's trial: x̄ + Δ(sigma / alpha) eps, back in x."""
    (alpha, sigma), (alpha_prev, sigma_prev) = step.at_t, step.at_t_prev
    change = sigma_prev / alpha_prev - sigma / alpha
    return {"x_t": float(alpha_prev / alpha), "eps_hat": float(change * alpha_prev)}


HEUN_LARGEST_RATIO = 20.0


def heun_applies(t: int | Tensor, t_prev: int | Tensor, schedule: Schedule) -> Tensor:
    """Whether the trapezoid in EDM's noise level sigma / alpha holds from t to t_prev.

    It averages the slopes at both ends with equal weight. Where the level falls more than
    twentyfold while noise still prevails (the first step of a cosine schedule, from 20,000), the
    far slope's error, magnified by the level, would swamp the picture; Euler's step, which only
    uses the near x0_hat, is then the accurate one. So it is at the step to level 0.
    """
    level, after = (schedule.sigma(s) / schedule.alpha(s) for s in (t, t_prev))
    falls_too_far = (level > 1) & (level > HEUN_LARGEST_RATIO * after)
    return ~falls_too_far & (torch.as_tensor(t_prev) >= 0)


def _dpmpp_2m_weights(step: Interval) -> Weights:
    """Lu et al. 2022 (DPM-Solver++), algorithm 2: a line through the last two x0_hat.

    x' = (sigma' / sigma) x - alpha' (e^(-h) - 1) D, with h the step in λ = log-SNR / 2 and
    D = (1 + 1/2r) x0_hat - (1/2r) x0_before.
    """
    (alpha, sigma), (alpha_prev, sigma_prev) = step.at_t, step.at_t_prev
    ratio = sigma_prev / sigma
    # alpha' (1 - e^(-h)) = alpha' - (sigma' / sigma) alpha: no logarithm of an alpha of zero
    along = float(alpha_prev - ratio * alpha)
    return {"x_t": float(ratio)} | _line_through_x0(step, along)


def _dpmpp_2m_sde_weights(step: Interval) -> Weights:
    """Lu et al. 2022 (SDE-DPM-Solver++), midpoint: ddpm's step from a line through two x0_hat.

    x' = (sigma' / sigma) e^(-h) x + alpha' (1 - e^(-2h)) D + sigma' sqrt(1 - e^(-2h)) z, with h and
    D as in `_dpmpp_2m_weights`: since e^(-h) = alpha sigma' / (alpha' sigma), these are the weights
    of the posterior's mean and its standard deviation.
    """
    of_x0, of_x_t = posterior_weights(step.t, step.t_prev, step.schedule)
    weights = {"x_t": float(of_x_t)} | _line_through_x0(step, float(of_x0))
    if step.t_prev < 0:
        return weights
    variance = step.schedule.posterior_variance(step.t, step.t_prev)
    return weights | {"noise": float(variance.sqrt())}


def _line_through_x0(step: Interval, along: float) -> Weights:
    """The weights of along · D, D = (1 + 1/2r) x0_hat - (1/2r) x0_before.

    r is the last step in log-SNR over this one. Of first order, D = x0_hat, at the start and at
    the end, where the step in log-SNR is infinite.
    """
    half = 0.0
    if step.t_before is not None and step.t_prev >= 0:
        log_snr = step.schedule.log_snr
        h, last = log_snr(step.t_prev) - log_snr(step.t), log_snr(step.t) - log_snr(step.t_before)
        # 1 / 2r; 0 after a start from SNR 0, and where ᾱ is held and the log-SNR stands still
        half = float(h / last) / 2 if last > 0 else 0.0
    return {"x0_hat": along * (1 + half)} | ({"x0_before": -along * half} if half else {})


def _one_evaluation(t: Tensor, t_prev: Tensor, schedule: Schedule) -> Tensor:
    return torch.ones_like(t)


@dataclass(frozen=True)
class Sampler:
    """A sampler: the weights of the sum that makes up x_prev, and its properties.

    Attributes:
        name: Its name for `sample` and on the command line.
        paper: The paper that it is from.
        weights: The weights of a step, by the names in the module's docstring. Where "eps_there" is
            among them the step evaluates the network a second time.
        order: By which power of the step's length the error at a fixed t falls, of x_t itself or,
            where noise is injected, of its variance.
        injects_noise: Whether it draws fresh noise in every step but the last, with this eta.
        fixed_eta: The only eta that it allows, beside 0, which stands for unspecified. None allows
            any from 0 to 1.
        evaluations: Number of network evaluations of the step from t to t_prev, or of several.
        terms: The weights as formulas, for a reader, one mapping for each set of weights that
            there is, those with the fewest first. ᾱ is at t and ᾱ′ at t′.
        letters: What the other letters of the formulas mean.
    """

    name: str
    paper: str
    weights: Callable[[Interval], Weights]
    order: int
    injects_noise: Callable[[float], bool]
    terms: tuple[dict[str, str], ...]
    letters: str
    fixed_eta: float | None = 0.0
    evaluations: Callable[[Tensor, Tensor, Schedule], Tensor] = _one_evaluation


_REGISTRY = (
    Sampler(
        name="ddpm",
        paper="Ho et al. 2020",
        weights=_ddpm_weights,
        order=1,
        injects_noise=lambda eta: True,
        fixed_eta=1.0,
        terms=({"x0_hat": "√ᾱ′ (1 − α) / (1 − ᾱ)", "x_t": "√α (1 − ᾱ′) / (1 − ᾱ)", "noise": "σ"},),
        letters="α = ᾱ/ᾱ′; σ² the variance of the step",
    ),
    Sampler(
        name="ddim",
        paper="Song et al. 2021",
        weights=_ddim_weights,
        order=1,
        injects_noise=lambda eta: eta > 0,
        fixed_eta=None,
        terms=({"x0_hat": "√ᾱ′", "eps_hat": "√(1 − ᾱ′ − σ²)", "noise": "σ"},),
        letters="σ² = η² (1 − ᾱ′)/(1 − ᾱ) (1 − ᾱ/ᾱ′)",
    ),
    Sampler(
        name="heun",
        paper="Karras et al. 2022",
        weights=_heun_weights,
        order=2,
        injects_noise=lambda eta: False,
        evaluations=lambda t, t_prev, schedule: 1 + heun_applies(t, t_prev, schedule).long(),
        terms=(
            {"x0_hat": "√ᾱ′", "eps_hat": "√(1 − ᾱ′)"},
            {"x_t": "√(ᾱ′ / ᾱ)", "eps_hat": "½ √ᾱ′ Δσ", "eps_there": "½ √ᾱ′ Δσ"},
        ),
        letters="Δσ = √(1/ᾱ′ − 1) − √(1/ᾱ − 1)",
    ),
    Sampler(
        name="dpmpp_2m",
        paper="Lu et al. 2022",
        weights=_dpmpp_2m_weights,
        order=2,
        injects_noise=lambda eta: False,
        terms=(
            {"x_t": "√(1 − ᾱ′) / √(1 − ᾱ)", "x0_hat": "c"},
            {"x_t": "√(1 − ᾱ′) / √(1 − ᾱ)", "x0_hat": "c (1 + 1/2r)", "x0_before": "−c / 2r"},
        ),
        letters="c = √ᾱ′ − √((1 − ᾱ′)/(1 − ᾱ)) √ᾱ; r the last step in log-SNR over this one",
    ),
    Sampler(
        name="dpmpp_2m_sde",
        paper="Lu et al. 2022",
        weights=_dpmpp_2m_sde_weights,
        order=2,
        injects_noise=lambda eta: True,
        terms=(
            {"x_t": "√α (1 − ᾱ′) / (1 − ᾱ)", "x0_hat": "c", "noise": "σ"},
            {
                "x_t": "√α (1 − ᾱ′) / (1 − ᾱ)",
                "x0_hat": "c (1 + 1/2r)",
                "x0_before": "−c / 2r",
                "noise": "σ",
            },
        ),
        letters="α = ᾱ/ᾱ′; c = √ᾱ′ (1 − α) / (1 − ᾱ); σ² = (1 − ᾱ′) (1 − α) / (1 − ᾱ); r the last "
        "step in log-SNR over this one",
    ),
)
_BY_NAME = {sampler.name: sampler for sampler in _REGISTRY}
SAMPLERS = tuple(_BY_NAME)


def sampler_named(name: str) -> Sampler:
    """The record of a sampler.

    Raises:
        ValueError: if there is none of this name; the message lists the known ones.
    """
    if name not in _BY_NAME:
        raise ValueError(f"There is no sampler {name!r}; choose one of {', '.join(SAMPLERS)}.")
    return _BY_NAME[name]


def step_weights(
    sampler: str,
    t: int,
    t_prev: int,
    schedule: Schedule,
    *,
    eta: float = 0.0,
    variance: str = "posterior",
    t_before: int | None = None,
) -> Weights:
    """The weights of the sum that makes up x_prev; the arguments are those of `Interval`."""
    return sampler_named(sampler).weights(Interval(t, t_prev, schedule, eta, variance, t_before))


def weighed(weights: Weights, pictures: dict[str, Tensor]) -> Tensor:
    """Σ weight · picture, over the weights' names."""
    terms = [weight * pictures[name] for name, weight in weights.items()]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def count_evaluations(
    sampler: str, timesteps: Sequence[int], schedule: Schedule, *, resample: int = 1
) -> int:
    """How often a walk evaluates the network: the `nfe` of its last step, without walking it.

    Args:
        sampler: One of `SAMPLERS`.
        timesteps: Timesteps at which its steps begin and, last, at which it ends: -1 for a whole
            walk.
        schedule: The model's schedule.
        resample: How often each step is taken, but one to t = -1; see `inpaint`.

    Raises:
        ValueError: if there is no such sampler.
    """
    t = torch.tensor(timesteps)
    each = sampler_named(sampler).evaluations(t[:-1], t[1:], schedule)
    return int((each * torch.where(t[1:] >= 0, resample, 1)).sum())


@dataclass(frozen=True, eq=False)
class SamplerStep:
    """One step of a walk, from t to t_prev.

    Attributes:
        index: 0 for the first step.
        t, t_prev: Timesteps; t_prev is -1 at the last step.
        x_t: Data at which the step began, (B, ...).
        eps_hat, x0_hat: What the denoiser predicted there, after clipping; heun's are of its first
            evaluation.
        noise: Standard normal noise that was injected, or None.
        x_prev: Data at which the step ended.
        nfe: Network evaluations so far, this step's included.
        weights: Weights of the sum that makes up x_prev; see `step_weights`.
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


def take_step(
    denoiser: ScheduledDenoiser,
    sampler: str,
    x_t: Tensor,
    t: int,
    t_prev: int,
    *,
    eta: float = 0.0,
    variance: str = "posterior",
    before: tuple[int, Tensor] | None = None,
    clip_x0: float = True,
    threshold: str = "static",
    noise: Tensor | None = None,
) -> SamplerStep:
    """One step from x_t at t to x_prev at t_prev, counted as if it were the first of a walk.

    The arguments are those of `sample`; `noise` is standard normal, of the shape of x_t, and
    needed where the sampler injects it and t_prev is not -1.
    """
    interval = Interval(t, t_prev, denoiser.schedule, eta, variance, before and before[0])
    weights = sampler_named(sampler).weights(interval)
    learned = None
    if "scaled_noise" in weights:
        eps_hat, x0_hat, v = estimate_variance(denoiser, x_t, t, clip_x0, threshold)
        learned = learned_log_variance(v, t, t_prev, denoiser.schedule)
    else:
        eps_hat, x0_hat = estimate(denoiser, x_t, t, clip_x0, threshold)
    pictures = {"x_t": x_t, "x0_hat": x0_hat, "eps_hat": eps_hat}
    if before is not None:
        pictures["x0_before"] = before[1]
    if noise is not None:
        pictures["noise"] = noise
        if learned is not None:
            pictures["scaled_noise"] = (learned / 2).exp() * noise
    nfe = 1
    if "eps_there" in weights:
        trial = weighed(euler_weights(interval), pictures)
        pictures["eps_there"] = estimate(denoiser, trial, t_prev, clip_x0, threshold)[0]
        nfe = 2
    mean_shift = getattr(denoiser, "mean_shift", None)  # see `denoiser.ClassifierGuidance`
    if mean_shift is not None and learned is not None:
        pictures["shift"] = learned.exp() * mean_shift(x_t, t)
        weights = weights | {"shift": 1.0}
    elif mean_shift is not None and "noise" in weights:
        pictures["shift"] = mean_shift(x_t, t)
        weights = weights | {"shift": weights["noise"] ** 2}
    x_prev = weighed(weights, pictures)
    return SamplerStep(0, t, t_prev, x_t, eps_hat, x0_hat, noise, x_prev, nfe, weights)


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    x_start: Tensor,
    schedule: Schedule | None = None,
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
    """Walk from noise to data and yield every step.

    Args:
        denoiser: (x_t, t) -> eps_hat; its `.predict(x_t, t) -> (eps_hat, x0_hat)` is preferred.
        x_start: Data to begin with, (B, ...): standard normal noise, or data noised to t_start.
        schedule: The model's schedule; None takes the denoiser's own.
        sampler: One of `SAMPLERS`.
        num_steps: Steps of the walk, from 1 to T.
        eta: DDIM's stochasticity, from 0 to 1; 1 is ancestral.
        spacing: How the timesteps are spread; see `spaced_timesteps`.
        t_start: Timestep of x_start; None begins at the spacing's own first.
        timesteps: Those to visit, descending, instead of num_steps, spacing and t_start.
        before: Timestep and x0_hat of the step before x_start, where a walk goes on that was
            begun before; a sampler of two steps draws its line through it.
        clip_x0: Clip x0_hat to [-clip_x0, clip_x0]: True is 1, for data in [-1, 1]; False does not.
        threshold: The way to clip it: "static", or "dynamic", by each image's own range; see
            `denoiser.dynamic_threshold`.
        variance: Variance of ddpm's noise: "posterior", "beta", or "learned" of a network that
            learned one.
        generator: One for the batch or one an image, on the CPU; needed where noise is injected.

    Raises:
        ValueError: when the first step is requested, if an argument is out of range.
    """
    known = as_denoiser(denoiser, schedule)
    if timesteps is None:
        timesteps = known.schedule.timesteps(num_steps, spacing, t_start)
    if not timesteps or any(a <= b for a, b in pairwise([*timesteps, -1])):
        raise ValueError("Timesteps must descend, and end at 0 or above.")
    random = sampler_named(sampler).injects_noise(eta)
    if x_start.ndim < 1 or not x_start.is_floating_point():
        raise ValueError(
            f"x_start must be float (B, ...), got {x_start.dtype} {tuple(x_start.shape)}."
        )
    check_terminal_snr(known, timesteps[0])
    check_chance(sampler, eta, variance)
    check_variance(known, sampler, variance)
    check_threshold(threshold)
    if random and generator is None:
        raise ValueError(f"{sampler} with eta {eta} injects noise and needs a generator.")
    x_t, nfe = x_start, 0
    for index, (t, t_prev) in enumerate(pairwise([*timesteps, -1])):
        noise = None
        if random and t_prev >= 0:
            assert generator is not None
            noise = noise_like(x_t, generator)
        step = take_step(
            known,
            sampler,
            x_t,
            t,
            t_prev,
            eta=eta,
            variance=variance,
            before=before,
            clip_x0=clip_x0,
            threshold=threshold,
            noise=noise,
        )
        nfe += step.nfe
        yield dataclasses.replace(step, index=index, nfe=nfe)
        x_t, before = step.x_prev, (t, step.x0_hat)


def check_chance(sampler: str, eta: float, variance: str) -> None:
    """Refuse an eta or a variance that the sampler does not take, in one sentence.

    Raises:
        ValueError: with that sentence.
    """
    if variance not in VARIANCES:
        raise ValueError(
            f"There is no variance {variance!r}; choose one of {', '.join(VARIANCES)}."
        )
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must lie between 0 and 1, got {eta}.")
    record = sampler_named(sampler)
    if record.fixed_eta is None or eta in (0, record.fixed_eta):
        return
    if record.injects_noise(0):
        raise ValueError(f"eta belongs to ddim; {sampler} always adds all its noise, got {eta}.")
    raise ValueError(f"eta belongs to ddim; {sampler} adds no noise, so leave eta at 0.")


def check_variance(denoiser: object, sampler: str, variance: str) -> None:
    """Refuse a learned variance of a denoiser that learned none; only ddpm asks for one.

    Raises:
        ValueError: in one sentence.
    """
    if variance == "learned" and sampler == "ddpm" and not learns_variance(denoiser):
        raise ValueError(NO_VARIANCE)


def check_threshold(threshold: str) -> None:
    """Refuse an unknown way to clip x0_hat.

    Raises:
        ValueError: if it is none of `THRESHOLDS`.
    """
    if threshold not in THRESHOLDS:
        raise ValueError(f"There is no threshold {threshold!r}; choose {' or '.join(THRESHOLDS)}.")
