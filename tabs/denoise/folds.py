"""The folds that follow the controls: costs and code. Closed, they compute nothing."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..shared.components import LATEST, QUIET, component, script
from ..shared.forms import Controls, wired
from .code import code
from .cost import costs, expected
from .form import DenoiseForm


def follow(form: DenoiseForm, costs_open: bool, code_open: bool, run_id: str) -> dict[str, Any]:
    """Updates of the costs' plot and words, of the code, and of the expected time.

    What is in a closed fold stays as it is.

    Args:
        form: The values of the controls.
        costs_open: Whether the fold of the costs is open.
        code_open: Whether the fold of the code is open.
        run_id: The run in the player, whose time is used.
    """
    updates: dict[str, Any] = {"expects": expected(form)}
    if costs_open:
        updates["costs_plot"], updates["costs_words"] = costs(form, run_id)
    if code_open:
        updates["python"] = code(form)
    return updates


def build(controls: Controls[DenoiseForm]) -> None:
    """Lay both folds out and wire them.

    Args:
        controls: The tab's controls; "loaded" changes when the model can be read, "expects" shows
            how long the walk will take.
    """
    run_id = gr.Textbox(visible=False)
    with gr.Accordion("What steps cost", open=False) as costs_fold:
        plot = gr.Plot(show_label=False, container=False, elem_id="denoise-costs")
        controls.add("costs_plot", plot)
        controls.add("costs_words", gr.Markdown(elem_classes=["costs"]))
    with gr.Accordion("Code, and the paper's algorithms", open=False) as code_fold:
        component("algorithm", "", "denoise-algorithm")
        python = gr.Code("", language="python", label="The same in Python", wrap_lines=True)
        controls.add("python", python)
    opened = []
    for fold in (costs_fold, code_fold):
        is_open = gr.State(False)
        fold.expand(lambda: True, outputs=is_open, **LATEST)
        fold.collapse(lambda: False, outputs=is_open, **LATEST)
        opened.append(is_open)
    followed = [c for c in controls.inputs if not isinstance(c, gr.HTML)]
    gr.on(
        [s.change for s in (*opened, controls["loaded"], *followed)],
        **wired(
            follow,
            [controls, *opened, run_id],
            controls.named("costs_plot", "costs_words", "python", "expects"),
        ),
        js=script("player/clicks.js", "withShownRun"),
        trigger_mode="always_last",
        **QUIET,
    )
