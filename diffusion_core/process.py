"""The Gaussian identities that tie x0, eps and x_t, and the posterior that sampling inverts.

    x_t = alpha_t x0 + sigma_t eps,    eps ~ N(0, I)          (Ho et al. 2020, eq. 4)
    v   = alpha_t eps - sigma_t x0                            (Salimans and Ho 2022)

with alpha_t = sqrt(ᾱ_t) and sigma_t = sqrt(1 - ᾱ_t) in a `NoiseSchedule`. There alpha² + sigma² is
1, so that (x0, eps) and (x_t, v) are the same plane seen in two bases turned against each other by
the angle whose cosine is alpha_t; any two of the four determine the others. What holds for v alone
needs that; all else holds for any `Schedule`. Data are images (B, C, H, W) in [-1, 1], or any
(B, ...); timesteps are int64, (B,) or one for all. Coefficients are computed in float64 and used in
the data's own precision.

The schedule lies on the CPU, so timesteps that lie on a GPU are fetched from it, and that waits
until it has computed what it was given before. An int, or timesteps on the CPU, wait for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .schedule import NoiseSchedule, Schedule

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""(x_t (B, ...), t (B,)) -> eps_hat (B, ...). May carry `.predict(x_t, t)`; see `denoiser`."""


def _signal_and_noise(t: int | Tensor, x: Tensor, schedule: Schedule) -> tuple[Tensor, Tensor]:
    """alpha_t and sigma_t, shaped to multiply x."""
    t = _checked(t, x)
    return _like(schedule.alpha(t), x), _like(schedule.sigma(t), x)


def _checked(t: int | Tensor, x: Tensor) -> Tensor:
    t = torch.as_tensor(t).cpu()  # float64 is not available on every device
    if t.ndim > 1 or (t.ndim == 1 and t.shape[0] not in (1, x.shape[0])):
        raise ValueError(
            f"There must be one timestep an image: got {tuple(t.shape)} for {x.shape[0]} images."
        )
    if t.numel() and t.min() < 0:
        raise ValueError(f"A timestep must be at least 0, got {int(t.min())}.")
    return t


def _like(coefficient: Tensor, x: Tensor) -> Tensor:
    if not x.is_floating_point():
        raise ValueError(f"Images must be floating point numbers, got {x.dtype}.")
    coefficient = coefficient.to(x.dtype)
    if coefficient.ndim == 0 and x.device.type != "mps":
        return coefficient  # torch multiplies by a number of the CPU where x is, without a copy
    coefficient = coefficient.to(x.device)
    return coefficient.reshape(coefficient.shape + (1,) * (x.ndim - coefficient.ndim))


def _same_shape(x: Tensor, y: Tensor) -> None:
    if x.shape != y.shape:
        raise ValueError(f"Shapes must agree: {tuple(x.shape)} and {tuple(y.shape)}.")


def q_sample(x0: Tensor, t: int | Tensor, eps: Tensor, schedule: Schedule) -> Tensor:
    """Noise clean images to t in one jump.

    x_t = alpha_t x0 + sigma_t eps        (Ho et al. 2020, eq. 4)

    Args:
        x0: Clean images, (B, ...).
        t: Zero-based timesteps, int64, (B,), or one for all.
        eps: Standard normal noise, of the shape of x0.
        schedule: The schedule, which gives alpha and sigma.

    Raises:
        ValueError: if shapes disagree or t is outside [0, T).
    """
    _same_shape(x0, eps)
    signal, noise = _signal_and_noise(t, x0, schedule)
    return signal * x0 + noise * eps


def q_step(x_prev: Tensor, t: int | Tensor, eps: Tensor, schedule: Schedule) -> Tensor:
    """One step of the forward Markov chain, from t - 1 to t.

    x_t = sqrt(1 - β_t) x_{t-1} + sqrt(β_t) eps        (Ho et al. 2020, eq. 2)

    On any other path the chain keeps alpha_t / alpha_{t-1} of x_{t-1}, and adds what noise is
    lacking then. Shapes and errors as in `q_sample`; eps must be fresh at every step.
    """
    _same_shape(x_prev, eps)
    t = _checked(t, x_prev)
    schedule.alpha_bar(t)  # refuses a t that is out of range
    if isinstance(schedule, NoiseSchedule):
        variance = schedule.betas[t.to("cpu", torch.int64)]
        kept = (1 - variance).sqrt()
    else:
        variance = schedule.transition_variance(t, t - 1)
        kept = schedule.alpha(t) / schedule.alpha(t - 1)
    return _like(kept, x_prev) * x_prev + _like(variance.sqrt(), x_prev) * eps


def predict_x0(x_t: Tensor, t: int | Tensor, eps: Tensor, schedule: Schedule) -> Tensor:
    """Recover the clean image that a noise estimate implies.

    x0_hat = (x_t - sigma_t eps) / alpha_t        (Ho et al. 2020, eq. 15)

    Shapes as in `q_sample`.

    Raises:
        ValueError: if shapes disagree, t is outside [0, T), or alpha_t is 0: then x_t is noise
            alone and does not depend on x0.
    """
    _same_shape(x_t, eps)
    signal, noise = _signal_and_noise(t, x_t, schedule)
    if bool((signal == 0).any()):
        raise ValueError(
            "At this timestep no signal is left (zero terminal SNR), so noise does not determine "
            "x0; use a model that predicts v or x0."
        )
    return (x_t - noise * eps) / signal


def predict_eps(x_t: Tensor, t: int | Tensor, x0: Tensor, schedule: Schedule) -> Tensor:
    """Recover the noise that a clean image implies.

    eps = (x_t - alpha_t x0) / sigma_t        (Ho et al. 2020, eq. 4, solved for eps)

    Shapes and errors as in `q_sample`.
    """
    _same_shape(x_t, x0)
    signal, noise = _signal_and_noise(t, x_t, schedule)
    return (x_t - signal * x0) / noise


def predict_v(x0: Tensor, t: int | Tensor, eps: Tensor, schedule: Schedule) -> Tensor:
    """V = alpha_t eps - sigma_t x0 (Salimans and Ho 2022, appendix D). Shapes as in `q_sample`."""
    _same_shape(x0, eps)
    signal, noise = _signal_and_noise(t, x0, schedule)
    return signal * eps - noise * x0


def x0_from_v(x_t: Tensor, t: int | Tensor, v: Tensor, schedule: Schedule) -> Tensor:
    """x0 = alpha_t x_t - sigma_t v; defined even where alpha_t is 0. Shapes as in `q_sample`."""
    _same_shape(x_t, v)
    signal, noise = _signal_and_noise(t, x_t, schedule)
    return signal * x_t - noise * v


def eps_from_v(x_t: Tensor, t: int | Tensor, v: Tensor, schedule: Schedule) -> Tensor:
    """Eps = sigma_t x_t + alpha_t v. Shapes and errors as in `q_sample`."""
    _same_shape(x_t, v)
    signal, noise = _signal_and_noise(t, x_t, schedule)
    return noise * x_t + signal * v


def x0_from_velocity(x_t: Tensor, t: int | Tensor, u: Tensor, schedule: Schedule) -> Tensor:
    """x0 = (x_t - sigma_t u) / (alpha_t + sigma_t), where u = eps - x0.

    On a `FlowSchedule` the sum below is 1 and u is the velocity of the path (Lipman et al. 2023).
    Shapes and errors as in `q_sample`.
    """
    _same_shape(x_t, u)
    signal, noise = _signal_and_noise(t, x_t, schedule)
    return (x_t - noise * u) / (signal + noise)


def eps_from_velocity(x_t: Tensor, t: int | Tensor, u: Tensor, schedule: Schedule) -> Tensor:
    """Eps = (x_t + alpha_t u) / (alpha_t + sigma_t), where u = eps - x0. As `x0_from_velocity`."""
    _same_shape(x_t, u)
    signal, noise = _signal_and_noise(t, x_t, schedule)
    return (x_t + signal * u) / (signal + noise)


def posterior_mean(x_t: Tensor, t: int, t_prev: int, x0: Tensor, schedule: Schedule) -> Tensor:
    """Mean of q(x_{t_prev} | x_t, x0), at any stride; its weights are `posterior_weights`.

    Its variance is `schedule.posterior_variance(t, t_prev)`.

    Args:
        x_t: Noisy images, (B, ...).
        t: Timestep of x_t.
        t_prev: Timestep at which the step ends, from -1 to t - 1.
        x0: Clean images, of the shape of x_t.
        schedule: The schedule, which gives alpha and sigma.

    Raises:
        ValueError: if shapes disagree or timesteps are out of range or order.
    """
    _same_shape(x_t, x0)
    of_x0, of_x_t = posterior_weights(t, t_prev, schedule)
    return _like(of_x0, x_t) * x0 + _like(of_x_t, x_t) * x_t


def posterior_weights(
    t: int | Tensor, t_prev: int | Tensor, schedule: Schedule
) -> tuple[Tensor, Tensor]:
    """The weights of x0 and of x_t in `posterior_mean`, float64, of the shape of t and t_prev.

    alpha_prev σ² / sigma_t² and (alpha_t / alpha_prev) sigma_prev² / sigma_t², where σ² is the
    variance of q(x_t | x_prev); for one step of a `NoiseSchedule` it is β_t, and these are
    sqrt(ᾱ_prev) β_t / (1 - ᾱ_t) and sqrt(α_t) (1 - ᾱ_prev) / (1 - ᾱ_t)   (Ho et al. 2020, eq. 7).

    Raises:
        ValueError: if timesteps are out of range or order.
    """
    end = torch.as_tensor(t_prev)
    if not bool(((end >= -1) & (end < torch.as_tensor(t))).all()):
        raise ValueError(f"t_prev must lie in [-1, t), got t_prev = {t_prev} and t = {t}.")
    variance, ratio = schedule.noise_variance(t), schedule.alpha(t) / schedule.alpha(t_prev)
    of_x0 = schedule.alpha(t_prev) * schedule.transition_variance(t, t_prev) / variance
    return of_x0, ratio * schedule.noise_variance(t_prev) / variance


def variance_bounds(
    t: int | Tensor, t_prev: int | Tensor, schedule: Schedule, t_next: int | Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """(log β̃, log β) of the step from t to t_prev, at any stride: float64, of t's shape.

    β̃, the posterior's variance, is the best if the data were one point; β, that of
    q(x_t | x_prev), if they were noise (Ho et al. 2020, section 3.2). At t_prev = -1 β̃ is 0 and
    has no logarithm: there that of the step before, from t_next to t, stands for it, as in the
    authors' code (Nichol and Dhariwal 2021).

    Args:
        t: Timestep at which the step begins.
        t_prev: Timestep at which it ends, from -1 to t - 1.
        schedule: The schedule.
        t_next: Timestep of the step before, for t_prev = -1; None is t + 1.

    Raises:
        ValueError: if timesteps are out of range or order.
    """
    at, end = (torch.as_tensor(each).cpu() for each in (t, t_prev))
    before = at + 1 if t_next is None else torch.as_tensor(t_next).cpu()
    last, most = end < 0, len(schedule) - 1
    # Of a walk of one step there is no step before, and β stands for both.
    alone = last & ((before > most) | (before <= at))
    start = torch.where(last & ~alone, before, at)
    stop = torch.where(last & ~alone, at, end)
    large = schedule.transition_variance(at, end)
    small = torch.where(alone, large, schedule.posterior_variance(start, stop))
    return small.log(), large.log()


def learned_log_variance(
    v: Tensor,
    t: int | Tensor,
    t_prev: int | Tensor,
    schedule: Schedule,
    t_next: int | Tensor | None = None,
) -> Tensor:
    """Log Σ = f log β + (1 - f) log β̃, where f = (v + 1) / 2: as v (B, ...).

    (Nichol and Dhariwal 2021, eq. 15, whose v is f.) A network gives v beside its prediction. f is
    not held to [0, 1], and of a strided step both bounds are that step's own, so that one network
    serves every stride. Arguments and errors are those of `variance_bounds`.
    """
    small, large = (_like(each, v) for each in variance_bounds(t, t_prev, schedule, t_next))
    share = (v + 1) / 2
    return share * large + (1 - share) * small


def bound_terms(
    x0: Tensor,
    x0_hat: Tensor,
    log_variance: Tensor,
    t: int | Tensor,
    t_prev: int | Tensor,
    schedule: Schedule,
) -> Tensor:
    """The term of the variational bound of the step from t to t_prev, bits per dimension, (B,).

    To t_prev >= 0 it is KL(q(x_prev | x_t, x0) || p(x_prev | x_t)); both means weigh x_t alike, so
    that they differ by the weight of x0 times x0 - x0_hat. To t_prev = -1 it is -log p(x0 | x_t),
    of data of 256 levels (Ho et al. 2020, eq. 5 and 13; `discretized_log_likelihood`).

    Args:
        x0: Clean images in [-1, 1], of 256 levels, (B, ...).
        x0_hat: What the model makes of x_t, as x0.
        log_variance: log Σ of the model's step, as x0, or a shape that goes with it.
        t: Timesteps at which the steps begin, (B,) or one for all.
        t_prev: Those at which they end; -1 is the last step.
        schedule: The schedule.

    Raises:
        ValueError: if shapes disagree, or timesteps are out of range or order.
    """
    _same_shape(x0, x0_hat)
    last = torch.as_tensor(t_prev).cpu() < 0
    of_x0, _ = posterior_weights(torch.as_tensor(t).cpu(), torch.as_tensor(t_prev).cpu(), schedule)
    true, _ = (_like(each, x0) for each in variance_bounds(t, t_prev, schedule))
    apart = _like(of_x0, x0) * (x0 - x0_hat)
    kl = log_variance - true + torch.exp(true - log_variance) - 1
    kl = (kl + apart.square() * torch.exp(-log_variance)) / 2
    if bool(last.any()):
        data = -discretized_log_likelihood(x0, x0_hat, log_variance)
        kl = torch.where(_like(last.to(x0.dtype), x0) > 0, data, kl)
    return kl.flatten(1).mean(dim=1) / math.log(2)


def prior_term(x0: Tensor, t: int, schedule: Schedule) -> Tensor:
    """KL(q(x_t | x0) || N(0, I)), bits per dimension, (B,): L_T of a walk that begins at t.

    No network takes part in it (Ho et al. 2020, eq. 5).

    Args:
        x0: Clean images, (B, ...).
        t: The noisiest timestep of the walk.
        schedule: The schedule.

    Raises:
        ValueError: if t is outside [0, T).
    """
    signal, noise = _signal_and_noise(t, x0, schedule)
    kl = ((signal * x0).square() + noise**2 - 1 - 2 * noise.log()) / 2
    return kl.flatten(1).mean(dim=1) / math.log(2)


def discretized_log_likelihood(x0: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Log of a Gaussian's share in the bin of each value of x0, natural, as x0 (B, ...).

    Data of 256 levels in [-1, 1] have bins of 2/255; the outermost two reach to infinity (Ho et al.
    2020, eq. 13).

    Args:
        x0: The data, (B, ...).
        mean: Of the Gaussian at each value.
        log_variance: Likewise.
    """
    width = torch.exp(-log_variance / 2)
    upper, lower = (width * (x0 - mean + edge) for edge in (1 / 255, -1 / 255))
    # Far out in the upper tail, where both shares round to 1, the mirrored ones still differ.
    mirrored = lower > 0
    a, b = torch.where(mirrored, -lower, upper), torch.where(mirrored, -upper, lower)
    log_a, log_b = torch.special.log_ndtr(a), torch.special.log_ndtr(b)
    inside = log_a + torch.log(-torch.expm1((log_b - log_a).clamp_max(-_LEAST)))
    inside = torch.where(x0 < -0.999, torch.special.log_ndtr(upper), inside)
    return torch.where(x0 > 0.999, torch.special.log_ndtr(-lower), inside)


_LEAST = 1e-12  # of a difference of logarithms, where rounding would leave 0


def slerp(a: Tensor, b: Tensor, count: int) -> Tensor:
    """From a to b along the great circle, in equal angles: (count, ...).

    sin((1 - k) θ) / sin θ · a + sin(k θ) / sin θ · b, with θ the angle between them (Shoemake
    1985; for noise, Song et al. 2021, app. D.5). A straight line between two draws of noise would
    pass through vectors whose norm is too small for noise.

    Args:
        a: Noise at the first end, (1, ...).
        b: Noise at the last end, of the shape of a.
        count: Number of points, both ends included.
    """
    k = torch.linspace(0, 1, count, dtype=torch.float64).reshape(-1, *(1,) * (a.ndim - 1))
    x, y = a.double(), b.double()
    theta = torch.acos(((x * y).sum() / (x.norm() * y.norm())).clamp(-1, 1))
    if theta < 1e-4:
        return ((1 - k) * x + k * y).to(a.dtype)
    return ((torch.sin((1 - k) * theta) * x + torch.sin(k * theta) * y) / torch.sin(theta)).to(
        a.dtype
    )
