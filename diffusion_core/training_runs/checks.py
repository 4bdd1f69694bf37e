"""Checks of a data set, a schedule and a training run, each in plain words.

Nothing here decides anything: a check says what was found and, where it is not as it should be,
what to do. The thresholds are rules of thumb; what they rest on stands beside each. The numbers
that `check_run` wants are measured by `ema_gap`, `nearest_ratio` and `saturation`, cheaply: on a
few pictures, once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..data import ImageDataset
from ..denoiser import PREDICTION_TYPES, PREDICTIONS, check_prediction, network_output
from ..fields import check_fields, flag, listed, mapping, parse_json, text
from ..files import write_text
from ..process import q_sample
from ..schedule import FlowSchedule, Schedule
from ..seeding import seeded
from ..unet import UNet

__all__ = [
    "Check",
    "check_data",
    "check_run",
    "check_schedule",
    "ema_gap",
    "load_checks",
    "nearest_ratio",
    "saturation",
    "save_checks",
]

FEW_PICTURES, FEW_OF_A_CLASS, IMBALANCE = 100, 10, 10
DUPLICATES = 0.01
ONE_VALUE = 0.95  # of all pixels; Fashion-MNIST has half of them black, line drawings 0.8 to 0.9
TERMINAL_SIGNAL = 0.01  # Ho et al.'s linear schedule leaves 0.006
# The median of 50 noisy losses is known to about 5 %, so a change by more than 10 % is real.
WINDOW, ENOUGH_STEPS, LATE, FALLEN, RISEN = 50, 200, 2000, 0.9, 1.25
# Measured from step 50 on: -0.07 to 0.15 where the average followed, 0.27 to 6 where it lagged.
EMA_GAP = 0.2
# In odds. Measured: 0.6 to 2.1 between one class of Fashion-MNIST and all, 7 at guidance 20. Data
# without black or white count as 0.05, since some picture of few always has some.
SATURATED, OWN_SATURATION = 4.0, 0.05
# Measured: 0.99 to 1.07 for a network that generalises; copies are near 0.
COPIED = 0.5
_CHUNK = 2**22  # numbers held at a time


def saturation(x: Tensor) -> float:
    """The share of values that are shown as fully black or white: |x| >= 1 - 1/255.

    Args:
        x: Images in [-1, 1] or beyond, at least one.
    """
    return float((x.abs() >= 1 - 1 / 255).float().mean())


@torch.no_grad()
def ema_gap(
    raw: UNet,
    averaged: UNet,
    dataset: ImageDataset,
    schedule: Schedule,
    prediction_type: str,
    *,
    num: int = 64,
) -> float:
    """How much larger the averaged network's error is than the raw one's: their quotient less 1.

    Both errors are of the same pictures and noise, at timesteps spread over all. Above 0 the
    average lags; later it lies below. The distance of the weights cannot tell: 0.17 was measured in
    a healthy run at its full learning rate, 0.02 to 0.36 where the average lagged.

    Args:
        raw: The network in training.
        averaged: Its average.
        dataset: The training data.
        schedule: The noise schedule of the training.
        prediction_type: What the networks predict.
        num: The number of pictures; each network is evaluated on each once.
    """
    generator = seeded("ema gap")
    chosen = torch.randint(len(dataset), (num,), generator=generator)
    x0, y = dataset.batch(chosen)
    t = (torch.arange(num) * len(schedule) + len(schedule) // 2) // num
    eps = torch.randn(x0.shape, generator=generator)
    target = PREDICTIONS[prediction_type].target(x0, t, eps, schedule)
    x_t = q_sample(x0, t, eps, schedule)
    if raw.config.attributes:
        y = dataset.conditions(chosen)
    y = None if raw.config.num_classes is None else y
    errors = []
    for unet in (raw, averaged):
        device, training = next(unet.parameters()).device, unet.training
        unet.eval()
        try:
            on_device = None if y is None else y.to(device)
            output = network_output(unet, unet.config, x_t.to(device), t.to(device), on_device)
        finally:
            unet.train(training)
        errors.append(float((output.float().cpu() - target).square().mean()))
    return errors[1] / errors[0] - 1


@torch.no_grad()
def nearest_ratio(
    samples: Tensor, dataset: ImageDataset, *, num_real: int = 256
) -> tuple[float, float]:
    """Measure how near samples, and training pictures, are to the nearest training picture.

    Distances are root mean squares over pixels, where 2 is black against white. A training picture
    is compared with all others but itself.

    Args:
        samples: Images, (B, C, H, W) in [-1, 1].
        dataset: At least two pictures; they are made floats a slice at a time.
        num_real: At most so many training pictures are measured.

    Returns:
        The median distance of the samples, and that of the training pictures.

    Raises:
        ValueError: if the samples are not of the data's shape, or there are too few of either.
    """
    N = len(dataset)
    if samples.shape[1:] != dataset.shape or not len(samples) or N < 2:
        raise ValueError(
            f"There must be samples of the shape (B, {', '.join(map(str, dataset.shape))}), got "
            f"{tuple(samples.shape)}, and at least two pictures, got {N}."
        )
    own = torch.randperm(N, generator=seeded("nearest", N))[:num_real]
    x = torch.cat([samples.float().cpu(), dataset.batch(own)[0]]).flatten(1)  # (B', D)
    best = torch.full((len(x),), torch.inf)
    index = torch.zeros(len(x), dtype=torch.int64)
    for part in torch.arange(N).split(max(1, _CHUNK // max(x.shape))):
        images = dataset.batch(part)[0].flatten(1)  # (n, D)
        far = images.square().sum(1) - 2 * x @ images.T  # + |x|²
        mine = ((own >= part[0]) & (own <= part[-1])).nonzero()[:, 0]
        far[len(samples) + mine, own[mine] - part[0]] = torch.inf
        near, at = far.min(1)
        index = torch.where(near < best, at + part[0], index)
        best = torch.minimum(best, near)
    # From the difference, since |x|² - 2xy + |y|² of equal images is not exactly 0.
    rms = (x - dataset.batch(index)[0].flatten(1)).square().mean(1).sqrt()
    return float(rms[: len(samples)].median()), float(rms[len(samples) :].median())


@dataclass(frozen=True)
class Check:
    """The result of one check, in words for the page.

    Attributes:
        name: The name of what was checked.
        ok: Whether it is as it should be, or it is too early to tell.
        words: A plain sentence or two; if not ok, what to do.
    """

    name: str
    ok: bool
    words: str


CHECKS_FILE = "checks.json"
_CHECK = {"name": text(), "ok": flag(), "words": text(2000)}


def save_checks(folder: Path, checks: Sequence[Check]) -> None:
    """Write the latest checks of a run beside its state."""
    write_text(folder / CHECKS_FILE, json.dumps([dataclasses.asdict(each) for each in checks]))


def load_checks(folder: Path) -> list[Check]:
    """Read what `save_checks` wrote; empty where there is no file that can be read."""
    try:
        values = parse_json((folder / CHECKS_FILE).read_bytes(), CHECKS_FILE)
        listed(mapping(), 0, 100).check("its checks", values)
        return [Check(**check_fields(each, _CHECK, required=tuple(_CHECK))) for each in values]
    except (OSError, ValueError, TypeError):
        return []


def _check(name: str, ok: bool, words: str, advice: str) -> Check:
    """A `Check` whose words end with the advice where it is not ok."""
    return Check(name, ok, words if ok else f"{words} {advice}")


def check_data(dataset: ImageDataset) -> list[Check]:
    """Check whether a data set has enough pictures, of the right kind, to learn from.

    Args:
        dataset: The training data, at least one picture; read one picture at a time.
    """
    N, levels, seen = len(dataset), np.zeros(256, np.int64), set()
    for picture in dataset.pictures:
        levels += np.bincount(picture.ravel(), minlength=256)
        seen.add(hashlib.blake2b(picture.tobytes(), digest_size=16).digest())
    share = levels / levels.sum()
    low, high = np.searchsorted(share.cumsum(), (0.001, 0.999))  # a speck makes no range
    used, most = int(high - low) / 255, float(share.max())
    copies = N - len(seen)
    checks = [
        _check(
            "count",
            N >= FEW_PICTURES,
            f"There are {N:,} pictures.",
            f"With fewer than {FEW_PICTURES} the network learns them by heart: add more, or "
            "expect copies.",
        ),
        _check(
            "value range",
            used >= 0.5,
            f"The pictures use {used:.0%} of the range from black to white.",
            "Raise their contrast first, or the network takes most of it for noise.",
        ),
        _check(
            "variety",
            most <= ONE_VALUE,
            f"The commonest value ({share.argmax()} of 255) makes {most:.0%} of all pixels.",
            "Crop the pictures closer, or the network learns little but that.",
        ),
        _check(
            "duplicates",
            copies <= DUPLICATES * N,
            f"Exact copies of other pictures: {copies:,} of {N:,}.",
            "Take them out: what is seen more often is learned by heart first.",
        ),
    ]
    if dataset.labels is not None:
        checks += _check_classes(dataset.labels, dataset.class_names)
    missing = len(dataset.unreadable)
    first = f"; the first is {dataset.unreadable[0]}" if missing else "."
    words = f"Files that could not be read: {missing:,}{first}"
    return [*checks, Check("unreadable", not missing, words)]


def _check_classes(labels: Tensor, names: tuple[str, ...]) -> list[Check]:
    """Check whether each class has enough pictures, and none far more than another."""
    counts = torch.bincount(labels, minlength=len(names)).tolist()
    names = names or tuple(str(label) for label in range(len(counts)))
    small, large = min(counts), max(counts)
    least, most = names[counts.index(small)], names[counts.index(large)]
    few = sum(count < FEW_OF_A_CLASS for count in counts)
    return [
        _check(
            "class size",
            not few,
            f"The smallest of {len(counts)} classes, {least}, has {small:,} "
            f"picture{'' if small == 1 else 's'}.",
            f"Classes with fewer than {FEW_OF_A_CLASS}: {few}; give them more pictures, or leave "
            "them out.",
        ),
        _check(
            "class balance",
            large <= IMBALANCE * small,
            f"The largest class, {most}, has {large:,} pictures, the smallest, {least}, {small:,}."
            if large > small
            else f"Each class has {small:,} pictures.",
            "Even them out, or the small one is hardly learned.",
        ),
    ]


def check_schedule(schedule: Schedule, prediction_type: str) -> list[Check]:
    """Check whether training ends where sampling begins, with something to predict there.

    Sampling starts from pure noise, but the noisiest picture of training still holds
    sqrt(ᾱ_{T-1}) of the clean one (Lin et al. 2023, section 3.1).

    Args:
        schedule: The noise schedule of the training.
        prediction_type: What the network predicts.

    Raises:
        ValueError: if there is no such prediction_type, or not on this schedule.
    """
    if prediction_type not in PREDICTION_TYPES:
        choices = ", ".join(PREDICTION_TYPES)
        raise ValueError(f"There is no prediction_type {prediction_type!r}; choose {choices}.")
    check_prediction(prediction_type, schedule)
    left = float(schedule.alpha_bar(len(schedule) - 1).sqrt())
    wanted = "velocity" if isinstance(schedule, FlowSchedule) else "v_prediction"
    return [
        _check(
            "terminal signal",
            left < TERMINAL_SIGNAL,
            f"At the last timestep {left:.2%} of the picture is left.",
            "Sampling starts from pure noise, which training then never shows: choose the cosine "
            "schedule, or more timesteps.",
        ),
        _check(
            "prediction",
            left > 0 or prediction_type != "epsilon",
            f"The network predicts {prediction_type}, down to {left:.2%} of the picture.",
            f"In pure noise that says nothing of the picture: choose {wanted} or sample.",
        ),
    ]


def check_run(
    losses: Sequence[float],
    *,
    ema_gap: float | None,
    x0_saturated: float | None,
    nearest: float | None,
    nearest_real: float | None,
    data_saturated: float = 0.0,
    from_random: bool = True,
) -> list[Check]:
    """Check whether a run goes well; an argument of None was not measured and is not checked.

    Args:
        losses: The losses of single steps, not smoothed, from the first step on.
        ema_gap: Error of the average against the raw network; see `ema_gap`.
        x0_saturated: `saturation` of some x0_hat.
        nearest: Distance of samples to the nearest training picture; see `nearest_ratio`.
        nearest_real: The same distance of training pictures.
        data_saturated: `saturation` of some training pictures.
        from_random: The run began with random weights; else it may have little left to learn.
    """
    checks = _check_losses(losses, from_random)
    if ema_gap is not None:
        checks.append(
            _check(
                "average",
                ema_gap <= EMA_GAP,
                f"The averaged network's error is {1 + ema_gap:.2f} times the network's own.",
                "The average lags behind, and samples show what was: wait, as early in a run, "
                "or lower ema_decay.",
            )
        )
    if x0_saturated is not None:
        own = max(data_saturated, OWN_SATURATION)
        checks.append(
            _check(
                "saturation",
                x0_saturated <= SATURATED * own / (1 + (SATURATED - 1) * own),
                f"{x0_saturated:.0%} of the values of x0_hat are fully black or white, of the "
                f"data's {data_saturated:.0%}.",
                "Lower the guidance scale, or train for longer.",
            )
        )
    if nearest is not None and nearest_real is not None:
        ratio = nearest / nearest_real if nearest_real else math.nan
        checks.append(
            _check(
                "memorising",
                ratio >= COPIED,
                f"Samples lie {ratio:.2f} times as far from the nearest training picture as "
                "training pictures lie from each other.",
                "They are close to copies: use more pictures, fewer steps or a smaller network."
                if nearest_real
                else "Most pictures are there twice: take the copies out to tell.",
            )
        )
    return checks


def _check_losses(losses: Sequence[float], from_random: bool) -> list[Check]:
    """Check whether losses are finite and fall, by medians of windows: single ones are noisy."""
    bad = next((step for step, loss in enumerate(losses, 1) if not math.isfinite(loss)), None)
    if bad is not None:
        words = f"The loss of step {bad:,} is not a number: begin again at a lower learning rate."
        return [Check("finite", False, words)]
    finite = Check("finite", True, "Every loss is a number.")
    n = len(losses)
    if n < ENOUGH_STEPS:
        words = f"{n} steps are too few to tell; {ENOUGH_STEPS} are enough."
        return [finite, Check("falling", True, words)]
    width = max(WINDOW, n // 10)
    medians = [statistics.median(losses[end - width : end]) for end in range(n, width - 1, -width)]
    first, last, best = statistics.median(losses[:WINDOW]), medians[0], min(medians)
    if last > RISEN * best:
        words = f"The loss was {best:.3g} and has risen to {last:.3g}: lower the learning rate."
        return [finite, Check("falling", False, words)]
    words = f"The loss went from {first:.3g} to {last:.3g}."
    if from_random and last > FALLEN * first:
        words += " It should have fallen: try another learning rate, and look at the pictures."
        return [finite, Check("falling", False, words)]
    if n >= LATE and last > 0.98 * medians[1]:
        words += (
            " That it is flat now is normal, as most of it comes from timesteps where nothing more "
            "can be known: look at the loss by timestep, and at samples."
        )
    return [finite, Check("falling", True, words)]
