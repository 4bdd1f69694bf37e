"""Training the prior, and the decoder in two stages; each of them can go on.

The prior is trained by the core's own training on embeddings, with captions for conditions.

The decoder begins with the weights of a UNet with classes. That has a vector for every condition
that can be chosen in menus, y -> e(y); so the first stage needs no diffusion. The projection learns
to give for the embedding of a picture the vector of what is recorded of it, by regression:

    L = E_i || e(z_i) - e(y_i) ||²

So the decoder draws from embeddings what menus could ask for. The second stage is the core's own
training on pictures, each with its embedding for a condition: there the decoder learns what z_i
tells beyond the menus. It trains the projection alone, or the UNet too.

All draws of a step follow from the seed and its number, so that an interrupted training goes on as
if it had not been, to the bit.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..conditioning import ConditionEncoder
from ..data import ImageDataset
from ..glide import CaptionedPictures, training_in_words
from ..schedule import Schedule
from ..seeding import seeded
from ..training import NetworkT, TrainConfig, TrainingData, TrainingState, TrainStep, train
from ..training_runs import STATE_FILE, ModuleTraining, read_state, train_module, write_state
from .decoder import BoundDecoder, DecoderNetwork
from .embeddings import scaled
from .prior import PriorNetwork


@dataclass(frozen=True)
class ProjectionStep:
    """What a step of the decoder's first stage tells.

    Attributes:
        step: Steps done, from 1.
        loss: Mean squared error of the vectors' features.
        unexplained: The same as a share of the variance of the wanted vectors in this batch.
        seconds: Seconds of processor time in all, those before an interruption too.
    """

    step: int
    loss: float
    unexplained: float
    seconds: float


class CaptionedEmbeddings:
    """Embeddings of pictures with captions, as `training.train` takes them.

    Args:
        z: Embeddings of length 1, (N, D).
        data: The pictures that they are of, in the same order, and their captions.

    Raises:
        ValueError: if there are not as many embeddings as pictures.
    """

    def __init__(self, z: Tensor, data: CaptionedPictures) -> None:
        """Hold the parts; captions are written when they are asked for."""
        _check_count(z, data.pictures)
        self.z, self.data = z, data

    def __len__(self) -> int:
        """Embeddings, each as often as its picture has captions."""
        return len(self.data)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor | None]:
        """sqrt(D) z, (B, D), and the numbers of the pictures' styles, (B,)."""
        own = indices % len(self.z)
        labels = self.data.pictures.labels
        return scaled(self.z[own]), None if labels is None else labels[own]

    def conditions(self, indices: Tensor) -> Tensor:
        """Their captions as conditions, int64 (B, length)."""
        return self.data.conditions(indices)

    @property
    def evenly(self) -> Tensor:
        """Indices among which every style is equally frequent; see `ImageDataset.evenly`."""
        return self.data.evenly


class NumberedPictures:
    """Pictures whose condition is their own number, as `training.train` takes them.

    Args:
        pictures: The pictures.
    """

    def __init__(self, pictures: ImageDataset) -> None:
        """Hold the pictures."""
        self.pictures = pictures

    def __len__(self) -> int:
        """The number of pictures."""
        return len(self.pictures)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) in [-1, 1] and their numbers (B,)."""
        return self.pictures.batch(indices)[0], indices

    @cached_property
    def evenly(self) -> Tensor:
        """Indices among which every class is equally frequent; see `ImageDataset.evenly`."""
        return self.pictures.evenly


def prior_training(steps: int, *, batch_size: int = 128, seed: int = 0) -> TrainConfig:
    """Settings of the prior's training.

    Args:
        steps: Optimiser steps; the learning rate falls over the last half.
        batch_size: Embeddings a step.
        seed: Of all draws.
    """
    pictures = training_in_words(
        steps, batch_size=batch_size, learning_rate=1e-3, warmup_steps=100, seed=seed
    )
    return dataclasses.replace(pictures, loss_weighting="none")


def projection_training(steps: int, *, batch: int = 256, seed: int = 0) -> ModuleTraining:
    """Settings of the decoder's first stage.

    Args:
        steps: Optimiser steps; the learning rate falls over the last half.
        batch: Embeddings a step.
        seed: Of all draws.
    """
    return ModuleTraining(steps, batch, steps // 2, 2e-3, seed=seed)


def decoder_training(steps: int, *, batch_size: int = 32, seed: int = 0) -> TrainConfig:
    """Settings of the decoder's second stage, which goes on from a network that draws already.

    Args:
        steps: Optimiser steps; the learning rate falls over the last half.
        batch_size: Pictures a step.
        seed: Of all draws.
    """
    return training_in_words(steps, batch_size=batch_size, seed=seed)


def learn_prior(
    prior: PriorNetwork,
    data: CaptionedEmbeddings,
    schedule: Schedule,
    config: TrainConfig,
    *,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[TrainStep[PriorNetwork]]:
    """Train the prior, and yield after every step.

    Args:
        prior: As `fresh_prior` gave it; changed in place.
        data: Embeddings and captions.
        schedule: The noise schedule.
        config: The settings, as of `prior_training`.
        folder: Where the state is saved, and from where an interrupted training goes on; None saves
            nothing.
        device: The device to train on.

    Raises:
        ValueError: if the folder holds a training with other settings.
        FloatingPointError: if the gradient is not finite.
    """
    words = " ".join(data.data.tokenizer.vocabulary)
    told: dict[str, Any] = {
        "vocabulary": words,
        "captions": data.data.seed,
        "records": len(data.data.records),
    }
    told["embeddings"] = _digest(data.z)
    yield from _train(prior, data, schedule, config, told, folder, device)


def learn_projection(
    decoder: DecoderNetwork,
    pictures: ImageDataset,
    z: Tensor,
    menus: ConditionEncoder,
    training: ModuleTraining,
    *,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[ProjectionStep]:
    """Train the projection alone to give the vectors of a model's menus; yield after every step.

    Args:
        decoder: As `decoder_from` gave it; its projection is changed in place.
        pictures: The pictures, with what is recorded of them.
        z: Their embeddings, (N, D).
        menus: The condition encoder of the model with menus.
        training: The settings, as of `projection_training`.
        folder: As for `learn_prior`.
        device: The device to train on.

    Raises:
        ValueError: if the folder holds a training with other settings, or nothing is recorded of
            the pictures.
        FloatingPointError: if the loss is not finite.
    """
    _check_count(z, pictures)
    decoder.to(device).train()
    menus.to(device)
    order, unexplained = pictures.evenly, 0.0

    def loss_of(step: int) -> Tensor:
        nonlocal unexplained
        generator = seeded(training.seed, "projection", step)
        indices = order[torch.randint(len(order), (training.batch,), generator=generator)]
        y = pictures.conditions(indices)
        if y is None:
            raise ValueError(f"Nothing is recorded of {pictures.name}; take pictures with labels.")
        with torch.no_grad():
            wanted = menus(y.to(device), len(y))
        loss = (decoder.vector(z[indices].to(device)) - wanted).square().mean()
        spread = float((wanted - wanted.mean(dim=0)).square().mean())
        unexplained = float(loss.detach()) / max(spread, 1e-12)
        return loss

    same = dataclasses.asdict(decoder.config) | {"embeddings": _digest(z)}
    same |= {"menus": float(menus.weight.detach().double().sum()), "content": pictures.content}
    for done in train_module(decoder.project, training, loss_of, same, folder=folder):
        yield ProjectionStep(done.step, done.loss, unexplained, done.seconds)


def learn_decoder(
    decoder: DecoderNetwork,
    pictures: ImageDataset,
    z: Tensor,
    schedule: Schedule,
    config: TrainConfig,
    *,
    only_projection: bool = False,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[TrainStep[BoundDecoder]]:
    """Train the decoder on pictures, each with its embedding, and yield after every step.

    Args:
        decoder: The decoder with the weights to begin with; changed in place.
        pictures: The pictures.
        z: Their embeddings, (N, D).
        schedule: The noise schedule.
        config: The settings, as of `decoder_training`.
        only_projection: Leave the UNet as it is.
        folder: As for `learn_prior`.
        device: The device to train on.

    Raises:
        ValueError: if the folder holds a training with other settings.
        FloatingPointError: if the gradient is not finite.
    """
    _check_count(z, pictures)
    decoder.requires_grad_(True).unet.requires_grad_(not only_projection)
    told: dict[str, Any] = {"content": pictures.content, "embeddings": _digest(z)}
    told["only_projection"] = only_projection
    data = NumberedPictures(pictures)
    yield from _train(decoder.bound(z), data, schedule, config, told, folder, device)


def _train(
    network: NetworkT,
    data: TrainingData,
    schedule: Schedule,
    config: TrainConfig,
    told: dict[str, Any],
    folder: Path | None,
    device: torch.device | str,
) -> Iterator[TrainStep[NetworkT]]:
    """The core's training, its state saved every so many steps and at the end."""
    state: TrainingState[NetworkT] = TrainingState.of(network, config, device)
    shape = dataclasses.asdict(network.config)  # type: ignore[call-overload]
    settings = {"train": dataclasses.asdict(config), "unet": shape, "data": told}
    file = None if folder is None else folder / STATE_FILE
    if file is not None and file.exists():
        read_state(file, settings, schedule, state)
    for step in train(config, state, schedule, data):
        if file is not None and (
            state.step % config.save_every == 0 or state.step == config.num_steps
        ):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_state(file, settings, schedule, state, "fp32")
        yield step


def _check_count(z: Tensor, pictures: ImageDataset) -> None:
    if len(z) != len(pictures):
        raise ValueError(
            f"{pictures.name} has {len(pictures):,} pictures, and needs as many embeddings; got "
            f"{len(z):,}."
        )


def _digest(z: Tensor) -> str:
    """A short hash of embeddings, hex: those of another CLIP are other ones."""
    return hashlib.blake2b(z.contiguous().numpy().tobytes(), digest_size=8).hexdigest()
