"""The view "Imagen" (Saharia et al. 2022) of the tab Systems."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from ..shared.code_fold import CodeFold
from ..shared.components import LATEST, QUIET, component, never_silent, script, why
from ..shared.forms import Controls, Named, wired
from ..shared.page import Page
from ..shared.seed_input import new_seed
from .captions import caption_note
from .glide_form import EXAMPLES
from .imagen_card import Drawing, ImagenCard
from .imagen_code import code
from .imagen_form import CLIPPING, LEVELS, PICTURE, ImagenForm
from .imagen_walk import (
    Imagen,
    check,
    draw_message,
    drawing_of,
    empty_message,
    imagen_models,
    known_words,
    opening_message,
    recommended_form,
    threads_for,
    unknown_words,
)
from .walks import FirstWalk, Prepared, comes_by_itself, stop, stream

EVENTS = "systems/clicks.js"
STAGE = "#imagen-stage .imagen"
FIELDS = {"caption": "imagen-caption", "about": "imagen-about"}
LEAD = (
    "**Imagen** made large pictures by a cascade: one diffusion model draws a small picture from "
    "a frozen text encoder's words, and a second one draws the large picture that belongs to it."
)
WHY = r"""
A model of large pictures is dear, and errs in what is where. A **cascade** splits the work (Ho et
al. 2021): the base model decides on $32 \times 32$ pixels what the picture shows, and a model of
super-resolution draws $128 \times 128$ pixels, told the small picture $z$ and the caption $c$:

$$p(x \mid c) = \int p_{\text{large}}(x \mid z, c)\; p_{\text{small}}(z \mid c)\; dz$$

Both are diffusion models, walked one after the other. A frozen text encoder reads the caption
(Saharia et al. 2022, Imagen, section 2.1). Theirs is a language model that never saw a picture;
ours is the CLIP's.

The second model learnt from real small pictures, and is given those that a model made. So that it
does not trust every pixel, noise goes into them in training and in sampling, and it is told how
much: **noise conditioning augmentation** (Ho et al. 2021, section 4.2; Saharia et al. 2022, section
2.4). Of level $s$, here from 0 to 1,

$$z_s = \cos(s \pi / 2)\, z + \sin(s \pi / 2)\, \epsilon$$

At 0 the artefacts of the small picture are drawn in large; at 1 nothing of it is left.

Guidance with a large scale pushes $\hat x_0$ beyond $[-1, 1]$, where no picture is. **Static**
thresholding cuts it off there, so that many pixels end saturated: fully black, white or of one
colour. **Dynamic** thresholding takes $p$, the 99.5th percentile of $|\hat x_0|$ in each picture,
and where $p > 1$ (section 2.3)

$$\hat x_0 \leftarrow \operatorname{clip}(\hat x_0, -p, p) \,/\, p$$

The numbers under the pictures are the shares of saturated values. Avatars are flat drawings with
black lines and full colours, so that real ones have many as well: static thresholding without
guidance comes near to them. Dynamic thresholding divides by a $p$ a little above 1 at every step,
so that white ends a trace darker, and hardly a value is saturated.

The first walk is guided as *Guidance* says, the second as *Guidance of the second walk*; in
*Static and dynamic thresholding* both have the scale that is told.

*Try:* draw from the words, then *A picture of one's own, larger* with a photograph: what of it does
the second model keep, and what does it draw as an avatar has it? Then *Level of augmentation*: at
which level is the face another person's? At guidance 15, which threshold keeps the colours of real
avatars?
"""


def draw_cascade(form: ImagenForm, run: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Handler of Draw: updates of "imagen_stage" and "imagen_told"."""

    def prepare() -> Prepared:
        system = imagen_models()
        return _prepared(system, drawing_of(form, system), run)

    yield from stream("imagen", prepare, run, request.session_hash or "")


def draw_cascade_first(
    form: ImagenForm, seen: str, begun: bool, run: str, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """The same as the view is seen for the first time.

    Args:
        form: The controls' values.
        seen: The system that is seen.
        begun: Whether that was done before.
        run: The drawing's name.
        request: The request, of which the session is known.
    """
    if not comes_by_itself("imagen", seen, begun, run):
        return
    message = opening_message()
    if "absent" in message:
        yield {"imagen_stage": json.dumps({**message, "run": run})}
        return
    yield {"imagen_begun": True}
    yield from draw_cascade(form, run, request)


def replay_cascade(card: str, run: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Handler of an opened run card: draw it again, and say whether the result is the same."""

    def prepare() -> Prepared:
        known, system = ImagenCard.from_json(card), imagen_models()
        known.check_weights(system.weights)
        return _prepared(system, known.drawing, run, known)

    yield from stream("imagen", prepare, run, request.session_hash or "")


def stop_cascade(run: str) -> None:
    """Handler of Stop: end what is drawn."""
    stop(run)


def _prepared(
    system: Imagen, drawing: Drawing, run: str, known: ImagenCard | None = None
) -> Prepared:
    check(system, drawing)
    threads = threads_for(system, drawing) if known is None else known.threads
    return Prepared(lambda over: draw_message(system, drawing, run, over, known), threads=threads)


def shown_cascade_controls(task: str, source: str) -> list[gr.Column]:
    """Updates of the groups of controls: those that an experiment needs are there.

    Returns:
        The choice of the small picture, words, a picture, one's own, the first walk's guidance, the
        second's, the level, and the threshold.
    """
    given = task == PICTURE or (task == LEVELS and source == PICTURE)
    shown = (
        task == LEVELS,
        not given,
        given,
        given,
        not given and task != CLIPPING,
        task != CLIPPING,
        task != LEVELS,
        task != CLIPPING,
    )
    return [gr.Column(visible=each) for each in shown]


def note_cascade_caption(caption: str) -> str:
    """Handler of the caption: the message of what stands under it."""
    return _note("caption", caption)


def note_cascade_about(caption: str) -> str:
    """The same of what a picture shows."""
    return _note("about", caption)


def _note(field: str, caption: str) -> str:
    return caption_note(FIELDS[field], unknown_words(caption), known_words())


def build_imagen(page: Page, systems: gr.Dropdown) -> FirstWalk:
    """Lay the view out and wire it; see `layout.System.build`."""
    controls, notes = Controls(ImagenForm, recommended_form()), {}

    def caption(name: str) -> None:
        controls.place(name, elem_id=FIELDS[name])
        notes[name] = component("systems_caption", _note(name, ""), f"{FIELDS[name]}-words")

    def group(shown: bool = False) -> gr.Column:
        return gr.Column(visible=shown, min_width=0)

    with gr.Row(elem_classes=["tab-row", "with-folds"]):
        with gr.Column(scale=2, min_width=300, elem_classes=["controls"]):
            controls.place("task", elem_id="imagen-task")
            with group() as of_source:
                controls.place("source", elem_id="imagen-source")
            with group(shown=True) as of_words:
                caption("caption")
                component(
                    "systems_caption",
                    caption_note(FIELDS["caption"], examples=EXAMPLES),
                    "imagen-examples",
                )
            with group() as of_picture:
                controls.place("picture", elem_id="imagen-picture")
                caption("about")
            with gr.Row(elem_classes=["go"]):
                run_button = gr.Button(
                    "Draw", variant="primary", min_width=120, elem_id="imagen-run"
                )
                stop_button = gr.Button("Stop", min_width=64, elem_id="imagen-stop")
            told = controls.add("told", gr.HTML(elem_classes=["told"], elem_id="imagen-told"))
            with group(shown=True) as of_level:
                controls.place("augmentation", elem_id="imagen-augmentation")
            with group(shown=True) as of_scale:
                controls.place("scale", elem_id="imagen-scale")
            with group(shown=True) as of_threshold:
                controls.place("threshold", elem_id="imagen-threshold")
            with group() as of_own:
                controls.place("own", elem_id="imagen-own")
            with gr.Row():
                controls.place("seed")
                die = gr.Button(
                    "New noise", min_width=80, elem_classes=["beside"], elem_id="imagen-die"
                )
            with group(shown=True) as of_large:
                controls.place("large_scale", elem_id="imagen-large-scale")
            controls.place("steps", elem_id="imagen-steps")
            controls.place("sampler", elem_id="imagen-sampler")
        with gr.Column(scale=5, elem_classes=["stage"]):
            stage = component("systems_imagen", empty_message(), "imagen-stage")
        with gr.Column(scale=5, elem_classes=["folds"]):
            fold = CodeFold("The drawing in Python", "imagen-code")
            why(WHY)
    run, card, begun = gr.Textbox(visible=False), gr.Textbox(visible=False), gr.State(False)
    outputs = Named({"imagen_stage": stage, "imagen_told": told})
    runs: dict[str, Any] = {"concurrency_limit": None, "trigger_mode": "multiple", **QUIET}
    run_button.click(
        **wired(never_silent(draw_cascade), [controls, run], outputs),
        js=script(EVENTS, "beginWalk", STAGE),
        **runs,
    )
    stage.submit(
        **wired(never_silent(replay_cascade), [card, run], outputs),
        js=script(EVENTS, "beginReplay", STAGE),
        **runs,
    )
    stop_button.click(
        stop_cascade, run, None, js=script(EVENTS, "shownWalk", STAGE), queue=False, **QUIET
    )
    die.click(None, outputs=controls["seed"], js=new_seed(), api_visibility="private")
    for name in ("task", "source"):
        controls[name].change(
            shown_cascade_controls,
            [controls["task"], controls["source"]],
            [
                of_source,
                of_words,
                of_picture,
                of_own,
                of_scale,
                of_large,
                of_level,
                of_threshold,
            ],
            queue=False,
            **LATEST,
        )
    for name, handler in (("caption", note_cascade_caption), ("about", note_cascade_about)):
        controls[name].change(handler, controls[name], notes[name], queue=False, **LATEST)
    fold.follow(code, controls)

    def first_walk(event: Any) -> None:
        event(
            **wired(
                never_silent(draw_cascade_first),
                [controls, systems, begun, run],
                outputs | Named({"imagen_begun": begun}),
            ),
            js=script(EVENTS, "beginFirst", STAGE, "imagen"),
            **runs,
        )

    return first_walk
