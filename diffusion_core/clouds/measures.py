"""How near two sets of clouds are: coverage, minimum matching distance, 1-NN accuracy.

All three stand on a distance of two clouds, here Chamfer's. With G made and R real clouds:

    CD(X, Y)  = mean_x min_y |x - y|² + mean_y min_x |x - y|²
    coverage  = share of R that is the nearest of some cloud in G       (Achlioptas et al. 2018)
    MMD       = mean over R of the distance to its nearest in G          (the same)
    1-NNA     = share of G and R together whose nearest other cloud is of their own set
                                          (Lopez-Paz and Oquab 2017; Yang et al. 2019)

1-NN accuracy is the strictest: 0.5 where no one can tell the sets apart, 1 where everyone can.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_PAIRS = 8  # pairs of clouds at once: the distances of their points stay in the cache


def chamfer_distances(a: Tensor, b: Tensor) -> Tensor:
    """Chamfer's distance of every cloud of one set to every one of another.

    Args:
        a: float (G, N, 3).
        b: float (R, M, 3).

    Returns:
        float (G, R), in squared units.

    Raises:
        ValueError: if one is no set of clouds.
    """
    if a.ndim != 3 or b.ndim != 3 or a.shape[2] != b.shape[2] or 0 in (*a.shape, *b.shape):
        raise ValueError(
            f"Two sets of clouds (G, N, 3) and (R, M, 3), got {tuple(a.shape)} and "
            f"{tuple(b.shape)}."
        )
    found = torch.empty(len(a), len(b), dtype=a.dtype)
    for g, cloud in enumerate(a):
        found[g] = _to_all(cloud, b)
    return found


def distances_within(a: Tensor) -> Tensor:
    """Chamfer's distance of every cloud of a set to every other one, each pair computed once.

    Args:
        a: float (G, N, 3).

    Returns:
        float (G, G), in squared units; infinite on the diagonal.
    """
    found = torch.full((len(a), len(a)), torch.inf, dtype=a.dtype)
    for g in range(len(a) - 1):
        found[g, g + 1 :] = found[g + 1 :, g] = _to_all(a[g], a[g + 1 :])
    return found


def _to_all(cloud: Tensor, others: Tensor) -> Tensor:
    """The distance of a cloud (N, 3) to each of some (R, M, 3): (R,)."""
    found = torch.empty(len(others), dtype=cloud.dtype)
    squared = cloud.square().sum(1)
    for first in range(0, len(others), _PAIRS):
        some = others[first : first + _PAIRS]
        apart = torch.baddbmm(
            some.square().sum(2)[:, None],
            cloud.expand(len(some), -1, -1),
            some.transpose(1, 2),
            alpha=-2,
        )
        apart = (apart + squared[:, None]).clamp_min_(0)
        found[first : first + _PAIRS] = apart.amin(2).mean(1) + apart.amin(1).mean(1)
    return found


@dataclass(frozen=True)
class CloudScores:
    """How near made clouds are to real ones.

    Attributes:
        coverage: From 0 to 1, higher is better.
        matching: Minimum matching distance, in squared units, lower is better.
        accuracy: 1-NN accuracy, from 0 to 1; 0.5 is best.
    """

    coverage: float
    matching: float
    accuracy: float


def cloud_scores(made: Tensor, real: Tensor, within_real: Tensor | None = None) -> CloudScores:
    """The three measures by Chamfer's distance.

    Args:
        made: float (G, N, 3).
        real: float (R, M, 3), held out; for the accuracy to mean what it should, as many as made.
        within_real: `distances_within` of real, where it is known already.

    Raises:
        ValueError: if a set has fewer than two clouds.
    """
    if min(len(made), len(real)) < 2:
        raise ValueError(f"At least two clouds a set, got {len(made)} and {len(real)}.")
    across = chamfer_distances(made, real)  # (G, R)
    within = [
        distances_within(made),
        distances_within(real) if within_real is None else within_real,
    ]
    nearest = torch.cat([within[0].amin(1) < across.amin(1), within[1].amin(1) < across.amin(0)])
    return CloudScores(
        coverage=len(across.argmin(1).unique()) / len(real),
        matching=float(across.amin(0).mean()),
        accuracy=float(nearest.double().mean()),
    )
