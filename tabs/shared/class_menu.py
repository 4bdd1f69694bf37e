"""The menu of a model's classes: its choices, and the words that it shows for them."""

from __future__ import annotations

from . import models
from .text import LONGEST_NAME, printable, worded

NO_CLASS = "none"


def classes(model: str) -> list[str]:
    """Choices of the class menu for a model; only "none" where it cannot be read."""
    try:
        checkpoint = models.get(model)
    except ValueError:
        return [NO_CLASS]
    names = checkpoint.config.class_names or [str(i) for i in range(checkpoint.num_classes)]
    shown = [printable(name, LONGEST_NAME) for name in names]
    return [*([] if names and not checkpoint.null_label else [NO_CLASS]), *shown]


def class_choices(model: str) -> list[tuple[str, str]]:
    """Those choices with the words that the menu shows for them; "none" is a word of the page."""
    names = classes(model)
    own = worded([name for name in names if name != NO_CLASS])
    return [*([(NO_CLASS, NO_CLASS)] if NO_CLASS in names else []), *own]
