"""Training in two stages: first the text encoder alone, then the whole network.

The first stage needs no picture. A UNet with classes has a vector for every condition that can be
chosen in menus, y -> (B, E). The text encoder learns to give for a caption the vector of what it
tells, e(told), by regression:

    L = E_{caption} || last token - e(told) ||²

So the network is asked in words as it was by menus, before it has seen a caption beside a picture.
The second stage is the core's own training, `training.train`, with captions for conditions: there
it learns what menus could not ask for. GLIDE trained all of its network; where there is no time for
so many pictures, the UNet's own weights can stay, and only text encoder and attention to words
learn: their gradient costs less, and what the UNet draws well it cannot forget.

Both are saved so that they can go on, and to the bit as if they had not been interrupted: the draws
of a step follow from the seed and its number.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..conditioning import AttributeNames, ConditionEncoder
from ..schedule import Schedule
from ..training import TrainConfig, TrainingState, TrainStep, learning_rate_at
from ..training_runs import read_state, write_state
from .captions import Tokenizer, told_condition
from .in_words import train_in_words, training_in_words
from .inpainting import Inpainter, draw_known
from .network import GlideNetwork
from .records import CaptionedPictures, Records, caption_of
from .text_encoder import TextEncoder

TEXT_STATE = "text.safetensors"
EMPTY = 0.05  # share of empty captions in the first stage


@dataclass(frozen=True)
class MenuTargets:
    """The vectors that the menus of a model have, for captions to be turned into.

    Attributes:
        encoder: The model's own condition encoder.
        class_names: Its classes.
        attribute_names: Its attributes.
    """

    encoder: ConditionEncoder
    class_names: Sequence[str]
    attribute_names: AttributeNames


@dataclass(frozen=True)
class TextStep:
    """What a step of the first stage tells.

    Attributes:
        step: Steps done, from 1.
        loss: Mean squared error of the vectors' features.
        unexplained: The same as a share of the variance of the wanted vectors in this batch.
        encoder: The averaged text encoder; read it, do not change it.
    """

    step: int
    loss: float
    unexplained: float
    encoder: TextEncoder


def text_training(steps: int, *, batch_size: int = 32, seed: int = 0) -> TrainConfig:
    """Settings of the first stage.

    Args:
        steps: Optimiser steps; the learning rate falls over the last half.
        batch_size: Captions a step.
        seed: Of all draws.
    """
    return TrainConfig(
        num_steps=steps,
        batch_size=batch_size,
        learning_rate=2e-3,
        warmup_steps=100,
        decay_steps=steps // 2,
        ema_decay=0.99,
        precision="fp32",
        seed=seed,
        save_every=100,
    )


def glide_training(steps: int, *, batch_size: int = 32, seed: int = 0) -> TrainConfig:
    """Settings of the second stage, which goes on from a network that draws already.

    Args:
        steps: Optimiser steps; the learning rate falls over the last half.
        batch_size: Pictures a step.
        seed: Of all draws.
    """
    return training_in_words(steps, batch_size=batch_size, seed=seed)


def draw_captions(
    records: Records, tokenizer: Tokenizer, targets: MenuTargets, config: TrainConfig, step: int
) -> tuple[Tensor, Tensor]:
    """The captions of a step, (B, L) up to the longest, and what they tell, (B, 1 + K)."""
    first = step * config.batch_size
    rows, told = [], []
    for index in range(first, first + config.batch_size):
        caption = caption_of(records, index, config.seed)
        empty = index % round(1 / EMPTY) == 0
        rows.append(tokenizer.condition([]) if empty else tokenizer.read(caption.text))
        known = {} if empty else caption.told
        told.append(told_condition(known, targets.class_names, targets.attribute_names))
    y = torch.cat(rows)
    return y[:, : int((y >= 0).sum(dim=1).max())], torch.stack(told)


def learn_text(
    encoder: TextEncoder,
    records: Records,
    tokenizer: Tokenizer,
    targets: MenuTargets,
    schedule: Schedule,
    config: TrainConfig,
    *,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[TextStep]:
    """Train a text encoder to give the vectors of a model's menus, and yield after every step.

    Args:
        encoder: The encoder; it is moved to the device, and changed in place.
        records: The facts that captions are written of.
        tokenizer: Turns captions into conditions.
        targets: What the vectors shall be.
        schedule: The noise schedule of the model, which is kept with the state.
        config: The settings, as of `text_training`.
        folder: Where the state is saved, and from where an interrupted training goes on; None saves
            nothing.
        device: The device to train on.

    Raises:
        ValueError: if the folder holds a training with other settings.
        FloatingPointError: if the loss is not finite.
    """
    targets.encoder.to(device)
    state: TrainingState[TextEncoder] = TrainingState.of(encoder, config, device)
    settings = _settings(config, dataclasses.asdict(encoder.config), len(records), tokenizer)
    settings["data"]["targets"] = float(targets.encoder.weight.detach().double().sum())
    file = None if folder is None else folder / TEXT_STATE
    if file is not None and file.exists():
        read_state(file, settings, schedule, state)
    while (done := state.step) < config.num_steps:
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate_at(config, done)
        y, told = draw_captions(records, tokenizer, targets, config, done)
        with torch.no_grad():
            wanted = targets.encoder(told.to(device), len(told))
        vector, _, _ = state.unet(y.to(device))
        loss = (vector - wanted).square().mean()
        state.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.unet.parameters(), config.grad_clip)
        if not math.isfinite(value := float(loss.detach())):
            raise FloatingPointError(
                f"The loss is not finite at step {done + 1}; take a smaller learning rate."
            )
        state.optimizer.step()
        state.ema.update_parameters(state.unet)
        state.step = done + 1
        spread = float((wanted - wanted.mean(dim=0)).square().mean())
        _save(file, settings, schedule, state, config)
        yield TextStep(state.step, value, value / max(spread, 1e-12), state.ema.module)  # type: ignore[arg-type]


def learn_glide(
    network: GlideNetwork,
    data: CaptionedPictures,
    schedule: Schedule,
    config: TrainConfig,
    *,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[TrainStep[GlideNetwork]]:
    """Train the whole network on captioned pictures, and yield after every step.

    Args:
        network: The network with the weights to begin with; it is changed in place, but for what
            requires no gradient.
        data: The pictures and their captions.
        schedule: The noise schedule.
        config: The settings, as of `glide_training`.
        folder: As for `learn_text`.
        device: The device to train on.

    Raises:
        ValueError: if the folder holds a training with other settings.
        FloatingPointError: if the gradient is not finite.
    """
    yield from train_in_words(
        network, data, schedule, config, folder=folder, device=device, fixed=True
    )


def learn_inpainter(
    network: Inpainter,
    data: CaptionedPictures,
    schedule: Schedule,
    config: TrainConfig,
    *,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[TrainStep[Inpainter]]:
    """Train a network to fill holes of pictures with captions, and yield after every step.

    The loss is that of all pixels (Nichol et al. 2021, section 2.4); see `draw_known` for the
    holes. Arguments and errors are those of `learn_glide`.
    """

    def given(step: int, x0: Tensor) -> tuple[Tensor, Tensor]:
        return x0, draw_known(config.seed, step, tuple(x0.shape))

    yield from train_in_words(
        network, data, schedule, config, folder=folder, device=device, given=given, fixed=True
    )


def _settings(
    config: TrainConfig, shape: dict[str, Any], records: int, tokenizer: Tokenizer
) -> dict[str, Any]:
    data = {"records": records, "vocabulary": " ".join(tokenizer.vocabulary)}
    return {"train": dataclasses.asdict(config), "unet": shape, "data": data}


def _save(
    file: Path | None,
    settings: dict[str, Any],
    schedule: Schedule,
    state: TrainingState[Any],
    config: TrainConfig,
) -> None:
    """Save the state every so many steps, and at the end."""
    if file is None or (state.step % config.save_every and state.step != config.num_steps):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    write_state(file, settings, schedule, state, "fp32")
