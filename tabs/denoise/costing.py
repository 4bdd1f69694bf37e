"""What steps cost: measured quality and time against network evaluations, the choice marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import plotly.graph_objects as go

from diffusion_core.card_table import read_table
from diffusion_core.checkpoint import CARD
from diffusion_core.evaluation import evaluations
from diffusion_core.scorecard import YARDSTICKS

from .asking import HOLE, NOISE, PICTURE, Asked, choice_of
from .costs import words
from .costs_figure import figure
from .runs import SHELF


def costs(*values: Any) -> tuple[go.Figure | Any, str]:
    """The figure and what it says, for the controls' values and the run in the player.

    Args:
        *values: Those of `Asked`, then the name of a run of this machine, for its time.
    """
    *asked_values, run_id = values
    asked = Asked(*asked_values)
    try:
        checkpoint = asked.checkpoint()
        begin = asked.begin if asked.start or asked.begin != PICTURE else NOISE
        walk, _ = asked._replace(begin=NOISE if begin == HOLE else begin).walk(checkpoint)
        count = evaluations(
            checkpoint.schedule, walk.sampler, walk.num_steps, walk.spacing, walk.t_start
        )
        if begin == HOLE:  # every step but the last is taken several times
            count = 1 + int(asked.resample) * (count - 1)
    except ValueError as error:
        return gr.skip(), str(error)
    card = Path(checkpoint.name) / CARD
    rows = read_table(card.read_text(encoding="utf-8")) if card.is_file() else []
    ms = None
    record = SHELF.get(run_id)
    if record is not None and record.frames and record.frames[-1].nfe:
        then = record.settings
        guided = (walk.guidance_scale != 1) == (then.guidance_scale != 1)  # two pictures, or one
        if record.checkpoint is checkpoint and guided and then.num_images == walk.num_images:
            ms = record.frames[-1].ms / record.frames[-1].nfe
    name = choice_of(walk)
    measurable = checkpoint.config.dataset in YARDSTICKS and Path(checkpoint.name).is_dir()
    return figure(rows, name, count, ms), words(rows, name, count, ms, measurable)
