"""The view "Guided diffusion" (Dhariwal and Nichol 2021) of the tab Systems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.generation import RunCard, SamplingRequest

from ..shared import models
from ..shared.code_fold import CodeFold
from ..shared.components import QUIET, component, never_silent, script, why
from ..shared.forms import Controls, Named, wired
from ..shared.page import Page
from ..shared.seed_input import new_seed
from ..shared.text import echo
from .form import GuidedForm
from .guided_code import code
from .guided_walk import (
    class_names,
    empty_message,
    guided_model,
    requested,
    walk_message,
)
from .walks import FirstWalk, Prepared, branched, comes_by_itself, stop, stream, threads_of

EVENTS = "systems/clicks.js"
STAGE = "#guided-stage .guided"
LEAD = (
    "**Guided diffusion** added to DDPM a classifier that reads noisy pictures: its gradient "
    "steers a model that was never told a class, and its scale trades variety for fidelity."
)
WHY = r"""
By Bayes' rule the score of a class is that of all pictures and the gradient of a classifier:

$$\nabla \log p(x_t \mid y) = \nabla \log p(x_t) + \nabla \log p(y \mid x_t)$$

(Dhariwal and Nichol 2021, section 4.2.) Noise is the score with another factor,
$\epsilon = -\sigma_t \nabla \log p(x_t)$, so that the estimate moves by

$$\hat\epsilon \leftarrow \hat\epsilon - s\,\sqrt{1 - \bar\alpha_t}\;\nabla \log p(y \mid x_t)$$

(algorithm 2, with the scale $s$). For ddpm, each step is a draw from a Gaussian, whose mean moves:

$$\mu \leftarrow \mu + s\,\Sigma\,\nabla \log p(y \mid x_t)$$

(algorithm 1). With $s = 1$ and an ideal classifier both draw from $p(x \mid y)$. A larger scale is
the gradient of $\log p(y \mid x_t)^s$, a sharper distribution: its pictures show the class more
surely, and are less varied.

The classifier must read noise, for most of a walk is noise; it is told how much,
$\lambda = \log(\bar\alpha_t / (1 - \bar\alpha_t))$, and not $t$, so that it serves every schedule.

Classifier-free guidance needs no classifier: a model that was trained with and without classes
gives $\hat\epsilon(x_t, y) - \hat\epsilon(x_t)$, which is such a gradient too (Ho and Salimans
2022).

*Try:* scale 0, then 4, then 20, with the same seed. At which step do the bars part? Then stop at a
middle step, choose another class, and press Switch.
"""


def menu(request: gr.Request) -> gr.Dropdown:
    """The models' menu as it is now: some came after the page was built."""
    return gr.Dropdown(models.available(request.session_hash or ""))


def guide(form: GuidedForm, run: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Handler of Guide: updates of "guided_stage" and "guided_told"."""

    def prepare() -> Prepared:
        checkpoint = guided_model(form.model)
        return _prepared(checkpoint, requested(form, checkpoint), form, run)

    yield from stream("guided", prepare, run, request.session_hash or "")


def guide_first(
    form: GuidedForm, seen: str, begun: bool, run: str, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """The same as the view is seen for the first time.

    Args:
        form: The controls' values.
        seen: The system that is seen.
        begun: Whether that was done before.
        run: The walk's name.
        request: The request, of which the session is known.
    """
    if not comes_by_itself("guided", seen, begun, run):
        return
    yield {"guided_begun": True}
    yield from guide(form, run, request)


def switch(
    form: GuidedForm, card: str, index: float, run: str, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """Handler of Switch: the walk that is shown until its step, then by the controls.

    Args:
        form: The controls' values.
        card: The run card of the walk that is shown; "" of none.
        index: Steps of it before the switch.
        run: The new walk's name.
        request: The request, of which the session is known.
    """

    def prepare() -> Prepared:
        if not card:
            raise ValueError("Press Guide first, then choose the step at which to switch.")
        known = RunCard.from_json(card)
        checkpoint = known.on_engine(guided_model(form.model))
        if checkpoint.weights_hash != known.weights:
            raise ValueError("A walk goes on with the model that it began with; choose that one.")
        walk = branched(requested(form, checkpoint), known, int(index), checkpoint)
        return _prepared(checkpoint, walk, form, run, f"switched after {int(index)} steps · ")

    yield from stream("guided", prepare, run, request.session_hash or "")


def replay_guided(
    form: GuidedForm, card: str, run: str, request: gr.Request
) -> Iterator[dict[str, Any]]:
    """Handler of an opened run card: walk it again, and say whether the result is the same."""

    def prepare() -> Prepared:
        known = RunCard.from_json(card)
        found = models.by_hash(known.weights, request.session_hash or "")
        if found is None:
            raise ValueError(
                f"The run card was made with the model {echo(known.model)}, which is not here."
            )
        checkpoint = known.on_engine(guided_model(found[0]))
        known.check(checkpoint)
        prefix = "replayed from a run card · "
        return _prepared(checkpoint, known.walk, form, run, prefix, known)

    yield from stream("guided", prepare, run, request.session_hash or "")


def stop_guided(run: str) -> None:
    """Handler of Stop: end the walk that is computed."""
    stop(run)


def _prepared(
    checkpoint: Checkpoint,
    walk: SamplingRequest,
    form: GuidedForm,
    run: str,
    prefix: str = "",
    card: RunCard | None = None,
) -> Prepared:
    """A guided walk, ready to be computed."""
    threads = getattr(checkpoint.network, "threads", 1) if card is None else threads_of(card)
    return Prepared(
        lambda over: walk_message(checkpoint, walk, run, bool(form.free), over, prefix),
        card,
        int(threads),
    )


def build_guided(page: Page, menu_of_systems: gr.Dropdown) -> FirstWalk:
    """Lay the view out and wire it; see `layout.System.build`."""
    choices, names = models.available(), class_names()
    first = models.first() if choices else ""
    known = [value for _, value in choices]
    fashion = next((value for words, value in choices if words == "fashion-mnist"), first)
    opening = GuidedForm(
        model=fashion if fashion in known else first,
        label=names[8][1] if len(names) > 8 else (names[0][1] if names else None),
    )
    controls = Controls(GuidedForm, opening)
    with gr.Row(elem_classes=["tab-row", "with-folds"]):
        with gr.Column(scale=2, min_width=300, elem_classes=["controls"]):
            with gr.Row(elem_classes=["pair"]):
                controls.place("model", choices=choices, min_width=100)
                controls.place("label", choices=names, min_width=100)
            with gr.Row(elem_classes=["go"]):
                run_button = gr.Button(
                    "Guide", variant="primary", min_width=120, elem_id="guided-run"
                )
                stop_button = gr.Button("Stop", min_width=64, elem_id="guided-stop")
            told = controls.add("told", gr.HTML(elem_classes=["told"], elem_id="guided-told"))
            controls.place("scale", elem_id="guided-scale")
            controls.place("guide", elem_id="guided-guide")
            controls.place("free", elem_id="guided-free")
            controls.place("steps", elem_id="guided-steps")
            controls.place("sampler", elem_id="guided-sampler")
            with gr.Row():
                controls.place("seed")
                die = gr.Button(
                    "New noise", min_width=80, elem_classes=["beside"], elem_id="guided-die"
                )
        with gr.Column(scale=5, elem_classes=["stage"]):
            stage = component("systems_guided", empty_message(), "guided-stage")
            switch_button = gr.Button(
                "Switch to this class at the shown step", elem_id="guided-switch"
            )
        with gr.Column(scale=5, elem_classes=["folds"]):
            fold = CodeFold("The walk in Python", "guided-code")
            why(WHY)
    run, card, begun = gr.Textbox(visible=False), gr.Textbox(visible=False), gr.State(False)
    index = gr.Number(visible=False)
    outputs = Named({"guided_stage": stage, "guided_told": told})
    runs: dict[str, Any] = {"concurrency_limit": None, "trigger_mode": "multiple", **QUIET}
    run_button.click(
        **wired(never_silent(guide), [controls, run], outputs),
        js=script(EVENTS, "beginWalk", STAGE),
        **runs,
    )
    switch_button.click(
        **wired(never_silent(switch), [controls, card, index, run], outputs),
        js=script(EVENTS, "beginBranch", STAGE),
        **runs,
    )
    stage.submit(
        **wired(never_silent(replay_guided), [controls, card, run], outputs),
        js=script(EVENTS, "beginReplay", STAGE),
        **runs,
    )
    stop_button.click(
        stop_guided, run, None, js=script(EVENTS, "shownWalk", STAGE), queue=False, **QUIET
    )
    die.click(None, outputs=controls["seed"], js=new_seed(), api_visibility="private")
    fold.follow(code, controls)
    page.on_load(fn=menu, outputs=controls["model"])
    page.on_return(fn=menu, outputs=controls["model"])

    def first_walk(event: Any) -> None:
        event(
            **wired(
                never_silent(guide_first),
                [controls, menu_of_systems, begun, run],
                outputs | Named({"guided_begun": begun}),
            ),
            js=script(EVENTS, "beginFirst", STAGE, "guided"),
            **runs,
        )

    return first_walk
