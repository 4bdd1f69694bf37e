"""What else a model can be asked for beside the class: one menu an attribute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from diffusion_core.checkpoint import Checkpoint

from .. import models

ANY = "any"
SLOTS = 8  # menus that the page holds; a model with fewer attributes leaves the rest unseen


@dataclass(frozen=True)
class Menus:
    """The menus, and the group that holds them.

    Attributes:
        group: Seen only with a model that has attributes.
        words: Says which classes have which of them.
        menus: `SLOTS` of them, in the order of the model's attributes.
    """

    group: gr.Group
    words: gr.Markdown
    menus: tuple[gr.Dropdown, ...]

    @property
    def all(self) -> list[Any]:
        """What `updates` gives values for."""
        return [self.group, self.words, *self.menus]


def names_of(model: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The model's attributes and their values; none where it cannot be read."""
    try:
        return models.get(model).config.attribute_names[:SLOTS]
    except ValueError:
        return ()


def build(model: str) -> Menus:
    """Lay the menus out, as the first model has them."""
    names = names_of(model)
    menus = []
    with gr.Group(visible=bool(names)) as group:
        for first in range(0, SLOTS, 2):
            with gr.Row():
                for i in (first, first + 1):
                    name, values = names[i] if i < len(names) else (f"attribute {i + 1}", ())
                    menus.append(
                        gr.Dropdown(
                            [ANY, *values],
                            value=ANY,
                            label=name.capitalize(),
                            min_width=120,
                            visible=i < len(names),
                            interactive=True,
                            allow_custom_value=True,
                        )
                    )
    said_of = _words(model)
    words = gr.Markdown(said_of, visible=bool(said_of), elem_classes=["hint"])
    return Menus(group, words, tuple(menus))


def updates(model: str, *chosen: str | None) -> list[Any]:
    """Group, words and menus for another model; a choice stays where that model has it too.

    Args:
        model: The one now chosen.
        *chosen: What the menus say.
    """
    names = names_of(model)
    words = _words(model)
    given: list[Any] = [
        gr.Group(visible=bool(names)),
        gr.Markdown(words, visible=bool(words)),
    ]
    for i, value in enumerate(chosen):
        if i >= len(names):
            given.append(gr.Dropdown([ANY], value=ANY, visible=False))
            continue
        name, values = names[i]
        kept = value if value in values else ANY
        given.append(gr.Dropdown([ANY, *values], value=kept, label=name.capitalize(), visible=True))
    return given


def said(checkpoint: Checkpoint, chosen: tuple[Any, ...]) -> tuple[tuple[str, str], ...]:
    """The menus' choices as pairs of names; what they hold beyond the model's own is no choice."""
    names = [name for name, _ in checkpoint.config.attribute_names]
    return tuple(
        (name, value)
        for name, value in zip(names, chosen, strict=False)
        if value not in (None, "", ANY)
    )


def _words(model: str) -> str:
    """Which classes have which attributes, in a sentence."""
    try:
        config = models.get(model).config
    except ValueError:
        return ""
    names = dict(config.attribute_names)
    known = {n: c for n, c in config.attribute_classes if n in names}
    if not known:
        return ""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, classes in known.items():
        groups.setdefault(tuple(classes), []).append(name)
    parts = [f"{_listed(listed)}: {_listed(list(c))} only." for c, listed in groups.items()]
    return " ".join(part[0].upper() + part[1:] for part in parts)


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
