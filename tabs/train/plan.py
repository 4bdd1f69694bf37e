"""From the tab's controls to a training plan, and the page's words on it before it begins.

The presets (a coffee, a lunch, a night) are as many minutes on every machine. A step's time is
measured; from it follow how wide a network the minutes can teach, and how many steps they hold. So
"a coffee" is a coffee also on a slow laptop, with a narrower network.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.data import ImageDataset
from diffusion_core.device import best_device
from diffusion_core.schedule import make_schedule
from diffusion_core.training import UNBOUNDED, TrainConfig, check_fit
from diffusion_core.training_runs import (
    TrainingPlan,
    check_schedule,
    known_step_seconds,
    memory_of_process,
    memory_of_training,
    step_seconds,
)
from diffusion_core.unet import UNet, num_parameters

from ..shared import models
from ..shared.forms import parsed
from ..shared.gpu import home
from ..shared.limits import Limits
from ..shared.sessions import SESSIONS
from ..shared.text import rough_duration
from .form import ATTENTION, FRESH, OWN, PRESETS, TrainForm, ema_for

BESIDE = 1.1  # samples at the milestones take about 8 % of ten minutes, saves 2 %
SAVE_SECONDS = 30
THREAD_BYTES = 32 * 2**20  # of a thread's stack, and of what its heap grows by


def patch_for(size: int) -> int:
    """So many pixels folded into channels that at most 16 × 16 or so are left."""
    return 1 if size <= 16 else 2 if size <= 48 else 4


def fitted(dataset: ImageDataset, checkpoint: Checkpoint) -> ImageDataset:
    """The pictures in as many colours as a checkpoint's network takes."""
    C = checkpoint.image_shape[0]
    if dataset.shape[0] == C:
        return dataset
    x = dataset.pictures
    if C == 1:
        grey = np.rint(x @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)[..., None]
        return dataclasses.replace(dataset, pictures=grey)
    return dataclasses.replace(dataset, pictures=x.repeat(C, axis=3))


def plan_of(
    form: TrainForm, dataset: ImageDataset, limits: Limits
) -> tuple[TrainingPlan, ImageDataset]:
    """The plan that the controls describe, and the pictures as its network takes them.

    Raises:
        ValueError: in one sentence, if it is not possible, or more than this page allows.
    """
    steps, batch = parsed(form, "steps"), parsed(form, "batch")
    if steps > limits.steps:
        raise ValueError(f"Here a training has at most {limits.steps:,} steps; choose fewer.")
    if batch > limits.batch:
        raise ValueError(f"Here a batch has at most {limits.batch} pictures; choose fewer.")
    known = None
    if form.begin != FRESH:
        known = models.get(form.begin if SESSIONS.public else models.fetch(form.begin))
        form = _as_trained(form, known)
    train = TrainConfig(
        num_steps=steps,
        batch_size=batch,
        learning_rate=parsed(form, "learning_rate"),
        warmup_steps=min(500, steps // 10),
        decay_steps=int(0.3 * steps),
        ema_decay=parsed(form, "ema"),
        label_dropout=parsed(form, "dropout"),
        prediction_type=form.prediction,
        loss_weighting=form.weighting,
        precision=form.precision,
        flip=bool(form.flip),
        seed=parsed(form, "seed"),
    )
    noise: dict[str, Any] = {"name": form.schedule, "num_train_timesteps": parsed(form, "T")}
    make_schedule(**noise)
    if known is None:
        levels = parsed(form, "channels")
        attend = ATTENTION[form.attention]
        attention = tuple(i >= len(levels) - attend for i in range(len(levels)))
        plan = TrainingPlan.for_data(
            dataset,
            train,
            noise,
            levels,
            blocks=parsed(form, "blocks"),
            patch_size=parsed(form, "patch"),
            attention=attention,
        )
        if not attend:
            plan = dataclasses.replace(
                plan, unet=dataclasses.replace(plan.unet, mid_attention=False)
            )
    else:
        dataset = fitted(dataset, known)
        unet = dataclasses.replace(
            known.unet.config,
            image_size=dataset.shape[1:],
            num_classes=len(dataset.class_names) or None,
            attributes=tuple(len(values) for _, values in dataset.attribute_names),
        )
        # On a public page from the cache: the machine's own token is for its owner.
        init = str(models.place(form.begin)[0]) if SESSIONS.public else form.begin
        plan = TrainingPlan(
            train, unet, known.config.schedule, init=init
        )  # the noise that it was trained on
    _check_shape(plan, dataset)
    check_fit(train, plan.unet, plan.schedule(), dataset)
    if (millions := num_parameters(plan.unet) / 1e6) > limits.millions:
        raise ValueError(
            f"Here a network has at most {limits.millions:g} million parameters, and this has "
            f"{millions:.1f}; choose fewer channels."
        )
    if limits.gigabytes < math.inf and (needed := memory_needed(plan) / 1e9) > limits.gigabytes:
        raise ValueError(
            f"Here a training may take {limits.gigabytes:g} GB of memory, and this takes about "
            f"{needed:.1f}; choose a smaller batch, or fewer channels."
        )
    return plan, dataset


def _as_trained(form: TrainForm, known: Checkpoint) -> TrainForm:
    """The prediction type stays that of the checkpoint; the weighting must suit it."""
    kind = known.config.prediction_type
    weighting = "none" if (form.weighting, kind) == UNBOUNDED else form.weighting
    return dataclasses.replace(form, prediction=kind, weighting=weighting)


def _check_shape(plan: TrainingPlan, dataset: ImageDataset) -> None:
    H, d = dataset.shape[1], plan.unet.divisor
    if H % d:
        raise ValueError(
            f"Pictures of {H} pixels cannot be halved so often: with {len(plan.unet.channels)} "
            f"levels and patches of {plan.unet.patch_size} the size must be a multiple of {d}."
        )


def seconds_a_step(plan: TrainingPlan, *, known: bool = False) -> float | None:
    """Seconds of a step on this machine, see `step_seconds`, with its share of samples and saves.

    Args:
        plan: The plan of the step.
        known: Do not measure; then None where it was not measured before.
    """
    train, find = plan.train, known_step_seconds if known else step_seconds
    took = find(plan.unet, train.batch_size, train.precision, str(best_device()))
    return None if took is None else BESIDE * took


def with_saves(plan: TrainingPlan, seconds: float) -> TrainingPlan:
    """The plan with a save about every half minute."""
    every = round(SAVE_SECONDS / max(seconds, 1e-3))
    train = dataclasses.replace(plan.train, save_every=min(1000, max(10, every)))
    return dataclasses.replace(plan, train=train)


def memory_needed(plan: TrainingPlan) -> int:
    """Bytes that the process of a training takes, about; on a GPU most of them are the GPU's."""
    return memory_of_process(memory_of_training(UNet(plan.unet), plan.train.batch_size))


def most_memory(plan: TrainingPlan) -> int:
    """Bytes at which the process of a training is refused more; 0 where that cannot be told.

    Twice the forecast, and more for the stacks of threads: it is there against what grows without
    end. CUDA reserves far more than it takes.
    """
    if home().type != "cpu":
        return 0
    return 2 * memory_needed(plan) + (os.cpu_count() or 1) * THREAD_BYTES


def facts(plan: TrainingPlan, dataset: ImageDataset, seconds: float | None) -> str:
    """Parameters, megabytes, memory, time, and points to note: Markdown.

    Args:
        plan: The run.
        dataset: The pictures to train on.
        seconds: Seconds of one step, of `seconds_a_step`; None where they are not known.
    """
    count, train, memory = num_parameters(plan.unet), plan.train, memory_needed(plan)
    epochs = train.num_steps * train.batch_size / len(dataset)
    takes = (
        "its time is not measured while another training runs"
        if seconds is None
        else f"**about {rough_duration(train.num_steps * seconds)}** on this machine "
        f"({1000 * seconds:.0f} ms a step: measured, and a tenth for samples and saves)"
    )
    text = (
        f"**{count / 1e6:.2f} million parameters**, {2 * count / 1e6:.1f} MB on disk; training "
        f"takes about {memory / 1e9:.2g} GB of memory, in a process of its own. "
        f"{train.num_steps:,} steps of {train.batch_size} pictures see each picture "
        f"{epochs:,.1f} times; {takes}."
    )
    if plan.init:
        text += (
            f" It goes on to predict {train.prediction_type}, as what it begins with does; loss "
            f"weighting: {train.loss_weighting}."
        )
    minded = [
        c.words
        for c in check_schedule(make_schedule(**plan.noise), train.prediction_type)
        if not c.ok
    ]
    return " ".join([text, *minded])


FEWEST = 50  # steps


class Filled(NamedTuple):
    """The values of a preset, and the seconds that it takes, where they are known."""

    steps: int
    batch: int
    channels: str
    ema: float
    seconds: float | None


def filled(
    name: str, measure: Callable[[str, int], float | None], limits: Limits, fixed: bool = False
) -> Filled:
    """The values of a preset on this machine.

    Args:
        name: One of `PRESETS`.
        measure: Seconds of a step, for channels and batch; None where that is not known.
        limits: The limits of this page.
        fixed: Whether the network is given, so that its channels are too.
    """
    preset = PRESETS[name]
    # Where minutes are bounded, a slower hour of the machine must not cut the training off.
    budget = 60 * min(preset.minutes, 0.85 * limits.minutes)
    batch = min(preset.batch, limits.batch)
    ways = preset.ways[-1:] if fixed else preset.ways
    channels, each = ways[0][0], None
    for channels, wanted in ways:
        each = measure(channels, batch)
        if each is None or budget / each >= min(wanted, limits.steps):
            break
    steps = preset.steps if each is None else _round(budget / each)
    steps = min(limits.steps, max(FEWEST, steps))
    return Filled(steps, batch, channels, ema_for(steps), None if each is None else steps * each)


def _round(steps: float) -> int:
    """Rounded down to two digits, as a person would write it."""
    scale = 10 ** max(0, len(str(int(steps))) - 2)
    return int(steps / scale) * scale


def choices(presets: dict[str, Filled]) -> list[tuple[str, str]]:
    """(words, name) of each preset, for the menu, and one's own settings."""
    pairs = []
    for name, each in presets.items():
        time = "" if each.seconds is None else f", about {rough_duration(each.seconds)}"
        pairs.append((f"{name}: {each.steps:,} steps{time}", name))
    return [*pairs, (OWN, OWN)]
