"""Which timesteps a walk visits."""

from __future__ import annotations

import numpy as np

SPACINGS = ("trailing", "leading", "linspace", "karras")
RHO, SIGMAS = 7.0, (0.002, 80.0)  # of "karras", as in that paper


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
        log_snr: Of every timestep, (T,), which only "karras" asks for; `NoiseSchedule.timesteps`
            gives it.

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
    # None twice: where several fall on one timestep, the later ones move down, or all up.
    places = np.arange(N)
    steps = np.minimum.accumulate(steps + places) - places
    return np.maximum(steps, places[::-1])
