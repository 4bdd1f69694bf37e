"""What of a checkpoint goes to the Hub, laid out in a folder of its own.

Config, weights, card and a sheet of samples, each named here; so no state of a training, no
pictures and no notes can travel by mistake. The checkpoint's own folder stays as it is. Paths of
this machine that a training noted are cut to their last names: they are nobody else's business.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .card import full_card
from .checkpoint import Checkpoint
from .checkpoint_config import CONFIG, CheckpointConfig
from .diffusers_export import export_diffusers
from .hub import CARD
from .hub_card import SAMPLES, card_for_hub, write_samples
from .layouts import WEIGHTS
from .state import write_text


def lay_out(
    stage: Path,
    folder: Path,
    checkpoint: Checkpoint,
    to: str,
    diffusers: bool,
    licence: str | None,
    device: torch.device | None,
    tell: Callable[[str], None],
) -> None:
    """Put into the stage what shall be pushed, and nothing else.

    Args:
        stage: An empty folder.
        folder: Of the checkpoint.
        checkpoint: As read from it.
        to: Where it goes, for the card.
        diffusers: In diffusers' layout; see `export_diffusers`.
        licence: For the card; None is its own, else mit.
        device: That draws samples, where the folder has none; None is the CPU.
        tell: Called with a few words before that.

    Raises:
        ValueError: if its card cannot be read, or diffusers cannot have it.
    """
    config, cut = without_paths(checkpoint.config)
    checkpoint = dataclasses.replace(checkpoint, config=config)
    if diffusers:
        export_diffusers(stage, checkpoint)
        text = (stage / CARD).read_text(encoding="utf-8")
    else:
        shutil.copyfile(folder / WEIGHTS, stage / WEIGHTS)
        digest = hashlib.sha256((stage / WEIGHTS).read_bytes()).hexdigest()
        if digest != checkpoint.weights_hash:
            raise ValueError(f"{folder.name} was written to just now; push it again.")
        write_text(stage / CONFIG, config.to_json())
        known = folder / CARD
        text = known.read_text(encoding="utf-8", errors="replace") if known.is_file() else ""
        text = full_card(text, checkpoint)
    for path, name in cut.items():
        text = text.replace(path, name)
    caption = None
    if (folder / SAMPLES).is_file():
        shutil.copyfile(folder / SAMPLES, stage / SAMPLES)
    else:
        tell("Drawing samples for the card")
        checkpoint.unet.to(device or torch.device("cpu"))
        caption = write_samples(stage / SAMPLES, checkpoint)
    write_text(stage / CARD, card_for_hub(text, to, caption, licence))


def without_paths(config: CheckpointConfig) -> tuple[CheckpointConfig, dict[str, str]]:
    """Settings whose notes on the training name no folders of this machine.

    Returns:
        The settings, and what was replaced by what, for the card.
    """
    training: dict[str, Any] = dict(config.training)
    changed = {}
    command = str(training.get("command") or "")
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if any(map(_names_a_path, words)):
        changed[command] = training["command"] = shlex.join(map(_last_name, words))
    init = str(training.get("init") or "")
    if _names_a_path(init):
        changed[init] = training["init"] = _last_name(init)
    return dataclasses.replace(config, training=training), changed


def _names_a_path(word: str) -> bool:
    return bool(re.match(r"(--[\w-]+=)?([/~\\]|\.\.?[/\\]|[A-Za-z]:[/\\])", word))


def _last_name(word: str) -> str:
    if not _names_a_path(word):
        return word
    option, equals, path = word.rpartition("=") if word.startswith("--") else ("", "", word)
    return option + equals + (re.split(r"[/\\]", path.rstrip("/\\"))[-1] or "FOLDER")
