"""A schedule drawn by hand: control points for the log-SNR, made into betas."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from .schedule import MAX_BETA, NoiseSchedule

LIMIT = 20.0
"""Largest |log-SNR| of a control point; e^20 is 485 million."""


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
