"""Files written whole or not at all, and the folder in which downloads are kept.

A file is written beside its name first, then renamed into place.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

NAME = "diffusion-playground"


def replace_file(path: Path, write: Any) -> None:
    """Call `write` with a temporary path, flush that file, and rename it over `path` in one move.

    Args:
        path: The file to write; folders on the way to it are made.
        write: Writes the file at the path that it is given; what it raises leaves `path` as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file beside its name, then rename it into place.

    Args:
        path: The file to write; folders on the way to it are made.
        tensors: On the CPU, contiguous.
        metadata: Texts by name, for the file's header.

    Raises:
        OSError: if it cannot be written, with the system's own number, as of a full disk.
    """

    def write(file: Path) -> None:
        try:
            save_file(tensors, str(file), metadata)
        except SafetensorError as error:
            if (number := re.search(r"os error (\d+)", str(error))) is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error

    replace_file(path, write)


def write_text(path: Path, text: str) -> None:
    """Write a text file beside its name, then rename it into place."""
    replace_file(path, lambda file: file.write_text(text, encoding="utf-8"))


def cache_folder() -> Path:
    """Folder of downloaded data sets and of the avatars; it need not exist yet.

    It is the platform's own cache folder. Two come before it: one below `XDG_CACHE_HOME`, where
    that is set, on every platform; and `~/.cache/diffusion-playground`, where it exists already,
    because that was the place on every platform once. A user without a home directory has a folder
    among the temporary files.
    """
    xdg = os.environ.get("XDG_CACHE_HOME")
    earlier = Path(os.path.expanduser(xdg or "~/.cache")) / NAME
    if xdg or os.path.isdir(earlier):
        return earlier
    try:
        folder = user_cache_path(NAME, appauthor=False)
    except RuntimeError:  # newer versions of platformdirs refuse a user without a home directory
        folder = Path()
    return folder if folder.is_absolute() else Path(tempfile.gettempdir()) / NAME
