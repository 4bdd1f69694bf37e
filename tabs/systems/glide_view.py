"""The view "GLIDE" (Nichol et al. 2021) of the tab Systems."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.generation import RunCard, SamplingRequest

from ..shared import models
from ..shared.code_fold import CodeFold
from ..shared.components import LATEST, QUIET, component, never_silent, script, why
from ..shared.forms import Controls, Named, wired
from ..shared.page import Page
from ..shared.seed_input import new_seed
from ..shared.text import echo
from .captions import caption_note
from .glide_code import code
from .glide_form import EXAMPLES, GlideForm
from .glide_walk import (
    MODEL,
    empty_message,
    first_request,
    glide_model,
    known_words,
    opening_message,
    second_request,
    unknown_words,
    walk_message,
    without_caption,
)
from .walks import FirstWalk, Prepared, branched, comes_by_itself, stop, stream, threads_of

EVENTS = "systems/clicks.js"
STAGE = "#glide-stage .glide"
FIELDS = {"caption": "glide-caption", "second": "glide-second"}
LEAD = (
    "**GLIDE** added to DDPM a text encoder, and attention to its words: a picture is asked for in "
    "a sentence, and guidance away from the empty caption makes the model keep to it."
)
WHY = r"""
A transformer encodes the words of the caption $c$. What becomes of its last token is added to the
vector of the timestep, where a class stood; the tokens themselves are attended to within the UNet,
at every position $i$ of a feature map:

$$h_i \leftarrow h_i + W \sum_j a_{ij}\, v_j, \qquad
a_{ij} = \operatorname{softmax}_j \left( \frac{q_i \cdot k_j}{\sqrt{d}} \right)$$

with queries $q_i$ of the positions, keys $k_j$ and values $v_j$ of the words (Nichol et al. 2021,
GLIDE, section 3.1; Vaswani et al. 2017). The heat map is $a_{ij}$ of the word that you choose, mean
over heads and layers. GLIDE puts words and positions into one softmax; here the words have one of
their own, so that what they get can be read off it. A map says where a word is read, and not by
itself what it changes; see Tang et al. 2023 (DAAM) for such maps.

In training some captions are left empty, so that one network predicts with the caption and without
it. Guidance goes from the one to the other and beyond:

$$\hat\epsilon \leftarrow \hat\epsilon(x_t \mid \varnothing) +
s\,\bigl(\hat\epsilon(x_t \mid c) - \hat\epsilon(x_t \mid \varnothing)\bigr)$$

(section 2.3; Ho and Salimans 2022.) With $s = 1$ it is off. No classifier is needed, and people
preferred its pictures to those that CLIP guided (section 5).

A CLIP can guide instead, or as well (section 2.4). It knows pictures, noisy ones too, and captions:
its encoders bring both into one space, in which what belongs together lies in one direction. The
gradient of their agreement bends the prediction, as a classifier's does in *Guided diffusion*:

$$\hat\epsilon \leftarrow \hat\epsilon -
\sqrt{1 - \bar\alpha_t}\, s\, \nabla_{x_t}\, e^{\tau}\, e(x_t) \cdot g(c)$$

The curve under the pictures is the cosine of $e(x_t)$ and $g(c)$, whether the CLIP guides or not.

A word that no caption of the training had is left out, and named.

*Try:* the same caption at guidance 1, 2 and 6, and at guidance 1 with the CLIP's at 4. Then change
one word of the second caption: which step is the first at which the pictures part, and where do
they stay alike?
"""


def draw_captions(form: GlideForm, run: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Handler of Draw: updates of "glide_stage" and "glide_told"."""

    def prepare() -> Prepared:
        checkpoint = glide_model()
        first, second = first_request(form, checkpoint), second_request(form, checkpoint)
        return _prepared(models.for_walk(checkpoint, first), [first, second], run)

    yield from stream("glide", prepare, run, request.session_hash or "")


def draw_captions_first(
    form: GlideForm, seen: str, begun: bool, run: str, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """The same as the view is seen for the first time.

    Args:
        form: The controls' values.
        seen: The system that is seen.
        begun: Whether that was done before.
        run: The walks' name.
        request: The request, of which the session is known.
    """
    if not comes_by_itself("glide", seen, begun, run):
        return
    if not known_words():
        yield {"glide_stage": json.dumps({**opening_message(), "run": run})}
        return
    yield {"glide_begun": True}
    yield from draw_captions(form, run, request)


def go_on_with(
    form: GlideForm, card: str, index: float, run: str, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """Handler of Go on: the first walk until the shown step, then by the controls.

    Args:
        form: The controls' values.
        card: The run card of the first walk that is shown; "" of none.
        index: Steps of it before.
        run: The new walk's name.
        request: The request, of which the session is known.
    """

    def prepare() -> Prepared:
        if not card:
            raise ValueError("Press Draw first, then choose the step from which to go on.")
        known = RunCard.from_json(card)
        checkpoint = known.on_engine(glide_model())
        _check_model(known, checkpoint)
        walk = branched(first_request(form, checkpoint), known, int(index), checkpoint)
        prefix = f"another caption after {int(index)} steps · "
        return _prepared(checkpoint, [walk, known.walk], run, prefix)

    yield from stream("glide", prepare, run, request.session_hash or "")


def replay_captions(card: str, run: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Handler of an opened run card: walk it again, and say whether the result is the same."""

    def prepare() -> Prepared:
        known = RunCard.from_json(card)
        checkpoint = known.on_engine(glide_model())
        _check_model(known, checkpoint)
        known.check(checkpoint)
        beside = known.walk.parent or without_caption(known.walk)
        walks = [known.walk, *([beside] if beside != known.walk else [])]
        return _prepared(checkpoint, walks, run, "replayed from a run card · ", known)

    yield from stream("glide", prepare, run, request.session_hash or "")


def stop_captions(run: str) -> None:
    """Handler of Stop: end the walks that are computed."""
    stop(run)


def name_unknown(caption: str) -> str:
    """Handler of a field for a caption: the message of what stands under the first one."""
    return _note("caption", caption)


def name_unknown_second(caption: str) -> str:
    """The same of the second one."""
    return _note("second", caption)


def _note(field: str, caption: str, examples: Mapping[str, str] | None = None) -> str:
    words = [] if examples else known_words()
    return caption_note(FIELDS[field], unknown_words(caption), words, examples)


def _check_model(card: RunCard, checkpoint: Checkpoint) -> None:
    """Refuse a card of another model.

    Raises:
        ValueError: in one sentence.
    """
    if card.weights != checkpoint.weights_hash:
        raise ValueError(
            f"The run card was made with the model {echo(card.model)} of other weights than those "
            f"of {MODEL} here; open a card of this view."
        )


def _prepared(
    checkpoint: Checkpoint,
    walks: list[SamplingRequest],
    run: str,
    prefix: str = "",
    card: RunCard | None = None,
) -> Prepared:
    """Walks of captions, ready to be computed.

    Where a CLIP guides, its gradient is torch's, whose bits depend on the number of threads: that
    of the network, and of a replay that of its card. Else torch takes those of the network.
    """
    threads = None
    if any(part.clip_scale for walk in walks for part in walk.chain):
        threads = threads_of(card) if card else int(getattr(checkpoint.network, "threads", 1))
    return Prepared(lambda over: walk_message(checkpoint, walks, run, over, prefix), card, threads)


def build_glide(page: Page, systems: gr.Dropdown) -> FirstWalk:
    """Lay the view out and wire it; see `layout.System.build`."""
    controls = Controls(GlideForm)
    with gr.Row(elem_classes=["tab-row", "with-folds"]):
        with gr.Column(scale=2, min_width=300, elem_classes=["controls"]):
            notes = {}
            for name, field in FIELDS.items():
                controls.place(name, elem_id=field)
                notes[name] = component("systems_caption", _note(name, ""), f"{field}-words")
            with gr.Row(elem_classes=["go"]):
                run_button = gr.Button(
                    "Draw", variant="primary", min_width=120, elem_id="glide-run"
                )
                stop_button = gr.Button("Stop", min_width=64, elem_id="glide-stop")
            told = controls.add("told", gr.HTML(elem_classes=["told"], elem_id="glide-told"))
            controls.place("scale", elem_id="glide-scale")
            controls.place("clip_scale", elem_id="glide-clip-scale")
            controls.place("steps", elem_id="glide-steps")
            controls.place("sampler", elem_id="glide-sampler")
            with gr.Row():
                controls.place("seed")
                die = gr.Button(
                    "New noise", min_width=80, elem_classes=["beside"], elem_id="glide-die"
                )
            component("systems_caption", _note("caption", "", EXAMPLES), "glide-examples")
        with gr.Column(scale=5, elem_classes=["stage"]):
            stage = component("systems_glide", empty_message(), "glide-stage")
            branch_button = gr.Button(
                "Go on with the caption from the shown step", elem_id="glide-branch"
            )
        with gr.Column(scale=5, elem_classes=["folds"]):
            fold = CodeFold("The walk in Python", "glide-code")
            why(WHY)
    run, card, begun = gr.Textbox(visible=False), gr.Textbox(visible=False), gr.State(False)
    index = gr.Number(visible=False)
    outputs = Named({"glide_stage": stage, "glide_told": told})
    runs: dict[str, Any] = {"concurrency_limit": None, "trigger_mode": "multiple", **QUIET}
    run_button.click(
        **wired(never_silent(draw_captions), [controls, run], outputs),
        js=script(EVENTS, "beginWalk", STAGE),
        **runs,
    )
    branch_button.click(
        **wired(never_silent(go_on_with), [controls, card, index, run], outputs),
        js=script(EVENTS, "beginBranch", STAGE),
        **runs,
    )
    stage.submit(
        **wired(never_silent(replay_captions), [card, run], outputs),
        js=script(EVENTS, "beginReplay", STAGE),
        **runs,
    )
    stop_button.click(
        stop_captions, run, None, js=script(EVENTS, "shownWalk", STAGE), queue=False, **QUIET
    )
    die.click(None, outputs=controls["seed"], js=new_seed(), api_visibility="private")
    controls["caption"].change(
        name_unknown, controls["caption"], notes["caption"], queue=False, **LATEST
    )
    controls["second"].change(
        name_unknown_second, controls["second"], notes["second"], queue=False, **LATEST
    )
    fold.follow(code, controls)

    def first_walk(event: Any) -> None:
        event(
            **wired(
                never_silent(draw_captions_first),
                [controls, systems, begun, run],
                outputs | Named({"glide_begun": begun}),
            ),
            js=script(EVENTS, "beginFirst", STAGE, "glide"),
            **runs,
        )

    return first_walk
