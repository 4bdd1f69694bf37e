"""Precision and recall of samples: quality and diversity apart (Kynkäänniemi et al. 2019).

The manifold of a set is the union of balls around its features, each as large as the distance to
its k-th nearest neighbour in the set (section 2, eq. 1). Precision is the share of samples that lie
in the manifold of the real images, recall the share of real images in that of the samples (eq. 2).
A Frechet distance is one number for both; a model that draws one perfect picture again and again
has precision 1 and recall near 0.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

NEIGHBOURS = 3
_PART = 1000  # features that are compared at a time


class PrecisionRecall(NamedTuple):
    """Shares from 0 to 1.

    Attributes:
        precision: Of the samples, those that look like real images.
        recall: Of the real images, those that the samples come near to.
    """

    precision: float
    recall: float


def precision_recall(samples: Tensor, real: Tensor, k: int = NEIGHBOURS) -> PrecisionRecall:
    """Precision and recall of samples, in features of a judge.

    Both grow with the number of features, so that they compare only at equal numbers.

    Args:
        samples: Features of the samples, (N, F).
        real: Features of real images, (M, F).
        k: The neighbour whose distance is a ball's radius; the paper has 3.

    Raises:
        ValueError: if a set has no k neighbours, or the sizes disagree.
    """
    fits = samples.ndim == real.ndim == 2 and samples.shape[1:] == real.shape[1:]
    if not fits or k < 1 or min(len(samples), len(real)) <= k:
        raise ValueError(
            f"Need (N, F) and (M, F), N, M > k ≥ 1; got {tuple(samples.shape)}, "
            f"{tuple(real.shape)}, k = {k}."
        )
    samples, real = samples.double(), real.double()
    return PrecisionRecall(_inside(samples, real, k), _inside(real, samples, k))


def _inside(points: Tensor, others: Tensor, k: int) -> float:
    """The share of points that lie in the manifold of the others."""
    # The nearest of all is the point itself, whose distance is 0.
    radii = torch.cat([_far(part, others).kthvalue(k + 1).values for part in others.split(_PART)])
    inside = [(_far(part, others) <= radii).any(dim=1) for part in points.split(_PART)]
    return float(torch.cat(inside).double().mean())


def _far(a: Tensor, b: Tensor) -> Tensor:
    # Not by products of matrices, whose rounding makes a point differ from itself.
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
