"""The view "How the systems differ" of the tab Systems: one caption, drawn by all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from ..shared.code_fold import CodeFold
from ..shared.components import LATEST, QUIET, component, never_silent, script, why
from ..shared.forms import Controls, Named, wired
from ..shared.page import Page
from ..shared.seed_input import new_seed
from .captions import caption_note
from .differ_card import Comparison, DifferCard
from .differ_code import code
from .differ_form import DifferForm
from .differ_systems import weights
from .differ_walk import (
    compare_message,
    comparison_of,
    empty_message,
    known_words,
    ready,
    unknown_words,
)
from .glide_form import EXAMPLES
from .walks import FirstWalk, Prepared, comes_by_itself, stop, stream

EVENTS = "systems/clicks.js"
STAGE = "#differ-stage .differ"
FIELD = "differ-caption"
LEAD = (
    "**How the systems differ:** one caption, drawn by each of them from one seed, with what each "
    "is told of it, what it costs, and what a judge reads in its picture."
)
WHY = r"""
All of them are DDPM: a network predicts, and a walk goes from noise to a picture (Ho et al. 2020).
What each added is a way to say what is wanted.

- **Plain, by menus.** A class and attributes as numbers, added to the vector of the timestep, and
  guidance away from none of them (Ho and Salimans 2022). What has no menu cannot be asked for, as
  the colour of hair.
- **Guided by a class.** The same network, told nothing; the gradient of a classifier of noisy
  pictures pulls the walk to a class (Dhariwal and Nichol 2021, section 4). No classifier of avatars
  was trained: the CLIP is one, asked which of three captions is true of $x_t$,
  $p(y \mid x_t) \propto \exp(e^{\tau}\, e(x_t) \cdot g(c_y))$ (Radford et al. 2021, section 3.1). A
  class is all that this system knows of the caption.
- **GLIDE.** A text encoder and attention to its words in the place of menus, trained with the
  picture model (Nichol et al. 2021).
- **DALL·E 2.** A frozen CLIP; a prior from the caption to the embedding of a picture, and a decoder
  that is told only this embedding (Ramesh et al. 2022). What CLIP does not see, the decoder is not
  told: of faces, little.
- **Imagen.** A frozen text encoder, here the CLIP's, and a cascade: a small picture, then the same
  larger (Saharia et al. 2022). It costs little at 32 × 32, where most is decided.

**What is the same:** sampler, steps, and the seed. The models of 64 × 64 begin with the same
$x_T$; Imagen's first one has noise of 32 × 32, so that its picture cannot be alike. Guidance is one
scale for all but the classifier, whose gradient is another thing and has its own.

**The figures.** *Parameters* are those of all networks that a picture needs. *Evaluations* are
pictures, or embeddings, that a network was asked for: guidance asks twice a step, and the prior
walks two embeddings in 25 steps. *Time* is what these very walks took, by torch on this machine,
beside whatever else it did. The judge is a network that drew nothing and guided nothing; it reads
the picture at 64 × 64. One picture says little: the share under it was measured over many captions
of combinations that no model had seen.

*Try:* take the caption *Pixel art*, whose hair has a colour: who can be told it? Then Turban, and
New noise some times: which system loses the glasses that it was told to leave out, and which only
the face?
"""


def draw_by_all(form: DifferForm, run: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Handler of Draw: updates of "differ_stage" and "differ_told"."""
    yield from stream(
        "differ", lambda: _prepared(comparison_of(form), run), run, request.session_hash or ""
    )


def draw_by_all_first(
    form: DifferForm, seen: str, begun: bool, run: str, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """The same as the view is seen for the first time.

    Args:
        form: The controls' values.
        seen: The system that is seen.
        begun: Whether that was done before.
        run: The comparison's name.
        request: The request, of which the session is known.
    """
    if not comes_by_itself("differ", seen, begun, run):
        return
    yield {"differ_begun": True}
    yield from draw_by_all(form, run, request)


def replay_comparison(card: str, run: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Handler of an opened run card: draw it again, and say whether the result is the same."""

    def prepare() -> Prepared:
        known = DifferCard.from_json(card)
        known.check_weights(weights())
        return _prepared(known.drawing, run, known)

    yield from stream("differ", prepare, run, request.session_hash or "")


def stop_comparison(run: str) -> None:
    """Handler of Stop: end what is drawn."""
    stop(run)


def _prepared(c: Comparison, run: str, known: DifferCard | None = None) -> Prepared:
    systems = ready(c)
    threads = systems.threads if known is None else known.threads
    return Prepared(lambda over: compare_message(c, systems, run, over, known), threads=threads)


def note_compared(caption: str) -> str:
    """Handler of the caption: the message of what stands under it."""
    return caption_note(FIELD, unknown_words(caption), known_words())


def build_differ(page: Page, systems: gr.Dropdown) -> FirstWalk:
    """Lay the view out and wire it; see `layout.System.build`."""
    controls = Controls(DifferForm)
    with gr.Row(elem_classes=["tab-row", "with-folds"]):
        with gr.Column(scale=2, min_width=300, elem_classes=["controls"]):
            controls.place("caption", elem_id=FIELD)
            note = component("systems_caption", note_compared(""), f"{FIELD}-words")
            component("systems_caption", caption_note(FIELD, examples=EXAMPLES), "differ-examples")
            with gr.Row(elem_classes=["go"]):
                run_button = gr.Button(
                    "Draw", variant="primary", min_width=120, elem_id="differ-run"
                )
                stop_button = gr.Button("Stop", min_width=64, elem_id="differ-stop")
            told = controls.add("told", gr.HTML(elem_classes=["told"], elem_id="differ-told"))
            controls.place("scale", elem_id="differ-scale")
            controls.place("classifier_scale", elem_id="differ-classifier-scale")
            controls.place("steps", elem_id="differ-steps")
            with gr.Row():
                controls.place("seed")
                die = gr.Button(
                    "New noise", min_width=80, elem_classes=["beside"], elem_id="differ-die"
                )
        with gr.Column(scale=5, elem_classes=["stage"]):
            stage = component("systems_differ", empty_message(), "differ-stage")
        with gr.Column(scale=5, elem_classes=["folds"]):
            fold = CodeFold("All systems in Python", "differ-code")
            why(WHY)
    run, card, begun = gr.Textbox(visible=False), gr.Textbox(visible=False), gr.State(False)
    outputs = Named({"differ_stage": stage, "differ_told": told})
    runs: dict[str, Any] = {"concurrency_limit": None, "trigger_mode": "multiple", **QUIET}
    run_button.click(
        **wired(never_silent(draw_by_all), [controls, run], outputs),
        js=script(EVENTS, "beginWalk", STAGE),
        **runs,
    )
    stage.submit(
        **wired(never_silent(replay_comparison), [card, run], outputs),
        js=script(EVENTS, "beginReplay", STAGE),
        **runs,
    )
    stop_button.click(
        stop_comparison, run, None, js=script(EVENTS, "shownWalk", STAGE), queue=False, **QUIET
    )
    die.click(None, outputs=controls["seed"], js=new_seed(), api_visibility="private")
    controls["caption"].change(note_compared, controls["caption"], note, queue=False, **LATEST)
    fold.follow(code, controls)

    def first_walk(event: Any) -> None:
        event(
            **wired(
                never_silent(draw_by_all_first),
                [controls, systems, begun, run],
                outputs | Named({"differ_begun": begun}),
            ),
            js=script(EVENTS, "beginFirst", STAGE, "differ"),
            **runs,
        )

    return first_walk
