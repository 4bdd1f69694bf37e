"""A small network that learns points while one watches: the core's own training, on points.

The settings are for seconds, not for hours: a batch that one core computes in a few milliseconds, a
large learning rate, and an average of the weights that follows closely.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..schedule import Schedule
from ..seeding import parse_seed
from ..training import TrainConfig, TrainingState, TrainStep, train
from .network import PointNetwork, PointNetworkConfig

STEPS = 3000


@dataclass(frozen=True, eq=False)
class PointDataset:
    """Points to learn from, a `training.TrainingData`.

    Attributes:
        points: float32 (N, D).
    """

    points: Tensor

    def __post_init__(self) -> None:
        """Refuse what is no set of points.

        Raises:
            ValueError: in one sentence.
        """
        if self.points.ndim != 2 or self.points.dtype != torch.float32 or not len(self.points):
            raise ValueError(
                f"Points must be float32 (N, D), got {self.points.dtype} "
                f"{tuple(self.points.shape)}."
            )

    def __len__(self) -> int:
        """N, the number of points."""
        return len(self.points)

    def batch(self, indices: Tensor) -> tuple[Tensor, None]:
        """Points by their indices, (B, D); they have no labels."""
        return self.points[indices], None


def point_training(
    prediction_type: str = "velocity", *, steps: int = STEPS, seed: int = 0
) -> TrainConfig:
    """Settings for a training of seconds.

    Args:
        prediction_type: What the network predicts; "velocity" and "v_prediction" are defined where
            no signal is left.
        steps: Optimiser steps; the learning rate falls over the last third.
        seed: Of the first weights and of all draws.
    """
    return TrainConfig(
        num_steps=steps,
        batch_size=512,
        learning_rate=2e-3,
        warmup_steps=min(50, steps // 10),
        decay_steps=steps // 3,
        ema_decay=0.99,
        prediction_type=prediction_type,
        precision="fp32",
        seed=parse_seed(seed, "seed"),
    )


def learn_points(
    points: Tensor,
    schedule: Schedule,
    config: TrainConfig,
    shape: PointNetworkConfig | None = None,
) -> Iterator[TrainStep[PointNetwork]]:
    """Train a network on points, and yield after every step; see `training.train`.

    Args:
        points: float32 (N, D).
        schedule: The path from points to noise.
        config: The settings, as of `point_training`.
        shape: The network's shape; None fits the points and the schedule.

    Raises:
        ValueError: if the points are no such set.
    """
    dataset = PointDataset(points)
    shape = shape or PointNetworkConfig(dim=points.shape[1], num_train_timesteps=len(schedule))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = PointNetwork(shape)
    return train(config, TrainingState.of(network, config), schedule, dataset)
