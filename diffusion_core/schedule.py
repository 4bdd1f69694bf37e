"""Noise schedules: how much signal is left at each timestep. Nothing here knows of images.

The forward process adds Gaussian noise in T small steps,

    q(x_t | x_{t-1}) = N(sqrt(1 - β_t) x_{t-1}, β_t I),

and because a sum of Gaussians is Gaussian the steps compose to one jump

    q(x_t | x_0) = N(sqrt(ᾱ_t) x_0, (1 - ᾱ_t) I),    ᾱ_t = prod_{s<=t} (1 - β_s).

`t` is zero-based: index 0 is the paper's t = 1, and t = -1 means the clean image, ᾱ = 1.
`Schedule` is the interface that the rest of the mathematics needs of any such path to noise,

    x_t = alpha(t) x_0 + sigma(t) eps,

and `NoiseSchedule` is the case alpha² + sigma² = 1, with alpha² = ᾱ. `FlowSchedule` is the straight
path of flow matching, alpha + sigma = 1.
Sources: Ho et al. 2020 (linear), Rombach et al. 2022 (scaled linear), Nichol and Dhariwal 2021
(cosine), Jabri et al. 2022 (sigmoid), Lin et al. 2023 (zero terminal SNR), Lipman et al. 2023 and
Liu et al. 2023 (flow matching).

`spaced_timesteps` chooses which timesteps a walk visits; `schedule_from_log_snr` makes a schedule
from control points drawn by hand.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

__all__ = [
    "BETA_SCHEDULES",
    "FLOW",
    "SCHEDULES",
    "SPACINGS",
    "FlowSchedule",
    "NoiseSchedule",
    "Schedule",
    "make_schedule",
    "rescale_zero_terminal_snr",
    "schedule_from_log_snr",
    "spaced_timesteps",
]

SPACINGS = ("trailing", "leading", "linspace", "karras")
RHO, SIGMAS = 7.0, (0.002, 80.0)  # ρ and the range of σ of "karras", in that paper
MAX_TIMESTEPS = 10_000
MAX_BETA = 0.999
LIMIT = 20.0  # largest |log-SNR| of a control point; e^20 is 485 million
_SMALLEST = torch.finfo(torch.float32).tiny


def spaced_timesteps(
    num_train_timesteps: int,
    num_steps: int,
    spacing: str = "trailing",
    t_start: int | None = None,
    log_snr: np.ndarray | None = None,
) -> list[int]:
    """The timesteps of a walk, descending (Lin et al. 2023, table 2; Karras et al. 2022, eq. 5).

    trailing    round(arange(T, 0, -T/N)) - 1      begins at T - 1
    leading     arange(N) · (T // N)               ends at 0
    linspace    round(linspace(0, T - 1, N))       begins at T - 1 and ends at 0; [0] for N = 1
    karras      where σ = sqrt((1 - ᾱ) / ᾱ) is nearest to N values, evenly spread in σ^(1/7),
                from 80 to 0.002 as far as the schedule has them: many where little noise is left

    With a `t_start` the walk is spaced over [0, t_start], begins exactly there, and has
    min(num_steps, t_start + 1) steps, since no timestep is visited twice.

    Args:
        num_train_timesteps: T of the schedule.
        num_steps: N, from 1 to T.
        spacing: One of the above.
        t_start: First timestep, in [0, T); None starts from the spacing's own.
        log_snr: Natural log-SNR of every timestep, (T,), which "karras" alone needs;
            `NoiseSchedule.timesteps` supplies it.

    Raises:
        ValueError: if N or t_start is out of range, the spacing is unknown or lacks log_snr.
    """
    T, N = num_train_timesteps, num_steps
    if spacing not in SPACINGS:
        raise ValueError(f"There is no spacing {spacing!r}; choose one of {', '.join(SPACINGS)}.")
    if isinstance(N, bool) or not 1 <= N <= T or int(N) != N:
        raise ValueError(f"The number of steps must be a whole number from 1 to {T}, got {N}.")
    N = int(N)
    if t_start is not None:
        if isinstance(t_start, bool) or not 0 <= t_start < T or int(t_start) != t_start:
            raise ValueError(f"t_start must be a whole number from 0 to {T - 1}, got {t_start}.")
        T = int(t_start) + 1
        N = min(N, T)
    if spacing == "trailing":
        # [:N] because a float range may run one step past its end.
        steps = np.round(np.arange(T, 0, -T / N))[:N] - 1
    elif spacing == "leading":
        steps = (np.arange(N) * (T // N))[::-1]
    elif spacing == "linspace":
        steps = np.round(np.linspace(0, T - 1, N))[::-1]
    elif log_snr is None:
        raise ValueError("The spacing 'karras' goes by a schedule; ask NoiseSchedule.timesteps.")
    else:
        steps = _karras(-log_snr[:T] / 2, N)
    timesteps = [int(t) for t in steps]
    if t_start is not None:
        timesteps[0] = int(t_start)
    return timesteps


def _karras(log_sigma: np.ndarray, N: int) -> np.ndarray:
    """N timesteps, descending, by the logarithm of each timestep's σ, (T,), which ascends."""
    lowest, highest = np.exp(np.log(SIGMAS).clip(log_sigma[0], log_sigma[-1]) / RHO)
    wanted = RHO * np.log(np.linspace(highest, lowest, N))
    above = np.searchsorted(log_sigma, wanted).clip(1, len(log_sigma) - 1)
    nearer = wanted - log_sigma[above - 1] < log_sigma[above] - wanted
    steps = above - nearer
    # No timestep may repeat: where several coincide, the later ones move down, or all move up.
    places = np.arange(N)
    steps = np.minimum.accumulate(steps + places) - places
    return np.maximum(steps, places[::-1])


class Schedule(Protocol):
    """A path from data to noise: x_t = alpha(t) x0 + sigma(t) eps, t from 0 to T - 1.

    At t = -1 alpha is 1 and sigma is 0: the clean image. Every method takes a timestep or an int
    tensor of timesteps and returns float64 of its shape, on its device.
    """

    def __len__(self) -> int:
        """T, the number of training timesteps."""

    @property
    def betas(self) -> Tensor:
        """Variances of the single steps of x_t / sqrt(alpha² + sigma²), float64 (T,)."""

    @property
    def alphas_cumprod(self) -> Tensor:
        """ᾱ at every timestep, float64 (T,)."""

    def alpha_bar(self, t: int | Tensor) -> Tensor:
        """ᾱ = alpha² / (alpha² + sigma²), the share of signal in the variance of x_t."""

    def alpha(self, t: int | Tensor) -> Tensor:
        """The amplitude of the signal, the factor of x0 in x_t."""

    def sigma(self, t: int | Tensor) -> Tensor:
        """The amplitude of the noise, its standard deviation in x_t."""

    def noise_variance(self, t: int | Tensor) -> Tensor:
        """sigma², the variance of the noise in x_t."""

    def log_snr(self, t: int | Tensor) -> Tensor:
        """log(alpha² / sigma²), natural; +inf where sigma is 0, -inf where alpha is 0."""

    def transition_variance(self, t: int | Tensor, t_prev: int | Tensor) -> Tensor:
        """Variance of q(x_t | x_{t_prev}): sigma_t² - (alpha_t / alpha_prev)² sigma_prev²."""

    def posterior_variance(self, t: int | Tensor, t_prev: int | Tensor) -> Tensor:
        """Variance of q(x_{t_prev} | x_t, x0): sigma_prev² / sigma_t² · transition variance."""

    def timesteps(
        self, num_steps: int, spacing: str = "trailing", t_start: int | None = None
    ) -> list[int]:
        """The timesteps of a walk, descending; see `spaced_timesteps`."""


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """A schedule, given by its betas; all else follows. Float64 on the CPU.

    Where ᾱ_t would fall below float32's smallest normal number (1.18e-38) it is held there, so
    that a square root, a quotient or a logarithm of it stays finite in single precision. The one
    exception is a last beta of exactly 1 (zero terminal SNR): there ᾱ is exactly 0.

    Args:
        betas: Variances of the single steps, (T,), each in (0, 1]; only the last may be 1.

    Raises:
        ValueError: if betas is not such a vector of 2 to 10,000 finite numbers, or the first is
            so small that 1 - beta is 1.
    """

    betas: Tensor
    alphas: Tensor = field(init=False, repr=False)
    alphas_cumprod: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the betas and derive the rest."""
        betas = torch.as_tensor(self.betas, dtype=torch.float64, device="cpu").detach().clone()
        if betas.ndim != 1 or not 2 <= betas.numel() <= MAX_TIMESTEPS:
            raise ValueError(
                f"betas must be a vector of 2 to {MAX_TIMESTEPS} numbers, "
                f"got shape {tuple(betas.shape)}."
            )
        # Written so that nan fails too.
        if not bool(((betas > 0) & (betas <= 1)).all()) or bool((betas[:-1] == 1).any()):
            raise ValueError("Every beta must lie in (0, 1); only the last may be 1.")
        alphas = 1.0 - betas
        if alphas[0] == 1:
            raise ValueError(
                "The first beta must be above 1.2e-16: with less, its noise is lost in rounding."
            )
        cumprod = torch.cumprod(alphas, dim=0).clamp_min(_SMALLEST)
        if betas[-1] == 1:
            cumprod[-1] = 0.0
        object.__setattr__(self, "betas", betas)
        object.__setattr__(self, "alphas", alphas)
        object.__setattr__(self, "alphas_cumprod", cumprod)

    def __len__(self) -> int:
        """T, the number of training timesteps."""
        return self.betas.numel()

    def alpha_bar(self, t: int | Tensor) -> Tensor:
        """ᾱ at t: the share of the clean image's variance that is left; exactly 1 at t = -1.

        Args:
            t: Timestep or int tensor of timesteps of any shape, each in [-1, T).

        Returns:
            Float64 tensor of t's shape, on t's device.

        Raises:
            ValueError: if t is not an integer or lies outside [-1, T).
        """
        t = torch.as_tensor(t)
        index = _checked_index(t, len(self))
        padded = torch.cat([self.alphas_cumprod, torch.ones(1, dtype=torch.float64)])
        return padded[index].to(t.device)  # index -1 is the appended 1

    def alpha(self, t: int | Tensor) -> Tensor:
        """sqrt(ᾱ_t), the amplitude of the signal in x_t; not the paper's α_t, `alphas[t]`."""
        return self.alpha_bar(t).sqrt()

    def sigma(self, t: int | Tensor) -> Tensor:
        """sqrt(1 - ᾱ_t), the amplitude of the noise in x_t; sigma / alpha is EDM's noise level."""
        return self.noise_variance(t).sqrt()

    def noise_variance(self, t: int | Tensor) -> Tensor:
        """1 - ᾱ_t, the variance of the noise in x_t: taken without a root, so it is exact."""
        return 1 - self.alpha_bar(t)

    def log_snr(self, t: int | Tensor) -> Tensor:
        """log(ᾱ_t / (1 - ᾱ_t)), natural; +inf at t = -1, -inf where ᾱ is 0. Shape as t."""
        alpha_bar = self.alpha_bar(t)
        return torch.log(alpha_bar) - torch.log1p(-alpha_bar)

    def timesteps(
        self, num_steps: int, spacing: str = "trailing", t_start: int | None = None
    ) -> list[int]:
        """The timesteps of a walk by this schedule, descending; see `spaced_timesteps`."""
        log_snr = self.log_snr(torch.arange(len(self))).numpy() if spacing == "karras" else None
        return spaced_timesteps(len(self), num_steps, spacing, t_start, log_snr)

    def transition_variance(self, t: int | Tensor, t_prev: int | Tensor) -> Tensor:
        """Variance of q(x_t | x_{t_prev}), at any stride t_prev < t: 1 - ᾱ_t / ᾱ_prev.

        It is β_t where t_prev = t - 1, up to rounding. Float64, of t's and t_prev's shape.

        Raises:
            ValueError: if t_prev is not below t, or either is out of range.
        """
        if not bool((torch.as_tensor(t_prev) < torch.as_tensor(t)).all()):
            raise ValueError("t_prev must be less than t.")
        return 1 - self.alpha_bar(t) / self.alpha_bar(t_prev)

    def posterior_variance(self, t: int | Tensor, t_prev: int | Tensor) -> Tensor:
        """Variance of q(x_{t_prev} | x_t, x_0), at any stride t_prev < t.

        (1 - ᾱ_prev) / (1 - ᾱ_t) · (1 - ᾱ_t / ᾱ_prev)    (Ho et al. 2020, eq. 7; strided: Song
        et al. 2021, eq. 16 with eta = 1). 0 at t_prev = -1. Float64, of t's and t_prev's shape.

        Raises:
            ValueError: if t_prev is not below t, or either is out of range.
        """
        share = self.noise_variance(t_prev) / self.noise_variance(t)
        return share * self.transition_variance(t, t_prev)


@dataclass(frozen=True)
class FlowSchedule:
    """The straight path of flow matching: x_t = (1 - u) x0 + u eps, with u = (t + 1) / T.

    (Lipman et al. 2023, eq. 22 with sigma_min = 0 and time reversed; Liu et al. 2023, eq. 1.) Its
    velocity dx/du = eps - x0 is the same all along, and at the last timestep no signal is left. The
    variance of x_t is alpha² + sigma² times that of a `NoiseSchedule` of the same SNR: x_t divided
    by the root of it is the walk of that schedule, see `variance_preserving`.

    Args:
        num_train_timesteps: T, from 2 to 10,000.

    Raises:
        ValueError: if T is out of range.
    """

    num_train_timesteps: int = 1000

    def __post_init__(self) -> None:
        """Check T."""
        _check_T(self.num_train_timesteps)

    def __len__(self) -> int:
        """T, the number of training timesteps."""
        return self.num_train_timesteps

    @property
    def betas(self) -> Tensor:
        """The betas of the variance-preserving form, float64 (T,)."""
        return self._preserving.betas

    @property
    def alphas_cumprod(self) -> Tensor:
        """ᾱ = alpha² / (alpha² + sigma²) at every timestep, float64 (T,)."""
        return self._preserving.alphas_cumprod

    def alpha_bar(self, t: int | Tensor) -> Tensor:
        """ᾱ = alpha² / (alpha² + sigma²), the share of signal in x_t. Shape and errors as `sigma`.

        It is that of the variance-preserving form: alpha is not its root here.
        """
        return self._preserving.alpha_bar(t)

    def sigma(self, t: int | Tensor) -> Tensor:
        """U = (t + 1) / T, the amplitude of the noise in x_t; 0 at t = -1, 1 at the last timestep.

        Raises:
            ValueError: if t is not an integer or lies outside [-1, T).
        """
        t = torch.as_tensor(t)
        index = _checked_index(t, len(self))
        return ((index + 1).double() / len(self)).to(t.device)

    def alpha(self, t: int | Tensor) -> Tensor:
        """1 - u, the amplitude of the signal in x_t. Shape and errors as `sigma`."""
        return 1 - self.sigma(t)

    def noise_variance(self, t: int | Tensor) -> Tensor:
        """U², the variance of the noise in x_t. Shape and errors as `sigma`."""
        return self.sigma(t) ** 2

    def log_snr(self, t: int | Tensor) -> Tensor:
        """log((1 - u)² / u²), natural; +inf at t = -1, -inf at the last timestep."""
        return 2 * (torch.log(self.alpha(t)) - torch.log(self.sigma(t)))

    def transition_variance(self, t: int | Tensor, t_prev: int | Tensor) -> Tensor:
        """Variance of q(x_t | x_{t_prev}): sigma_t² - (alpha_t / alpha_prev)² sigma_prev².

        The path as a Markov chain: it keeps alpha_t / alpha_prev of the signal at each step.

        Raises:
            ValueError: if t_prev is not below t, or either is out of range.
        """
        if not bool((torch.as_tensor(t_prev) < torch.as_tensor(t)).all()):
            raise ValueError("t_prev must be less than t.")
        kept = self.alpha(t) / self.alpha(t_prev)
        return self.noise_variance(t) - kept**2 * self.noise_variance(t_prev)

    def posterior_variance(self, t: int | Tensor, t_prev: int | Tensor) -> Tensor:
        """Variance of q(x_{t_prev} | x_t, x0): sigma_prev² / sigma_t² · transition variance.

        Raises:
            ValueError: if t_prev is not below t, or either is out of range.
        """
        share = self.noise_variance(t_prev) / self.noise_variance(t)
        return share * self.transition_variance(t, t_prev)

    def timesteps(
        self, num_steps: int, spacing: str = "trailing", t_start: int | None = None
    ) -> list[int]:
        """The timesteps of a walk along this path, descending; see `spaced_timesteps`."""
        log_snr = self.log_snr(torch.arange(len(self))).numpy() if spacing == "karras" else None
        return spaced_timesteps(len(self), num_steps, spacing, t_start, log_snr)

    @cached_property
    def _preserving(self) -> NoiseSchedule:
        return self.variance_preserving()

    def variance_preserving(self) -> NoiseSchedule:
        """The schedule of x_t / sqrt(alpha² + sigma²): ᾱ = alpha² / (alpha² + sigma²).

        A walk of the one, divided by that root, is a walk of the other (Karras et al. 2022, eq. 4:
        the scale s(t) of a path changes neither its solutions nor its densities but by the scale).
        """
        t = torch.arange(-1, len(self))
        signal = self.alpha(t) ** 2
        alpha_bar = signal / (signal + self.noise_variance(t))
        return NoiseSchedule(1 - alpha_bar[1:] / alpha_bar[:-1])


def _checked_index(t: Tensor, T: int) -> Tensor:
    """Timesteps as int64 on the CPU, refused where one is no integer of [-1, T)."""
    if t.is_floating_point() or t.is_complex() or t.dtype == torch.bool:
        raise ValueError(f"A timestep must be an integer, got {t.dtype}.")
    index = t.to("cpu", torch.int64)
    if index.numel() and (index.min() < -1 or index.max() >= T):
        raise ValueError(
            f"A timestep must lie in [-1, {T - 1}], got {int(index.min())} to {int(index.max())}."
        )
    return index


def _check_T(T: int) -> None:
    """Refuse a number of timesteps that is out of range."""
    if isinstance(T, bool) or int(T) != T:
        raise ValueError(f"num_train_timesteps must be a whole number, got {T}.")
    if not 2 <= T <= MAX_TIMESTEPS:
        raise ValueError(f"num_train_timesteps must be from 2 to {MAX_TIMESTEPS}, got {T}.")


def _linear(T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> Tensor:
    return torch.linspace(beta_start, beta_end, T, dtype=torch.float64)


def _scaled_linear(T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> Tensor:
    if min(beta_start, beta_end) < 0:
        raise ValueError("beta_start and beta_end must lie between 0 and 1.")
    return torch.linspace(beta_start**0.5, beta_end**0.5, T, dtype=torch.float64) ** 2


def _sigmoid_beta(T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> Tensor:
    ramp = torch.sigmoid(torch.linspace(-6, 6, T, dtype=torch.float64))
    return ramp * (beta_end - beta_start) + beta_start


def _cosine(T: int, s: float = 0.008) -> Tensor:
    if not 0 <= s < math.inf:
        raise ValueError(f"The cosine offset s must be a number of at least 0, got {s}.")
    u = torch.arange(T + 1, dtype=torch.float64) / T
    return _betas_of_alpha_bar(torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2)


def _sigmoid(T: int, start: float = -3.0, end: float = 3.0, tau: float = 1.0) -> Tensor:
    if not (math.isfinite(start) and math.isfinite(end) and start < end and 0 < tau < math.inf):
        raise ValueError("A sigmoid schedule needs start < end and tau > 0, all finite.")
    u = torch.arange(T + 1, dtype=torch.float64) / T
    curve = torch.sigmoid((u * (end - start) + start) / tau)
    return _betas_of_alpha_bar((curve[-1] - curve) / (curve[-1] - curve[0]))


def _betas_of_alpha_bar(alpha_bar: Tensor) -> Tensor:
    """T betas from T + 1 values of ᾱ, each clipped to (0, 0.999]."""
    betas = torch.nan_to_num(1 - alpha_bar[1:] / alpha_bar[:-1], nan=MAX_BETA)  # 0 / 0: all gone
    return betas.clamp(torch.finfo(torch.float64).eps, MAX_BETA)


_MAKERS: dict[str, Callable[..., Tensor]] = {
    "linear": _linear,
    "scaled_linear": _scaled_linear,
    "cosine": _cosine,
    "sigmoid": _sigmoid,
    "sigmoid_beta": _sigmoid_beta,
}
BETA_SCHEDULES = tuple(_MAKERS)  # those that are made of betas
FLOW = "flow"
SCHEDULES = (*BETA_SCHEDULES, FLOW)


def make_schedule(
    name: str, num_train_timesteps: int = 1000, *, zero_terminal_snr: bool = False, **params: float
) -> NoiseSchedule | FlowSchedule:
    """Build a named schedule.

    linear          β from beta_start=1e-4 to beta_end=0.02           (Ho et al. 2020)
    scaled_linear   sqrt(β) linear between the same ends              (Rombach et al. 2022)
    cosine          ᾱ = cos²(π/2 · (u + s) / (1 + s)), s=0.008        (Nichol and Dhariwal 2021)
    sigmoid         ᾱ a falling sigmoid; start=-3, end=3, tau=1       (Jabri et al. 2022)
    sigmoid_beta    β a rising sigmoid between beta_start and beta_end (diffusers' "sigmoid")
    flow            x_t = (1 - u) x0 + u eps, u = (t + 1) / T         (Lipman et al. 2023)

    Args:
        name: One of the above.
        num_train_timesteps: T, from 2 to 10,000. The betas are not rescaled with T.
        zero_terminal_snr: Shift and scale sqrt(ᾱ) so that ᾱ_{T-1} is exactly 0; of a flow it is.
        **params: The named schedule's own parameters.

    Raises:
        ValueError: for an unknown name or parameter, a T out of range, or betas outside (0, 1).
    """
    if name not in SCHEDULES:
        raise ValueError(f"There is no schedule {name!r}; choose one of {', '.join(SCHEDULES)}.")
    _check_T(num_train_timesteps)
    if name == FLOW:
        if params:
            raise ValueError(f"The flow schedule has no parameter {min(params)!r}; it takes none.")
        return FlowSchedule(int(num_train_timesteps))
    known = list(inspect.signature(_MAKERS[name]).parameters)[1:]
    if unknown := sorted(set(params) - set(known)):
        raise ValueError(
            f"The {name} schedule has no parameter {unknown[0]!r}; it takes {', '.join(known)}."
        )
    schedule = NoiseSchedule(_MAKERS[name](int(num_train_timesteps), **params))
    return rescale_zero_terminal_snr(schedule) if zero_terminal_snr else schedule


def rescale_zero_terminal_snr(schedule: NoiseSchedule) -> NoiseSchedule:
    """Shift and scale sqrt(ᾱ) so that the last step is pure noise and the first stays as it was.

    (Lin et al. 2023, algorithm 1.) The result has ᾱ_{T-1} = 0 exactly: there eps does not
    determine x0, so such a schedule needs a network that predicts v or x0.
    """
    root = schedule.alphas_cumprod.sqrt()
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    alpha_bar = root**2
    # Where ᾱ was held at its smallest this is 0 / 0: nothing is left to add, and it is held again.
    ratio = torch.nan_to_num(alpha_bar[1:] / alpha_bar[:-1], nan=1.0)
    betas = 1 - torch.cat([alpha_bar[:1], ratio])
    betas[:-1] = betas[:-1].clamp(torch.finfo(torch.float64).eps, 1 - 1e-6)
    betas[-1] = 1.0
    return NoiseSchedule(betas)


def schedule_from_log_snr(
    values: Sequence[float], num_train_timesteps: int = 1000
) -> NoiseSchedule:
    """A schedule whose log-SNR runs through control points, evenly spaced in time.

    Between the points it is linear. A point above the one before is taken down to it, less a
    little, since noise never goes away in the forward process. From log-SNR l follows
    ᾱ = 1 / (1 + e^(-l)) (Kingma et al. 2021, eq. 3), and from ᾱ the betas, clipped at 0.999.

    Args:
        values: Natural log-SNR at evenly spaced times, first t = 0, last t = T - 1; two or more,
            each in [-20, 20].
        num_train_timesteps: T, from 2 to 10,000.

    Raises:
        ValueError: if there are too few points, or one is out of range.
    """
    if len(values) < 2:
        raise ValueError("A drawn schedule needs at least two points.")
    if not all(math.isfinite(v) and abs(v) <= LIMIT for v in values):
        raise ValueError(f"Every point of a drawn schedule must lie in [-{LIMIT:g}, {LIMIT:g}].")
    T = num_train_timesteps
    falling = np.minimum.accumulate(np.asarray(values, dtype=np.float64))
    at = np.linspace(0, T - 1, len(values))
    log_snr = np.interp(np.arange(T), at, falling) - 1e-6 * np.arange(T) / T
    alpha_bar = torch.sigmoid(torch.from_numpy(log_snr))
    before = torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])
    smallest = torch.finfo(torch.float64).eps
    return NoiseSchedule((1 - alpha_bar / before).clamp(smallest, MAX_BETA))
