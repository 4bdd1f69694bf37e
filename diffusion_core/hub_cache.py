"""Which checkpoints of the Hub are on this machine already: read from its cache, without a network.

The cache holds what any program fetched. Counted are folders whose settings are a checkpoint that
can be used here and whose weights are there; they are looked at again only where they changed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from .layouts import SETTINGS, read_settings


def cached() -> dict[str, Path]:
    """The folder of each checkpoint in the Hub's cache, by its id, in alphabetical order."""
    from huggingface_hub import constants

    found = {}
    try:
        repositories = sorted(Path(constants.HF_HUB_CACHE).glob("models--*--*"))
    except OSError:
        return {}
    for repository in repositories:
        hub_id = repository.name.removeprefix("models--").replace("--", "/", 1)
        try:
            commit = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            continue
        folder = repository / "snapshots" / commit
        if weights_in(folder) is not None:
            found[hub_id] = folder
    return found


def weights_in(folder: Path) -> Path | None:
    """The weights file of a checkpoint folder in any layout; None where it is no checkpoint.

    It says nothing of whether the file can be read.
    """
    try:
        stamps = tuple(
            (name, file.stat().st_mtime_ns)
            for name in SETTINGS
            if (file := folder / name).is_file()
        )
        names = _names(folder, stamps)
        return next((file for name in names if (file := folder / name).is_file()), None)
    except OSError:
        return None


@lru_cache(maxsize=1024)
def _names(folder: Path, stamps: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    """What the weights may be called; nothing where the settings are of something else."""
    if not stamps:
        return ()
    try:
        return read_settings(folder)[1]
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, OSError):
        return ()


def known_digest(weights: Path) -> str | None:
    """The SHA-256 by which the Hub's cache keeps this file; None for a file of elsewhere."""
    kept = weights.resolve()
    in_cache = kept.parent.name == "blobs" and re.fullmatch("[0-9a-f]{64}", kept.name)
    return kept.name if in_cache else None
