"""The view "GLIDE: inpainting" (Nichol et al. 2021, section 2.4) of the tab Systems."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

from ..shared.code_fold import CodeFold
from ..shared.components import LATEST, QUIET, component, never_silent, script, why
from ..shared.forms import Controls, Named, wired
from ..shared.hole import painter_message
from ..shared.page import Page
from ..shared.seed_input import new_seed
from .captions import caption_note
from .filling_card import Filling, FillingCard
from .filling_code import code
from .filling_form import SHAPES, FillingForm
from .filling_walk import (
    Fillers,
    check,
    empty_message,
    fillers,
    filling_message,
    filling_of,
    known_words,
    opening_message,
    unknown_words,
)
from .pictures import fitted, held_out
from .walks import FirstWalk, Prepared, comes_by_itself, stop, stream

EVENTS = "systems/clicks.js"
STAGE = "#filling-stage .filling"
FIELD = "filling-caption"
LEAD = (
    "**GLIDE** also changes a picture by words: a part of it is painted over, and a network that "
    "was trained to see what is around a hole fills it with what the caption says."
)
WHY = r"""
A walk can be kept to a picture where it is known, and be left free in the hole. **RePaint** does so
with any network (Lugmayr et al. 2022): after every step the known pixels are put back, with the
noise of that step,

$$x_{t-1} = m \odot q(x_{t-1} \mid x_0) + (1 - m) \odot p(x_{t-1} \mid x_t, c)$$

where the mask $m$ is 1 where the picture is kept. But the network sees what is around the hole only
through noise, and early in the walk hardly at all: what fills the hole is begun without knowing
what it must fit. Repeated steps give both parts time to agree, and cost as many evaluations.

GLIDE trains the network for it (Nichol et al. 2021, section 2.4). It sees, beside $x_t$, the
picture without the hole, and the mask, as further channels:

$$\hat\epsilon = \epsilon_\theta(x_t,\; m \odot x_0,\; m,\; t,\; c)$$

The weights of the new channels begin at zero, so that it begins as the network that draws whole
pictures from words, and is fine-tuned with holes at random places. Both walks here put the known
pixels back, so that nothing changes outside of the hole, to the bit.

*Try:* paint over the head alone, and then over the head and a part of the face: what does each
network do at the edge? Then an empty caption: what does each one fill in, when nothing is asked?
"""


def fill_hole(form: FillingForm, run: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Handler of Draw: updates of "filling_stage" and "filling_told"."""

    def prepare() -> Prepared:
        system = fillers()
        return _prepared(system, filling_of(form, system.size), run)

    yield from stream("filling", prepare, run, request.session_hash or "")


def fill_hole_first(
    form: FillingForm, seen: str, begun: bool, run: str, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """The same as the view is seen for the first time.

    Args:
        form: The controls' values.
        seen: The system that is seen.
        begun: Whether that was done before.
        run: The walks' name.
        request: The request, of which the session is known.
    """
    if not comes_by_itself("filling", seen, begun, run):
        return
    message = opening_message()
    if "absent" in message:
        yield {"filling_stage": json.dumps({**message, "run": run})}
        return
    yield {"filling_begun": True}
    yield from fill_hole(form, run, request)


def replay_filling(card: str, run: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Handler of an opened run card: fill it again, and say whether the result is the same."""

    def prepare() -> Prepared:
        known, system = FillingCard.from_json(card), fillers()
        known.check_weights(system.weights)
        return _prepared(system, known.drawing, run, known)

    yield from stream("filling", prepare, run, request.session_hash or "")


def stop_filling(run: str) -> None:
    """Handler of Stop: end the walks that are computed."""
    stop(run)


def _prepared(
    system: Fillers, filling: Filling, run: str, known: FillingCard | None = None
) -> Prepared:
    check(system, filling)
    threads = 1 if known is None else known.threads
    return Prepared(
        lambda over: filling_message(system, filling, run, over, known), threads=threads
    )


def note_caption(caption: str) -> str:
    """Handler of the caption: the message of what stands under it."""
    return caption_note(FIELD, unknown_words(caption), known_words())


def painted_picture(picture: str, own: np.ndarray | None, hole: str | None) -> str:
    """Handler of the pictures: the painter's message; what is painted stays.

    Args:
        picture: One of the menu.
        own: One's own, which goes before it.
        hole: The painter's present message.
    """
    shown = held_out(picture) if own is None else own
    return painter_message(fitted(shown, len(held_out(picture))), hole, shapes=SHAPES)


def build_filling(page: Page, systems: gr.Dropdown) -> FirstWalk:
    """Lay the view out and wire it; see `layout.System.build`."""
    controls = Controls(FillingForm)
    with gr.Row(elem_classes=["tab-row", "with-folds"]):
        with gr.Column(scale=2, min_width=300, elem_classes=["controls"]):
            controls.place("caption", elem_id=FIELD)
            note = component("systems_caption", note_caption(""), f"{FIELD}-words")
            controls.place("hole")
            with gr.Row(elem_classes=["go"]):
                run_button = gr.Button(
                    "Draw", variant="primary", min_width=120, elem_id="filling-run"
                )
                stop_button = gr.Button("Stop", min_width=64, elem_id="filling-stop")
            told = controls.add("told", gr.HTML(elem_classes=["told"], elem_id="filling-told"))
            controls.place("picture", elem_id="filling-picture")
            controls.place("scale", elem_id="filling-scale")
            controls.place("steps", elem_id="filling-steps")
            controls.place("repeats", elem_id="filling-repeats")
            controls.place("own", elem_id="filling-own")
            with gr.Row():
                controls.place("seed")
                die = gr.Button(
                    "New noise", min_width=80, elem_classes=["beside"], elem_id="filling-die"
                )
        with gr.Column(scale=5, elem_classes=["stage"]):
            stage = component("systems_filling", empty_message(), "filling-stage")
        with gr.Column(scale=5, elem_classes=["folds"]):
            fold = CodeFold("The filling in Python", "filling-code")
            why(WHY)
    run, card, begun = gr.Textbox(visible=False), gr.Textbox(visible=False), gr.State(False)
    outputs = Named({"filling_stage": stage, "filling_told": told})
    runs: dict[str, Any] = {"concurrency_limit": None, "trigger_mode": "multiple", **QUIET}
    run_button.click(
        **wired(never_silent(fill_hole), [controls, run], outputs),
        js=script(EVENTS, "beginWalk", STAGE),
        **runs,
    )
    stage.submit(
        **wired(never_silent(replay_filling), [card, run], outputs),
        js=script(EVENTS, "beginReplay", STAGE),
        **runs,
    )
    stop_button.click(
        stop_filling, run, None, js=script(EVENTS, "shownWalk", STAGE), queue=False, **QUIET
    )
    die.click(None, outputs=controls["seed"], js=new_seed(), api_visibility="private")
    controls["caption"].change(note_caption, controls["caption"], note, queue=False, **LATEST)
    own = controls["own"]
    gr.on(
        [controls["picture"].change, own.input, own.clear],
        painted_picture,
        [controls["picture"], own, controls["hole"]],
        controls["hole"],
        **LATEST,
    )
    fold.follow(code, controls)

    def first_walk(event: Any) -> None:
        event(
            **wired(
                never_silent(fill_hole_first),
                [controls, systems, begun, run],
                outputs | Named({"filling_begun": begun}),
            ),
            js=script(EVENTS, "beginFirst", STAGE, "filling"),
            **runs,
        )

    return first_walk
