"""Training a classifier on noisy pictures, saved so that it can go on, and its accuracy by log-SNR.

The log-SNR of a picture is drawn as a cosine schedule spreads it over uniform times u in (0, 1):
alpha = cos(πu/2), sigma = sin(πu/2) (Nichol and Dhariwal 2021, eq. 17, with s = 0). So every level
of noise is seen, most often those in which a walk spends its steps.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data import ImageDataset
from ..seeding import seeded
from ..training_runs import STATE_FILE, ModuleTraining, seconds_of_training, train_module
from .classifier import ClassifierConfig, NoisyClassifier

LOG_SNRS = (-12.0, -9.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 9.0, 12.0)
EDGE = 1e-3  # of the times u that are drawn: log-SNR from -13 to 13


@dataclass(frozen=True)
class ClassifierTraining(ModuleTraining):
    """The settings of a training; see `ModuleTraining`."""


@dataclass(frozen=True)
class ClassifierStep:
    """What a step of training tells.

    Attributes:
        step: Number of steps done.
        loss: Cross entropy of its pictures, in nats.
        accuracy: Share of its pictures that were read right.
        seconds: Seconds of processor time in all, those before an interruption too.
    """

    step: int
    loss: float
    accuracy: float
    seconds: float


def fresh_classifier(config: ClassifierConfig, seed: int) -> NoisyClassifier:
    """The classifier with the random weights that this seed begins a training with, on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NoisyClassifier(config)


def drawn_log_snrs(num: int, generator: torch.Generator) -> Tensor:
    """Log-SNRs (num,) as a cosine schedule spreads them; see the module's docstring."""
    u = torch.rand(num, generator=generator) * (1 - 2 * EDGE) + EDGE
    return -2 * torch.tan(math.pi / 2 * u).log()


def noised(x0: Tensor, log_snr: Tensor, eps: Tensor) -> Tensor:
    """Pictures at a log-SNR on the variance-preserving path.

    x_t = sqrt(sigmoid(λ)) x0 + sqrt(sigmoid(-λ)) eps, λ the log-SNR   (Kingma et al. 2021, eq. 3)

    Args:
        x0: Clean pictures, (B, ...).
        log_snr: (B,).
        eps: Standard normal noise, of the shape of x0.
    """
    shape = (-1,) + (1,) * (x0.ndim - 1)
    alpha, sigma = (torch.sigmoid(sign * log_snr).sqrt().reshape(shape) for sign in (1, -1))
    return alpha * x0 + sigma * eps


def learn_classifier(
    classifier: NoisyClassifier,
    data: ImageDataset,
    training: ClassifierTraining,
    *,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[ClassifierStep]:
    """Train on noisy pictures of all levels, and yield after every step.

    Each step's draws depend on the seed and its number alone, so that an interrupted training goes
    on as it would have. Stopping is leaving: what came after the last save is trained again.

    Args:
        classifier: As `fresh_classifier` gave it; changed in place.
        data: Pictures with labels.
        training: The settings.
        folder: Where the state is saved every `save_every` steps and at the end; None saves none.
        device: The device to train on.

    Raises:
        ValueError: if the pictures do not fit, or the folder holds a training of other settings.
    """
    check_data(classifier.config, data)
    classifier.to(device).train()
    right = 0.0

    def loss_of(step: int) -> Tensor:
        nonlocal right
        generator = seeded(training.seed, "classifier", step)
        indices = torch.randint(len(data), (training.batch,), generator=generator)
        x0, y = data.batch(indices)
        assert y is not None
        log_snr = drawn_log_snrs(training.batch, generator)
        x_t = noised(x0, log_snr, torch.randn(x0.shape, generator=generator))
        logits = classifier(x_t.to(device), log_snr.to(device))
        right = float((logits.detach().argmax(dim=1).cpu() == y).float().mean())
        return F.cross_entropy(logits, y.to(device))

    same = {**dataclasses.asdict(classifier.config), "content": data.content}
    for done in train_module(classifier, training, loss_of, same, folder=folder):
        yield ClassifierStep(done.step, done.loss, right, done.seconds)
    classifier.eval()


def training_seconds(folder: Path) -> float:
    """Seconds of processor time that the training in a folder took until its last save; else 0."""
    return seconds_of_training(folder / STATE_FILE)


def check_data(config: ClassifierConfig, data: ImageDataset) -> None:
    """Refuse pictures that a classifier of this shape cannot learn.

    Raises:
        ValueError: in one sentence.
    """
    if data.labels is None:
        raise ValueError(f"{data.name} has no classes; a classifier needs a folder for each class.")
    if data.shape != config.sample_shape or len(data.class_names) != config.num_classes:
        raise ValueError(
            f"The classifier is made for {config.num_classes} classes of pictures of "
            f"{config.sample_shape}, and {data.name} has {len(data.class_names)} of {data.shape}."
        )


@dataclass(frozen=True)
class Accuracy:
    """How well a classifier reads pictures of one level of noise.

    Attributes:
        log_snr: The level.
        accuracy: Share of the pictures that are read right.
        cross_entropy: In nats; log(num_classes) is a guess.
        num: Number of pictures.
    """

    log_snr: float
    accuracy: float
    cross_entropy: float
    num: int


@torch.no_grad()
def accuracy_by_log_snr(
    classifier: NoisyClassifier,
    data: ImageDataset,
    *,
    num: int = 2000,
    log_snrs: tuple[float, ...] = LOG_SNRS,
) -> tuple[Accuracy, ...]:
    """Measure a classifier on pictures that it was not trained on, a row for each level of noise.

    Args:
        classifier: In evaluation mode.
        data: Test pictures; the first `num` of an order of their own are read, with the same noise
            at each level.
        num: Number of pictures.
        log_snrs: The levels.
    """
    check_data(classifier.config, data)
    chosen = torch.randperm(len(data), generator=seeded("classifier test"))[:num]
    device, rows = next(classifier.parameters()).device, []
    for level in log_snrs:
        right, entropy = 0, 0.0
        for first, part in enumerate(chosen.split(250)):
            x0, y = data.batch(part)
            assert y is not None
            eps = torch.randn(x0.shape, generator=seeded("classifier noise", first))
            log_snr = torch.full((len(part),), level)
            logits = classifier(noised(x0, log_snr, eps).to(device), log_snr.to(device)).cpu()
            right += int((logits.argmax(dim=1) == y).sum())
            entropy += float(F.cross_entropy(logits, y, reduction="sum"))
        rows.append(Accuracy(level, right / len(chosen), entropy / len(chosen), len(chosen)))
    return tuple(rows)
