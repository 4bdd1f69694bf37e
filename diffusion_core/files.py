"""Files written whole or not at all: beside their name first, then renamed into place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def replace_file(path: Path, write: Any) -> None:
    """Call write(temporary path), flush to the disk, then rename it over `path` in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file beside its name, then rename it into place."""
    replace_file(path, lambda file: file.write_text(text, encoding="utf-8"))
