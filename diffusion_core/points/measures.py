"""How near two sets of points are: the energy distance, and how many modes were found."""

from __future__ import annotations

import torch
from torch import Tensor


def energy_distance(x: Tensor, y: Tensor) -> float:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'|, without bias: the pairs of a point with itself left out.

    (Székely and Rizzo 2013, eq. 6.1; as a U-statistic.) It is 0 in the mean where both sets are of
    one distribution, and above 0 else; single values fall below 0 by chance. In the points' units.

    Args:
        x: float (N, D), N ≥ 2.
        y: float (M, D), M ≥ 2.

    Raises:
        ValueError: if a set has fewer than two points, or their dimensions differ.
    """
    if min(len(x), len(y)) < 2 or x.shape[1:] != y.shape[1:]:
        raise ValueError(
            f"Two sets of at least two points of one dimension, got {tuple(x.shape)} and "
            f"{tuple(y.shape)}."
        )
    a, b = x.double(), y.double()
    within = [
        float(torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist").sum())
        / (len(z) * (len(z) - 1))
        for z in (a, b)
    ]
    return 2 * float(torch.cdist(a, b).mean()) - sum(within)


def energy_scale(points: Tensor, splits: int = 20, seed: int = 0) -> float:
    """The size of the energy distance of data against data: mean |distance| of two random halves.

    Args:
        points: float (N, D), N ≥ 4, of the data themselves.
        splits: How many random halves are compared.
        seed: Of the splits.
    """
    generator = torch.Generator().manual_seed(seed)
    half = len(points) // 2
    found = []
    for _ in range(splits):
        order = torch.randperm(len(points), generator=generator)
        found.append(abs(energy_distance(points[order[:half]], points[order[half : 2 * half]])))
    return sum(found) / len(found)


def modes_covered(points: Tensor, centres: Tensor, reach: float, least: float = 0.01) -> int:
    """How many modes have at least a share `least` of the points within `reach` of their centre.

    (Metz et al. 2017, Srivastava et al. 2017, who count a mode from one point on; a share says more
    where there are thousands.)

    Args:
        points: float (N, D).
        centres: float (K, D).
        reach: The distance from a centre within which a point is the mode's: three deviations.
        least: The share of all points, from 0 to 1.
    """
    far, which = torch.cdist(points.double(), centres.double()).min(dim=1)
    counts = torch.bincount(which[far <= reach], minlength=len(centres))
    return int((counts >= least * len(points)).sum())
