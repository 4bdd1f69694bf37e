"""The menus of a model's attributes: one line that says what is chosen, and the menus in its fold.

A class may lack some attributes: a drawing of a thumb has no clothing. The menus of those are not
seen while that class is chosen, and what they hold is kept, but no part of the walk.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from diffusion_core.checkpoint import Checkpoint

from ..shared import models
from ..shared.forms import Controls
from ..shared.text import as_words, original, worded

ANY = "any"
SLOTS = 8  # menus that the page holds; a model with fewer attributes leaves the rest unseen
ATTRIBUTE_PARTS = ("attribute_fold", "attribute_words", "attributes")
OF_PEOPLE = {"head", "face", "hair", "skin"}  # attributes that tell what the pictures show

Values = tuple[str | None, ...]


def names_of(model: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The model's attributes and their values; none where it cannot be read."""
    try:
        return models.get(model).config.attribute_names[:SLOTS]
    except ValueError:
        return ()


def place(controls: Controls[Any], model: str, label: str | None) -> None:
    """Lay out the fold with the attributes' menus, as the first model and class have them."""
    names, own = names_of(model), applying(model, label)
    values: Values = (ANY,) * SLOTS
    menus = []
    fold = gr.Accordion(
        line(model, label, values), open=False, visible=bool(own), elem_id="denoise-attributes"
    )
    with fold:
        words = left_out(model, label)
        told = gr.Markdown(words, visible=bool(words), elem_classes=["hint"])
        for first in range(0, SLOTS, 2):
            with gr.Row(elem_classes=["pair"]):
                for i in (first, first + 1):
                    name, values_of = names[i] if i < len(names) else (f"attribute {i + 1}", ())
                    menus.append(
                        gr.Dropdown(
                            _choices(values_of),
                            value=ANY,
                            label=as_words(name),
                            min_width=100,
                            visible=name in own,
                            interactive=True,
                            allow_custom_value=True,
                        )
                    )
    controls.add("attribute_fold", fold)
    controls.add("attribute_words", told)
    controls.add("attributes", tuple(menus))


def attribute_updates(model: str, label: str | None, chosen: Values) -> dict[str, Any]:
    """Updates of `ATTRIBUTE_PARTS` for another model; a choice stays where that model has it too.

    Args:
        model: The model now chosen.
        label: The class now chosen.
        chosen: The menus' values.
    """
    names, own = names_of(model), applying(model, label)
    kept: list[str] = []
    menus = []
    for i, value in enumerate(chosen):
        if i >= len(names):
            kept.append(ANY)
            menus.append(gr.Dropdown([ANY], value=ANY, visible=False))
            continue
        name, values = names[i]
        kept.append(value if value is not None and value in values else ANY)
        menus.append(
            gr.Dropdown(_choices(values), value=kept[-1], label=as_words(name), visible=name in own)
        )
    return {**shown(model, label, tuple(kept)), "attributes": tuple(menus)}


def seen(model: str, label: str | None, chosen: Values) -> dict[str, Any]:
    """Updates of `ATTRIBUTE_PARTS` for another class: which menus are seen; their values stay."""
    names, own = names_of(model), applying(model, label)
    menus = [gr.Dropdown(visible=i < len(names) and names[i][0] in own) for i in range(len(chosen))]
    return {**shown(model, label, chosen), "attributes": tuple(menus)}


def shown(model: str, label: str | None, chosen: Values) -> dict[str, Any]:
    """Updates of the fold and its words alone, which tell what the menus hold."""
    words = left_out(model, label)
    return {
        "attribute_fold": gr.Accordion(
            label=line(model, label, chosen), visible=bool(applying(model, label))
        ),
        "attribute_words": gr.Markdown(words, visible=bool(words)),
    }


def applying(model: str, label: str | None) -> list[str]:
    """The names of those attributes that the class has; all of them where none is chosen."""
    try:
        checkpoint = models.get(model)
    except ValueError:
        return []
    return [name for name, _ in names_of(model) if applies(checkpoint, name, label)]


def applies(checkpoint: Checkpoint, name: str, label: str | None) -> bool:
    """Whether a class of the menu, or none, has an attribute."""
    classes, every = dict(checkpoint.config.attribute_classes), checkpoint.config.class_names or ()
    chosen = original(label or "", every)
    return name not in classes or chosen not in every or chosen in classes[name]


def chosen_attributes(
    checkpoint: Checkpoint, label: str | None, chosen: tuple[Any, ...]
) -> tuple[tuple[str, str], ...]:
    """The menus' choices as pairs of names, without those of attributes that the class lacks."""
    names = [name for name, _ in checkpoint.config.attribute_names]
    return tuple(
        (name, value)
        for name, value in zip(names, chosen, strict=False)
        if value not in (None, "", ANY) and applies(checkpoint, name, label)
    )


def line(model: str, label: str | None, chosen: Values) -> str:
    """What the menus hold, in a line: the name of their fold."""
    own = applying(model, label)
    pairs = zip((name for name, _ in names_of(model)), chosen, strict=False)
    parts = [
        f"{name} {as_words(value).lower()}"
        for name, value in pairs
        if name in own and value not in (None, "", ANY)
    ]
    whatever = "any person" if OF_PEOPLE & {*own} else "any attributes"
    return f"{', '.join(parts) or whatever} · edit"


def left_out(model: str, label: str | None) -> str:
    """Which attributes the class lacks, in a sentence; "" where it has all."""
    own = applying(model, label)
    missing = [name for name, _ in names_of(model) if name not in own]
    if not missing:
        return ""
    return f"{as_words(label or '')} has no {_listed(missing, 'or')}."


def _choices(values: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(ANY, ANY), *worded(values)]


def _listed(words: list[str], last: str) -> str:
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
