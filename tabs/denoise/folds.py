"""The folds that follow the controls: costs and code. Closed, they compute nothing."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..shared.components import QUIET, component
from .code import code
from .cost import costs, expected

# The run whose time is taken stands in the player.
SEND_RUN = """(...inputs) => [...inputs.slice(0, -1),
  document.querySelector("#denoise-player .player")?.dataset.run || ""]"""


def follow(*values: Any) -> list[Any]:
    """Plot and words of the costs, the code, and how long it will take.

    What is in a closed fold is gr.skip().

    Args:
        *values: Those of `DenoiseForm`; whether each of the two folds is open; a run's name.
    """
    *asked, costs_open, code_open, run_id = values
    plot, words = costs(*asked, run_id) if costs_open else (gr.skip(), gr.skip())
    return [plot, words, code(*asked) if code_open else gr.skip(), expected(*asked)]


def build(asked: list[Any], loaded: gr.State, expects: gr.Markdown) -> None:
    """Lay both folds out and wire them.

    Args:
        asked: The tab's controls, in the order of `DenoiseForm`.
        loaded: Changes when the model can be read.
        expects: Says how long the walk will take.
    """
    run_id = gr.Textbox(visible=False)
    with gr.Accordion("What steps cost", open=False) as costs_fold:
        plot = gr.Plot(show_label=False, container=False, elem_id="denoise-costs")
        said = gr.Markdown(elem_classes=["costs"])
    with gr.Accordion("Code, and the paper's algorithms", open=False) as code_fold:
        component("algorithm", "", "denoise-algorithm")
        python = gr.Code("", language="python", label="The same in Python", wrap_lines=True)
    opened = []
    for fold in (costs_fold, code_fold):
        is_open = gr.State(False)
        fold.expand(lambda: True, outputs=is_open, **QUIET)
        fold.collapse(lambda: False, outputs=is_open, **QUIET)
        opened.append(is_open)
    gr.on(
        [
            *(s.change for s in (*opened, loaded)),
            *(c.change for c in asked if not isinstance(c, gr.HTML)),
        ],
        follow,
        [*asked, *opened, run_id],
        [plot, said, python, expects],
        js=SEND_RUN,
        trigger_mode="always_last",
        **QUIET,
    )
