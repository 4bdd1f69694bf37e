"""The folders that the page writes in, prepared before Gradio is imported, which reads where.

Gradio keeps uploads and what is downloaded in one folder for all users of a machine, which belongs
to whoever came first. The page has one of its own, which goes with it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from diffusion_core.files import (
    cache_folder,
    ensure_home,
    own_folder,
    temporary_folder,
    why_not_writable,
)

GRADIO_FOLDER = "GRADIO_TEMP_DIR"
NEEDED = 200e6  # bytes, for uploads and animations


def prepare(public: bool) -> list[str]:
    """Choose the folders that are left to the page; and what to say at start about the others.

    Args:
        public: Whether the models of visitors lie among the temporary files.

    Returns:
        A sentence for each folder that cannot be written and that the page can do without.

    Raises:
        ValueError: if there is no folder for temporary files, or not the one that was asked for.
    """
    try:
        tempfile.gettempdir()
    except OSError:
        raise ValueError(
            "No folder for temporary files can be written, or their disk is full: set TMPDIR to a "
            "folder that can be written."
        ) from None
    told = []
    if not ensure_home() and not os.environ.get("HF_HOME"):
        told.append(
            "This user has no home directory, so what is fetched from the Hub goes when the page "
            "ends: set HF_HOME to a folder that stays."
        )
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < NEEDED:
        told.append(
            f"Only {free / 1e6:,.0f} MB are free for temporary files in {tempfile.gettempdir()}: "
            "set TMPDIR to a folder with more space."
        )
    given = os.environ.get(GRADIO_FOLDER)
    if not given:
        os.environ[GRADIO_FOLDER] = str(temporary_folder("playground-files-"))
    elif reason := why_not_writable(Path(given)):
        raise ValueError(
            f"{GRADIO_FOLDER} names {given}, where nothing can be written ({reason}): set it to "
            "another folder, or unset it."
        )
    hub = Path(os.environ.get("HF_HUB_CACHE") or _hub_home() / "hub")
    for folder, loss, mend in (
        (None if public else own_folder(), "trainings cannot be kept", "--models"),
        (hub, "models cannot be fetched from the Hub", "HF_HOME"),
        (cache_folder(), "data sets cannot be downloaded", "XDG_CACHE_HOME"),
    ):
        if folder is not None and (reason := why_not_writable(folder)):
            told.append(
                f"Nothing can be written in {folder} ({reason}), so {loss}: set {mend} to a folder "
                "that can be written."
            )
    return told


def _hub_home() -> Path:
    """The folder of huggingface_hub, by the rule of that library."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expanduser(os.environ.get("HF_HOME") or f"{cache}/huggingface"))
