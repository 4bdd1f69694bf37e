"""Point clouds of the shapes, as a training takes them: drawn anew whenever they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..seeding import seeded
from .categories import CATEGORIES, draw_recipe
from .surfaces import Surfaces

NUM_POINTS = 1024
SHAPES = 3000  # of each category, for training
CATEGORY_NAMES = tuple(category.name for category in CATEGORIES)


def normalised(points: Tensor) -> Tensor:
    """Clouds brought to one place and size.

    The middle of the box around a cloud goes to 0, and half of the box's longest edge becomes 1.

    Args:
        points: float (B, N, 3).
    """
    low, high = points.amin(1, keepdim=True), points.amax(1, keepdim=True)
    half = (high - low).amax(2, keepdim=True) / 2
    return (points - (low + high) / 2) / half.clamp_min(1e-6)


@dataclass(frozen=True, eq=False)
class CloudDataset:
    """Shapes of all categories, of which clouds are drawn; a `training.TrainingData`.

    Attributes:
        surfaces: The shapes' parts.
        labels: The categories, int64 (S,), by their places in `CATEGORY_NAMES`.
        num_points: Points of a cloud, N.
        seed: Of the points.
        fewest: Where it is given, each batch has another number of points, from this one to
            num_points, its logarithm drawn evenly: a network then learns clouds of any number.
    """

    surfaces: Surfaces
    labels: Tensor
    num_points: int = NUM_POINTS
    seed: int = 0
    fewest: int | None = None

    def __post_init__(self) -> None:
        """Refuse numbers of points that are none.

        Raises:
            ValueError: in one sentence.
        """
        if self.fewest is not None and not 1 <= self.fewest <= self.num_points:
            raise ValueError(
                f"The fewest points are 1 to {self.num_points:,}, got {self.fewest:,}."
            )

    @classmethod
    def of(
        cls,
        shapes: int = SHAPES,
        *,
        num_points: int = NUM_POINTS,
        held_out: bool = False,
        seed: int = 0,
        fewest: int | None = None,
    ) -> CloudDataset:
        """So many shapes of each category.

        Args:
            shapes: Of each category.
            num_points: Points of a cloud.
            held_out: Whether they are of the combinations that training never sees.
            seed: Of the shapes and of their points.
            fewest: Points of the smallest clouds, where their number changes.

        Raises:
            ValueError: if there are no shapes or no points.
        """
        if min(shapes, num_points) < 1:
            raise ValueError(f"At least one shape and one point, got {shapes} and {num_points}.")
        parts = [
            draw_recipe(name, seed, index, held_out).parts()
            for name in CATEGORY_NAMES
            for index in range(shapes)
        ]
        labels = torch.arange(len(CATEGORY_NAMES)).repeat_interleave(shapes)
        return cls(Surfaces.of(parts), labels, num_points, seed, fewest)

    def __len__(self) -> int:
        """S, the number of shapes."""
        return len(self.labels)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Clouds, float32 (B, N, 3), in [-1, 1], and their categories, int64 (B,).

        The points are drawn from (seed, indices): the same shapes in another batch have others.
        """
        generator = seeded("points", self.seed, *indices.tolist())
        count = self.num_points
        if self.fewest is not None:
            drawn = float(torch.rand((), generator=generator))
            count = round(self.fewest * (self.num_points / self.fewest) ** drawn)
        points = self.surfaces.draw(indices, count, generator)
        return normalised(points), self.labels[indices]
