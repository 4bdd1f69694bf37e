"""The view "Pictures": the families on Fashion-MNIST, samples, ways between garments, the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import numpy as np

from diffusion_core.data import to_uint8
from diffusion_core.evaluation import FamilyRow
from diffusion_core.seeding import parse_seed

from ..shared.components import QUIET, component, never_silent
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.forms import Named, wired
from ..shared.number_input import beside, in_range, slider
from ..shared.seed_input import new_seed, seed_input
from ..shared.wire import PointsClaim, PointsStrip, PointsStripsMessage, PointsStripsRow, as_base64
from .families_pictures import OF_A_CLASS, Strip, class_names, picture_claims, results, strips, ways
from .points_page import PointsPage

VIEW = "pictures"
FIRST_CLASS = "Ankle boot"
FIRST_GARMENTS = (1, 4)
CALIBRATION = {"training images": "Training images, for scale"}


def strips_message(state: str, words: str, made: list[Strip]) -> PointsStripsMessage:
    """Rows of pictures, without the table.

    Args:
        state: See `PointsStripsMessage`.
        words: What the rows are.
        made: The rows so far.
    """
    return {
        "state": state,
        "words": words,
        "side": 0 if not made else made[0].pictures.shape[-1],
        "strips": [_strip(each) for each in made],
        "rows": [],
        "claims": [],
    }


def _strip(strip: Strip) -> PointsStrip:
    pixels = to_uint8(strip.pictures)
    return {
        "key": strip.key,
        "title": strip.title,
        "says": strip.says,
        "count": len(pixels),
        "pictures": as_base64(np.ascontiguousarray(pixels[..., 0])),
    }


def table_of(message: PointsStripsMessage) -> PointsStripsMessage:
    """The message with the table and the claims, where the families were measured."""
    measured = results()
    if measured is None:
        return message
    claims: list[PointsClaim] = [
        {"claim": c.claim, "verdict": c.verdict, "figures": c.figures}
        for c in picture_claims(measured)
    ]
    return {**message, "rows": [_row(row) for row in measured.rows], "claims": claims}


def _row(row: FamilyRow) -> PointsStripsRow:
    return {
        "title": CALIBRATION.get(row.name, row.name[0].upper() + row.name[1:]),
        "evaluations": row.evaluations,
        "distance": row.frechet_distance,
        "precision": row.precision,
        "recall": row.recall,
        "milliseconds": row.milliseconds_per_image,
        "parameters": row.parameters,
        "bits": row.bits_per_dimension,
        "seconds": row.training_seconds,
    }


def label_of(name: object) -> int:
    """The class that the control holds.

    Raises:
        ValueError: with a sentence for the page, if there is none.
    """
    if name not in class_names():
        raise ValueError(f"Class is {name!r}: it takes {', '.join(class_names())}.")
    return class_names().index(str(name))


def number_of(value: Any, name: str) -> int:
    """A garment's number that a control holds; a ValueError has the sentence for the page."""
    return round(in_range(value, name, f"{name} garment", 1, OF_A_CLASS))


Made = Callable[[Callable[[], bool]], Iterator[Strip]]


def shown(stage: str, words: str, make: Made) -> Iterator[dict[str, Any]]:
    """Updates of a stage, row after row, in a slot of the page's queue.

    Args:
        stage: The name of the output.
        words: What the rows are.
        make: Makes the rows; gets the function that tells whether to end.
    """
    with COMPUTE_QUEUE.place() as place:
        made: list[Strip] = []

        def message(state: str) -> dict[str, Any]:
            whole = strips_message(state, words, made)
            return {stage: json.dumps(table_of(whole) if stage == "samples" else whole)}

        yield {**message("waiting"), "pictures_told": ""}
        if not place.wait():
            return
        for strip in make(place.over):
            made.append(strip)
            yield message("running")
        if not place.over():
            yield message("done")


def draw_pictures(name: object, seed: object) -> Iterator[dict[str, Any]]:
    """Updates while all families draw pictures of a class.

    Args:
        name: The class's name.
        seed: Of the noise, in digits.
    """
    try:
        label, noise = label_of(name), parse_seed(seed)
        words = f"{name}, seed {noise}"
        yield from shown("samples", words, lambda over: strips(label, noise, over))
    except Exception as error:  # what is shown stays
        yield {"pictures_told": beside(sentence_of(error, COMPUTATION))}


def draw_first(seen: str, drawn: bool, name: object, seed: object) -> Iterator[dict[str, Any]]:
    """Updates as the view is seen for the first time: the pictures that its button draws.

    Args:
        seen: The view that is seen.
        drawn: Whether that was done before.
        name: The class's name.
        seed: Of the noise, in digits.
    """
    if seen == VIEW and not drawn:
        yield {"pictures_drawn": True}
        yield from draw_pictures(name, seed)


def go_between(name: object, first: object, second: object) -> Iterator[dict[str, Any]]:
    """Updates while every family goes from one garment to another.

    Args:
        name: Their class's name.
        first: The number of one, from 1 to 200.
        second: That of the other.
    """
    try:
        label = label_of(name)
        one, other = number_of(first, "First"), number_of(second, "Second")
        words = f"{name} {one} to {name} {other}"
        yield from shown("between", words, lambda over: ways(label, one, other, over))
    except Exception as error:
        yield {"pictures_told": beside(sentence_of(error, COMPUTATION))}


def build_pictures(points: PointsPage) -> None:
    """Lay the view out and wire it."""
    gr.Markdown(
        "**The same families on Fashion-MNIST**, by shipped weights. All rows are drawn here, each "
        "from noise, of the class that you choose.",
        elem_classes=["hint"],
    )
    with gr.Row(elem_classes=["view-row"]):
        name = gr.Dropdown(
            list(class_names()),
            value=FIRST_CLASS,
            label="Class of the pictures",
            min_width=170,
            elem_id="pictures-class",
        )
        seed = seed_input(0, "Seed of the pictures")
        another = gr.Button("New noise", min_width=100, elem_id="pictures-die")
        draw = gr.Button("Draw", variant="primary", min_width=100, elem_id="pictures-draw")
    told = gr.HTML(elem_classes=["told"], elem_id="pictures-told")
    empty = json.dumps(table_of(strips_message("empty", "", [])))
    samples = component("points_families_pictures", empty, "points-pictures")
    gr.Markdown(
        "**Between two garments** of that class: each family finds both in its own latent, and "
        "draws what lies on the way.",
        elem_classes=["hint"],
    )
    with gr.Row(elem_classes=["view-row"]):
        first, second = (
            slider(1, OF_A_CLASS, step=1, value=value, label=f"{words} garment", min_width=200)
            for words, value in zip(("First", "Second"), FIRST_GARMENTS, strict=True)
        )
        go = gr.Button("Go between", min_width=120, elem_id="pictures-between")
    way = component(
        "points_families_pictures", json.dumps(strips_message("empty", "", [])), "points-between"
    )
    drawn = gr.State(value=False)
    outputs = Named({"samples": samples, "between": way, "pictures_told": told})
    options: dict[str, Any] = {"concurrency_limit": None, **QUIET}
    asked = wired(never_silent(draw_pictures), [name, seed], outputs)
    gr.on([draw.click, name.input], **asked, trigger_mode="always_last", **options)
    another.click(None, None, seed, js=new_seed(), **QUIET).then(**asked, **options)
    go.click(
        **wired(never_silent(go_between), [name, first, second], outputs),
        trigger_mode="always_last",
        **options,
    )
    opened = wired(
        never_silent(draw_first),
        [points.controls["view"], drawn, name, seed],
        outputs | Named({"pictures_drawn": drawn}),
    )
    for event in points.seen:
        event.then(**opened, **options)
