"""How good are samples? Distances in a judge's features, its verdicts, and the nearest neighbours.

The judge is a small classifier trained on the real pictures. A Frechet distance in its features is
"FID-like"; it has a meaning only beside other distances by the same judge, and is never to be
compared with published Inception FIDs (Heusel et al. 2017).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Frechet distance between Gaussians fitted to two sets of features.

    |μ_a - μ_b|² + tr(Σ_a + Σ_b - 2 (Σ_a^½ Σ_b Σ_a^½)^½)        (Dowson and Landau 1982)

    Args:
        a: Features, (N, F).
        b: Features, (M, F).

    Raises:
        ValueError: if either has fewer than two rows or the sizes disagree.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            f"Need (N, F) and (M, F), N, M > 1; got {tuple(a.shape)}, {tuple(b.shape)}."
        )
    a, b = a.double(), b.double()
    cov_a, cov_b = torch.cov(a.T).reshape(a.shape[1], -1), torch.cov(b.T).reshape(b.shape[1], -1)
    values, vectors = torch.linalg.eigh(cov_a)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp_min(0).sqrt().sum()
    mean = (a.mean(dim=0) - b.mean(dim=0)).square().sum()
    return max(0.0, float(mean + cov_a.trace() + cov_b.trace() - 2 * cross))


def nearest_distances(images: Tensor, references: Tensor, batch_size: int = 250) -> Tensor:
    """Root mean square pixel distance from each image to its nearest reference.

    Args:
        images: (N, C, H, W) in [-1, 1].
        references: (M, C, H, W) in [-1, 1].
        batch_size: Images compared at a time.

    Returns:
        (N,), in units of the images' range: 2 is black against white; of a copy exactly 0.
    """
    ref = references.flatten(1)
    parts = []
    for x in images.flatten(1).split(batch_size):
        # By products of matrices, whose rounding makes copies differ: only to find which it is.
        nearest = torch.cdist(x, ref).argmin(dim=1)
        parts.append((x - ref[nearest]).square().mean(dim=1).sqrt())
    return torch.cat(parts)


def blur(images: Tensor) -> Tensor:
    """A 3 × 3 box blur with repeated borders: a known damage that gives distances a scale."""
    C = images.shape[1]
    kernel = torch.full((C, 1, 3, 3), 1 / 9, dtype=images.dtype)
    return F.conv2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), kernel, groups=C)
