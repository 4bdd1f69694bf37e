"""What steps cost: measured quality and time against network evaluations, the choice marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import plotly.graph_objects as go

from diffusion_core.card import read_table
from diffusion_core.checkpoint import CARD
from diffusion_core.evaluation import evaluations

from .asking import NOISE, Asked, choice_of
from .costs import figure, words
from .runs import SHELF

# The run whose time is taken stands in the player.
SEND_RUN = """(...inputs) => [...inputs.slice(0, -1),
  document.querySelector("#denoise-player .player")?.dataset.run || ""]"""


def costs(*values: Any) -> tuple[go.Figure | Any, str]:
    """The figure and what it says, for the controls' values and the run in the player.

    Args:
        *values: Those of `Asked`, then the name of a run of this machine, for its time.
    """
    *asked_values, run_id = values
    asked = Asked(*asked_values)
    try:
        checkpoint = asked.checkpoint()
        walk, _ = asked._replace(begin=NOISE).walk(checkpoint)
        count = evaluations(checkpoint.schedule, walk.sampler, walk.num_steps, walk.spacing)
    except ValueError as error:
        return gr.skip(), str(error)
    card = Path(checkpoint.name) / CARD
    rows = read_table(card.read_text(encoding="utf-8")) if card.is_file() else []
    ms = None
    record = SHELF.get(run_id)
    if record is not None and record.frames and record.frames[-1].nfe:
        if record.checkpoint is checkpoint and record.settings.num_images == walk.num_images:
            ms = record.frames[-1].ms / record.frames[-1].nfe
    name = choice_of(walk)
    return figure(rows, name, count, ms), words(rows, name, count, ms)


def build(asked: list[Any], fold: gr.Accordion) -> None:
    """Lay the fold out and wire it.

    Args:
        asked: The tab's controls, in the order of `Asked`.
        fold: Opening it brings the figure up to date.
    """
    plot = gr.Plot(show_label=False, container=False, elem_id="denoise-costs")
    said = gr.Markdown(elem_classes=["costs"])
    run_id = gr.Textbox(visible=False)
    gr.on(
        [fold.expand, *(c.change for c in asked if isinstance(c, gr.Slider | gr.Dropdown))],
        costs, [*asked, run_id], [plot, said], js=SEND_RUN, trigger_mode="always_last",
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip
