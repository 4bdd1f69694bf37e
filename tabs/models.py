"""The checkpoints that the page offers, each read once and shared by all sessions."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from diffusion_core.checkpoint import (
    CONFIG,
    WEIGHTS,
    Checkpoint,
    best_device,
    checkpoint_folders,
    load_checkpoint,
)

from .own import OWNERS


def available(session: str = "") -> list[tuple[str, str]]:
    """(name, path) of every checkpoint at hand, for a menu.

    Args:
        session: Whose own models are among them, where visitors are strangers to each other.
    """
    found = []
    own = [OWNERS.folder(session)] if OWNERS.public and session else []
    for folder in [*checkpoint_folders(), *own]:
        for config in sorted(folder.glob(f"*/{CONFIG}")):
            text = config.read_text(encoding="utf-8", errors="replace")
            if (config.parent / WEIGHTS).exists() and '"diffusion-playground/' in text:
                found.append((config.parent.name, str(config.parent)))
    return found


def readable() -> list[tuple[str, Checkpoint]]:
    """(name, checkpoint) of every one at hand that can be read; a broken one is left out."""
    found = []
    for name, path in available():
        try:
            found.append((name, get(path)))
        except ValueError:
            continue
    return found


def by_hash(weights: str) -> tuple[str, Checkpoint] | None:
    """(path, checkpoint) of the one at hand with these weights, if there is one."""
    for _, path in available():
        try:
            checkpoint = get(path)
        except ValueError:
            continue
        if checkpoint.weights_hash == weights:
            return path, checkpoint
    return None


def get(name_or_path: str) -> Checkpoint:
    """The checkpoint of a menu's choice, a folder or a Hub id; on the fastest device here.

    Raises:
        ValueError: if it cannot be had.
    """
    path = dict(available()).get(name_or_path, name_or_path)
    weights = Path(path) / WEIGHTS
    try:
        stamp = weights.stat().st_mtime_ns if weights.exists() else 0
    except (OSError, ValueError):
        raise ValueError("There is no checkpoint of that name; choose one of the menu.") from None
    return _read(path, stamp)


def listed(name: str) -> Checkpoint:
    """The checkpoint of that name, for a program; at home also a folder's path or a Hub id.

    Raises:
        ValueError: if there is none; it says which there are.
    """
    known = dict(available())
    text = isinstance(name, str)
    if not text or (name not in known and (OWNERS.public or "/" not in name)):
        raise ValueError(f"There is no model {name!r} here; choose from: {', '.join(known)}.")
    return get(name)


@lru_cache(maxsize=16)
def _read(path: str, stamp: int) -> Checkpoint:
    """Read it; `stamp` makes a file that was written anew a new checkpoint."""
    del stamp
    checkpoint = load_checkpoint(path)
    checkpoint.unet.to(best_device())
    return checkpoint
