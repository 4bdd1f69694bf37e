"""The view "DALL·E 2" (Ramesh et al. 2022) of the tab Systems."""

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
from .unclip_card import Drawing, UnclipCard
from .unclip_code import code
from .unclip_form import DIFFERENCE, INTERPOLATION, VARIATIONS, WORDS, UnclipForm
from .unclip_walk import (
    Unclip,
    check,
    draw_message,
    drawing_of,
    empty_message,
    known_words,
    opening_message,
    threads_for,
    unclip_models,
    unknown_words,
)
from .walks import FirstWalk, Prepared, comes_by_itself, stop, stream

EVENTS = "systems/clicks.js"
STAGE = "#unclip-stage .unclip"
FIELDS = {"caption": "unclip-caption", "before": "unclip-before", "after": "unclip-after"}
LEAD = (
    "**DALL·E 2** put a world of embeddings between words and pictures: a prior goes from a "
    "caption to the embedding of a picture, and a decoder draws pictures that have it."
)
WHY = r"""
CLIP (Radford et al. 2021) gives a picture $x$ an embedding $z_i$ and a caption $y$ an embedding
$z_t$, near to each other where the caption is true of the picture. DALL·E 2, in its paper unCLIP,
goes the other way, in two steps (Ramesh et al. 2022, section 2):

$$P(x \mid y) = P(x \mid z_i, y)\; P(z_i \mid y)$$

The **prior** $P(z_i \mid y)$ is a small diffusion model of embeddings. It predicts the clean
embedding, not the noise (section 2.2):

$$L = \mathbb{E}_{t, z_i, y}\, \lVert f_\theta(z_i^{(t)}, t, y) - z_i \rVert^2$$

Two samples are drawn, and the one with the larger $z_i \cdot z_t$ is taken. The chart shows for
each how far the estimate still is from where it ends.

The **decoder** is a UNet to whose timestep a projection of $z_i$ is added. Ours is told nothing
else; the paper's also reads the caption. Why a prior at all, when CLIP has an embedding of the
caption? A decoder has only seen embeddings of pictures, and those of captions lie elsewhere. The
three pictures from words are the paper's figure 8: given $z_i$ of the prior, $z_t$ itself, and
nothing.

A picture is $z_i$ and $x_T$ together: $x_T$ is where DDIM leads back to, from the picture to noise.

- **Variations** keep $z_i$. With eta 0 the picture nearly comes back; with eta 1 little of $x_T$ is
  left, and what differs is what CLIP does not tell (section 3.1).
- **Between two pictures** both are turned by slerp, from one to the other (section 3.2).
- **A difference of two captions** moves $z_i$ alone, $\operatorname{slerp}(z_i, \Delta, \theta)$
  with $\Delta = (z_{t,b} - z_{t,a}) / \lVert z_{t,b} - z_{t,a} \rVert$ (section 3.3).
- **What the embedding keeps:** $z_i$ of its first principal components alone, over 3,000 avatars,
  drawn from one noise (section 4, figure 7). The percentage is the variance that they explain.

*Try:* variations of a picture of your own. What of it does CLIP, which has only seen avatars, tell
the decoder? Then a text difference from *a person with an afro* to *a person with a bun*: at which
θ does the head change, and what else changes with it?
"""


def draw_embedding(form: UnclipForm, run: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Handler of Draw: updates of "unclip_stage" and "unclip_told"."""

    def prepare() -> Prepared:
        system = unclip_models()
        return _prepared(system, drawing_of(form, system.size), run)

    yield from stream("unclip", prepare, run, request.session_hash or "")


def draw_embedding_first(
    form: UnclipForm, seen: str, begun: bool, run: str, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """The same as the view is seen for the first time.

    Args:
        form: The controls' values.
        seen: The system that is seen.
        begun: Whether that was done before.
        run: The drawing's name.
        request: The request, of which the session is known.
    """
    if not comes_by_itself("unclip", seen, begun, run):
        return
    message = opening_message()
    if "absent" in message:
        yield {"unclip_stage": json.dumps({**message, "run": run})}
        return
    yield {"unclip_begun": True}
    yield from draw_embedding(form, run, request)


def replay_embedding(card: str, run: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Handler of an opened run card: draw it again, and say whether the result is the same."""

    def prepare() -> Prepared:
        known, system = UnclipCard.from_json(card), unclip_models()
        known.check_weights(system.weights)
        return _prepared(system, known.drawing, run, known)

    yield from stream("unclip", prepare, run, request.session_hash or "")


def stop_embedding(run: str) -> None:
    """Handler of Stop: end what is drawn."""
    stop(run)


def _prepared(
    system: Unclip, drawing: Drawing, run: str, known: UnclipCard | None = None
) -> Prepared:
    check(system, drawing)
    threads = threads_for(system, drawing) if known is None else known.threads
    return Prepared(lambda over: draw_message(system, drawing, run, over, known), threads=threads)


def shown_controls(task: str) -> list[gr.Column]:
    """Updates of the groups of controls: those that an experiment needs are there.

    Returns:
        Of words, a picture, a second picture, two captions, eta, the prior, and DDIM.
    """
    words = task == WORDS
    shown = (
        words,
        not words,
        task == INTERPOLATION,
        task == DIFFERENCE,
        task == VARIATIONS,
        words,
        not words,
    )
    return [gr.Column(visible=each) for each in shown]


def note_caption(caption: str) -> str:
    """Handler of the caption: the message of what stands under it."""
    return _note("caption", caption)


def note_before(caption: str) -> str:
    """The same of what is there."""
    return _note("before", caption)


def note_after(caption: str) -> str:
    """The same of what shall be there."""
    return _note("after", caption)


def _note(field: str, caption: str, examples: bool = False) -> str:
    if examples:
        return caption_note(FIELDS[field], examples=EXAMPLES)
    return caption_note(FIELDS[field], unknown_words(caption), known_words())


def build_unclip(page: Page, systems: gr.Dropdown) -> FirstWalk:
    """Lay the view out and wire it; see `layout.System.build`."""
    controls, notes = Controls(UnclipForm), {}

    def caption(name: str) -> None:
        controls.place(name, elem_id=FIELDS[name])
        notes[name] = component("systems_caption", _note(name, ""), f"{FIELDS[name]}-words")

    def group(shown: bool = False) -> gr.Column:
        return gr.Column(visible=shown, min_width=0)

    with gr.Row(elem_classes=["tab-row", "with-folds"]):
        with gr.Column(scale=2, min_width=300, elem_classes=["controls"]):
            controls.place("task", elem_id="unclip-task")
            with group(shown=True) as of_words:
                caption("caption")
                component("systems_caption", _note("caption", "", True), "unclip-examples")
            with group() as of_picture:
                controls.place("picture", elem_id="unclip-picture")
            with group() as of_two:
                controls.place("other", elem_id="unclip-other")
            with group() as of_captions:
                caption("before")
                caption("after")
            with group() as of_eta:
                controls.place("eta", elem_id="unclip-eta")
            with gr.Row(elem_classes=["go"]):
                run_button = gr.Button(
                    "Draw", variant="primary", min_width=120, elem_id="unclip-run"
                )
                stop_button = gr.Button("Stop", min_width=64, elem_id="unclip-stop")
            told = controls.add("told", gr.HTML(elem_classes=["told"], elem_id="unclip-told"))
            controls.place("scale", elem_id="unclip-scale")
            with group(shown=True) as of_prior:
                controls.place("prior_scale", elem_id="unclip-prior-scale")
                controls.place("steps", elem_id="unclip-steps")
                controls.place("sampler", elem_id="unclip-sampler")
            with group() as of_ddim:
                controls.place("row_steps", elem_id="unclip-row-steps")
                controls.place("own", elem_id="unclip-own")
            with gr.Row():
                controls.place("seed")
                die = gr.Button(
                    "New noise", min_width=80, elem_classes=["beside"], elem_id="unclip-die"
                )
        with gr.Column(scale=5, elem_classes=["stage"]):
            stage = component("systems_unclip", empty_message(), "unclip-stage")
        with gr.Column(scale=5, elem_classes=["folds"]):
            fold = CodeFold("The drawing in Python", "unclip-code")
            why(WHY)
    run, card, begun = gr.Textbox(visible=False), gr.Textbox(visible=False), gr.State(False)
    outputs = Named({"unclip_stage": stage, "unclip_told": told})
    runs: dict[str, Any] = {"concurrency_limit": None, "trigger_mode": "multiple", **QUIET}
    run_button.click(
        **wired(never_silent(draw_embedding), [controls, run], outputs),
        js=script(EVENTS, "beginWalk", STAGE),
        **runs,
    )
    stage.submit(
        **wired(never_silent(replay_embedding), [card, run], outputs),
        js=script(EVENTS, "beginReplay", STAGE),
        **runs,
    )
    stop_button.click(
        stop_embedding, run, None, js=script(EVENTS, "shownWalk", STAGE), queue=False, **QUIET
    )
    die.click(None, outputs=controls["seed"], js=new_seed(), api_visibility="private")
    controls["task"].change(
        shown_controls,
        controls["task"],
        [of_words, of_picture, of_two, of_captions, of_eta, of_prior, of_ddim],
        queue=False,
        **LATEST,
    )
    for name, handler in (
        ("caption", note_caption),
        ("before", note_before),
        ("after", note_after),
    ):
        controls[name].change(handler, controls[name], notes[name], queue=False, **LATEST)
    fold.follow(code, controls)

    def first_walk(event: Any) -> None:
        event(
            **wired(
                never_silent(draw_embedding_first),
                [controls, systems, begun, run],
                outputs | Named({"unclip_begun": begun}),
            ),
            js=script(EVENTS, "beginFirst", STAGE, "unclip"),
            **runs,
        )

    return first_walk
