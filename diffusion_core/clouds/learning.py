"""Training on clouds: the core's own loop, saved again and again so that it can go on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ..schedule import Schedule
from ..training import TrainConfig, TrainingState, TrainStep, train
from ..training_runs import STATE_FILE, read_state, write_state
from .dataset import CATEGORY_NAMES, CloudDataset
from .network import CloudNetwork, CloudNetworkConfig


def cloud_training(steps: int, *, batch_size: int = 8, seed: int = 0) -> TrainConfig:
    """Settings for a training of an hour or two on one core.

    Args:
        steps: Optimiser steps; the learning rate falls over the last half.
        batch_size: Clouds a step.
        seed: Of the first weights and of all draws.
    """
    return TrainConfig(
        num_steps=steps,
        batch_size=batch_size,
        learning_rate=1.5e-3,
        warmup_steps=min(200, steps // 10),
        decay_steps=steps // 2,
        ema_decay=0.999,
        prediction_type="v_prediction",
        precision="fp32",
        seed=seed,
        save_every=200,
    )


def fresh_network(config: CloudNetworkConfig, seed: int) -> CloudNetwork:
    """The network with the random weights that this seed begins a training with, on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CloudNetwork(config)


def learn_clouds(
    dataset: CloudDataset,
    schedule: Schedule,
    config: TrainConfig,
    shape: CloudNetworkConfig | None = None,
    *,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[TrainStep[CloudNetwork]]:
    """Train a network on clouds, and yield after every step; see `training.train`.

    Args:
        dataset: The shapes.
        schedule: The noise schedule.
        config: The settings, as of `cloud_training`.
        shape: The network's shape; None fits the clouds and their categories.
        folder: Where the state is saved every `save_every` steps and at the end, and from where an
            interrupted training goes on; None saves nothing.
        device: The device to train on.

    Raises:
        ValueError: if the folder holds a training with other settings.
    """
    shape = shape or CloudNetworkConfig(
        num_points=dataset.num_points, num_classes=len(CATEGORY_NAMES)
    )
    state = TrainingState.of(fresh_network(shape, config.seed), config, device)
    settings: dict[str, Any] = {
        "train": dataclasses.asdict(config),
        "unet": dataclasses.asdict(shape),
        "data": {
            "clouds": len(dataset),
            "num_points": dataset.num_points,
            "fewest": dataset.fewest,
            "seed": dataset.seed,
            "content": float(dataset.surfaces.area.double().sum()),
        },
    }
    file = None if folder is None else folder / STATE_FILE
    if file is not None and file.exists():
        read_state(file, settings, schedule, state)
    for step in train(config, state, schedule, dataset):
        last = step.step == config.num_steps
        if file is not None and (last or step.step % config.save_every == 0):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_state(file, settings, schedule, state, "fp32")
        yield step
