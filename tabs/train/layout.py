"""The Train tab: a UNet learns pictures while one watches."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..shared import models
from ..shared.components import LATEST, QUIET, component, never_silent, script, why
from ..shared.connection import BELONGINGS
from ..shared.forms import Controls, components, wired
from ..shared.limits import Limits
from ..shared.page import Page
from ..shared.sessions import PUBLIC, SESSIONS
from . import publish
from .datasets import SIZES
from .estimates import (
    MEASURING,
    begins,
    facts_now,
    measured_presets,
    preset_values,
    refilled,
    suggested_patch,
)
from .form import (
    EVERYTHING,
    FRESH,
    OWN,
    PATCH_PARTS,
    PRESET_PARTS,
    RunForm,
    SourceForm,
    TrainForm,
    place_everything,
)
from .handlers import (
    MENUS,
    PICTURE_PARTS,
    SOURCE_GROUPS,
    START_PARTS,
    USE_PARTS,
    ZIP_PARTS,
    cancel_reading,
    chosen_pictures,
    delete,
    end_reading,
    first_pictures,
    go_on,
    look_back,
    newest,
    opened,
    own_menu,
    shown_inputs,
    start_training,
    stop,
    superseded,
    use,
    watch,
    zip_file,
)
from .jobs import QUEUE
from .messages import FOLLOWED
from .my_models import own_models

WHY = r"""
Training repeats one step a hundred thousand times: take a picture $x_0$, draw a timestep $t$
and noise $\epsilon$, mix them, and ask the network what was added.

$$L = \mathbb{E}_{x_0,\;t,\;\epsilon}\;\big\lVert\,\epsilon - \hat\epsilon\big(\sqrt{\bar\alpha_t}\;
x_0 + \sqrt{1 - \bar\alpha_t}\;\epsilon,\; t\big)\big\rVert^2$$

(Ho et al. 2020, eq. 14 and algorithm 1)

Here the network predicts the clean picture $\hat x_0$, unless you choose otherwise; the noise
follows from it: $\hat\epsilon = (x_t - \sqrt{\bar\alpha_t}\;\hat x_0) / \sqrt{1 - \bar\alpha_t}$.
Noise has no structure that a few minutes could teach, pictures have (Li and He 2025). The error
is then weighted by the signal over noise, clamped, so that no timestep is neglected.

The loss falls fast and then looks flat, though the pictures get better for hours. No network can
bring it to zero, because nothing can tell what the noise has covered, and most of the loss is that
rest. The part that still falls is small: the chart by timestep shows it.

The samples are not made by the network of the present step but by a running average of its weights
(EMA): single steps jitter, their average does not.

*Try:* train for a coffee, then set training time to the middle and walk through sampling time.
Which does the network learn first: where things are, or how they look?
"""


def leave(session: str) -> None:
    """The connection of a page has ended: nobody reads what a training sends to it."""
    FOLLOWED.pop(session, None)
    end_reading(session)


def end(visitor: str) -> None:
    """A visitor has not come back: where they are strangers, their training ends.

    It returns when nothing is written into their folder any more, which can then go.
    """
    job = QUEUE.forget(visitor) if SESSIONS.public else None
    if job is not None:
        job.ended.wait()


def belongings(session: str) -> list[str]:
    """What a visitor who comes back finds here, in words: a training, and a stranger's models."""
    job = QUEUE.of(SESSIONS.visitor(session), SESSIONS.public)
    words = [] if job is None or job.over else [f"the training {job.name}"]
    if SESSIONS.public:
        training = job.name if words and job is not None else ""
        names = [name for name, _ in own_models(session) if name != training]
        if names:
            words.append(f"the model{'s' if len(names) > 1 else ''} {', '.join(names)}")
    return words


SESSIONS.on_left.append(leave)
SESSIONS.on_visit_end.append(end)
BELONGINGS.append(belongings)


def build(page: Page) -> None:
    """Lay out the tab and wire it.

    Args:
        page: The page: gives the Denoise tab's menu, which lists what was trained at once.
    """
    denoise_model = page["denoise_model"]
    limits = Limits.here()
    controls = Controls(TrainForm, TrainForm.within(limits))
    sources, run = Controls(SourceForm), Controls(RunForm)
    gr.Markdown(
        "A network that knows nothing yet learns from these pictures, or from your own. Press "
        "Train, and watch it make better and better pictures from the same noise.",
        elem_classes=["lead"],
    )
    with gr.Row(elem_classes=["tab-row", "with-folds"]):
        with gr.Column(scale=2, min_width=300, elem_classes=["controls"]):
            with gr.Column(elem_classes=["lines"]):
                source = sources.place("source")
            with sources.add("upload", gr.Group(visible=False)):
                files = sources.place("files")
            with sources.add("local", gr.Group(visible=False)):
                folder = sources.place("folder")
            with sources.add("sized", gr.Group(visible=False)):
                size = sources.place("size", choices=[s for s in SIZES if s <= limits.size])
                value_range = sources.place("value_range")
            controls.add("refused", gr.HTML(elem_id="train-refused", elem_classes=["told"]))
            preset = run.place("preset")
            with gr.Row(elem_classes=["go"]):
                run_button = gr.Button(
                    "Train", variant="primary", min_width=120, elem_id="train-run"
                )
                stop_button = gr.Button("Stop", min_width=120, elem_id="train-stop")
            facts = gr.Markdown(MEASURING, elem_classes=["hint"], elem_id="train-facts")
            controls.add("facts", facts)
            with gr.Column(elem_classes=["lines"]):
                name = run.place("name")
                begin = controls.place("begin", choices=[FRESH, *models.available()])
            with gr.Accordion("Everything", open=False):
                place_everything(controls, limits)
        with gr.Column(scale=5, elem_classes=["stage"]):
            stage = component("training", first_pictures(), "train-stage")
            controls.add("stage", stage)
            controls.add("words", gr.Markdown("", elem_id="train-words"))
            cancel = gr.Button("Cancel reading", size="sm", visible=False, elem_id="train-cancel")
            controls.add("cancel", cancel)
        with gr.Column(scale=5, elem_classes=["folds"]):
            with gr.Accordion("Your models", open=True):
                own = gr.Dropdown(
                    [], label="Model of yours", interactive=True, allow_custom_value=True
                )
                with gr.Row():
                    using = gr.Button("Denoise with it", size="md", min_width=120)
                    resume = gr.Button("Go on training", size="md", min_width=120)
                    zipping = gr.Button("Make a zip", size="md", min_width=100)
                    remove = gr.Button("Delete", size="md", min_width=80)
                file = gr.File(label="The checkpoint", interactive=False, visible=False)
                outcome = gr.Markdown(
                    "On this public page your pictures and models are yours alone, and are deleted "
                    f"{SESSIONS.grace / 60:g} minutes after you close it. A training has at most "
                    f"{limits.steps:,} steps and {limits.minutes:g} minutes."
                    if PUBLIC
                    else "Your models are kept in a folder beside the playground.",
                    elem_classes=["hint"],
                    elem_id="train-said",
                )
                controls.add("file", file)
                controls.add("outcome", outcome)
                publish.build(own)
            why(WHY)
    controls.add("own", own)
    controls.add("denoise_model", denoise_model)
    controls.add("tabs", page.tabs)
    controls.add("now", page.given.get("denoise_now") or gr.State(""))
    menus = controls.named(*MENUS)
    everything = [controls[name] for name in EVERYTHING]
    watching: dict[str, Any] = {
        "concurrency_limit": 16,
        "concurrency_id": "watch",
        "trigger_mode": "multiple",
        **QUIET,
    }
    source.change(**wired(shown_inputs, [source], sources.named(*SOURCE_GROUPS)), **QUIET)
    pictures = controls.named(*PICTURE_PARTS)
    chosen = [source.change, files.change, folder.submit, size.change, value_range.change]
    # A reading that is under way holds the next one back, so what is no longer wanted ends first.
    gr.on(chosen, **wired(superseded, [sources]), queue=False, trigger_mode="multiple", **QUIET)
    cancel.click(cancel_reading, None, None, queue=False, **QUIET)
    read = gr.on(
        chosen,
        **wired(chosen_pictures, [sources], pictures),
        trigger_mode="always_last",
        **QUIET,
    )
    opening = page.select(**wired(opened, [sources], pictures), **LATEST)
    page.select(**wired(own_menu, components(menus), menus), **LATEST)
    gr.on(
        [c.input for c in everything],
        None,
        None,
        preset,
        js=script("training/clicks.js", "leavePreset", OWN),
        **QUIET,
    )
    measuring: dict[str, Any] = {
        "trigger_mode": "always_last",
        "concurrency_id": "measure",
        **QUIET,
    }

    def filled(event: Any, find: Any, inputs: list[Any], names: tuple[str, ...]) -> Any:
        """Fill the controls of these names with what `find` gives, unless changed meanwhile."""
        found, fills = gr.Textbox(visible=False), components(controls.named(*names))
        return event.then(**wired(find, inputs, found), **QUIET).then(
            None,
            [found, preset],
            fills,
            js=script("training/clicks.js", "fillIn", names),
            **QUIET,
        )

    def measured(event: Any, find: Any) -> None:
        """Measure, which takes a while; only then check whether a preset is still chosen."""
        event = event.then(**wired(measured_presets, [controls], preset), **measuring)
        filled(event, find, [preset, controls], PRESET_PARTS).then(
            **wired(facts_now, [preset, controls], facts), **measuring
        )

    for event in (read, opening):
        measured(filled(event, suggested_patch, [preset], PATCH_PARTS), refilled)
    measured(begin.input(begins, [begin, size], size, **LATEST), refilled)
    measured(preset.input(lambda: MEASURING, None, facts, **LATEST), preset_values)
    gr.on(
        # The preset is left just after a field has changed, in the browser.
        [preset.change, *(c.change for c in controls.inputs)],
        **wired(facts_now, [preset, controls], facts),
        **measuring,
    )
    opening.then(**wired(own_menu, components(menus), menus), **QUIET).then(
        never_silent(watch), own, stage, **watching
    ).then(**wired(own_menu, components(menus), menus), **QUIET)
    own.input(never_silent(look_back), own, stage, **watching)
    for event in (
        run_button.click(
            **wired(
                never_silent(start_training),
                [name, preset, sources, controls],
                controls.named(*START_PARTS),
            ),
            js=script("training/clicks.js", "askTraining"),
            **watching,
        ),
        resume.click(never_silent(go_on), own, stage, **watching),
    ):
        measured(event.then(**wired(newest, components(menus), menus), **QUIET), refilled)
        event.then(None, js=script("training/clicks.js", "endAsking"), api_visibility="private")
    stop_button.click(stop, None, None, queue=False, **QUIET)
    using.click(**wired(use, [own], controls.named(*USE_PARTS)), **QUIET)
    zipping.click(**wired(zip_file, [own], controls.named(*ZIP_PARTS)), **QUIET)
    remove.click(
        delete,
        own,
        outcome,
        js=script("training/clicks.js", "confirmDelete"),
        **QUIET,
    ).then(**wired(own_menu, components(menus), menus), **QUIET)
