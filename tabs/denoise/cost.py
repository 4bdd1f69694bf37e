"""What steps cost, in words: quality and time against network evaluations.

Quality is read from the model's measured results; time from a run on this machine.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import gradio as gr
import plotly.graph_objects as go

from diffusion_core.checkpoint import Checkpoint, cached
from diffusion_core.evaluation import (
    BENCHMARKS,
    Results,
    best_value,
    candidates,
    read_results,
)
from diffusion_core.generation import Recording
from diffusion_core.samplers import count_evaluations

from ..shared import models
from ..shared.forms import parsed
from ..shared.text import span, times
from .cost_figure import MANY, figure
from .form import BROWSER, HOLE, NOISE, PICTURE, DenoiseForm, choice_of
from .run_registry import RECORDINGS

COMMAND = "python -m diffusion_core evaluate --model FOLDER"


def words(
    results: Results | None,
    sampler: str,
    evaluations: int,
    ms_per_evaluation: float | None = None,
    measurable: bool = True,
) -> str:
    """What the choice costs here, what a thousand steps would, and which row would do: Markdown.

    The row is the one that the model's default is chosen by; see `evaluation.best_value`.

    Args:
        results: Measured results of the model; None where there are none.
        sampler: The sampler that the controls choose.
        evaluations: Number of evaluations that it would take, at least 1.
        ms_per_evaluation: Milliseconds measured on this machine; None while they are not known.
        measurable: Whether there are test images of what it was trained on.
    """
    sentences = [_cost(results, sampler, evaluations, ms_per_evaluation)]
    least = best_value(results) if results is not None else None
    if results is None or least is None:
        how = f"; `{COMMAND}` makes it" if measurable else ", and no test images are known for it"
        sentences.append(f"This model's card has no table of measured samplers{how}.")
        return " ".join(sentences)
    measured = candidates(results)
    best = min(measured, key=lambda r: (r.frechet_distance, r.num_evaluations))
    distance, least_distance = (f"{round(r.frechet_distance, 2):g}" for r in (best, least))
    if least == best:
        sentences.append(
            f"On the card, **{best.name}** is the best (Frechet distance {distance}), and "
            f"nothing within 5 % of it takes fewer than its {times(best.num_evaluations)}."
        )
    else:
        sentences.append(
            f"On the card, **{least.name}** takes the fewest to come within 5 % of the best: "
            f"{times(least.num_evaluations)} for a Frechet distance of {least_distance}, against "
            f"{best.num_evaluations:,} for {distance} ({best.name})."
        )
    if best.guidance_scale != 1 or least.guidance_scale != 1:
        sentences.append(
            "Under guidance each evaluation is of two pictures, and takes twice as long."
        )
    counts = {r.num_samples for r in measured}
    if len(counts) > 1:
        sentences.append(
            f"The rows were measured on {min(counts):,} to {max(counts):,} images: the fewer, the "
            "larger the distance comes out."
        )
    return " ".join(sentences)


def _cost(results: Results | None, sampler: str, count: int, ms: float | None) -> str:
    """The first sentence: the choice's time beside that of a thousand steps of ddpm."""
    ratio = MANY / count
    longer = f"{ratio:,.0f}" if ratio >= 9.95 else f"{ratio:.2g}"
    more = f", {longer} times as long" if ratio >= 1.05 else ""
    opening, many = f"**{sampler}** with {times(count)}", "a thousand steps of ddpm"
    if ms is not None:
        takes = f"{opening} takes about {span(count * ms)} here"
        if sampler == "ddpm" and count == MANY:
            return f"{takes}: that is {many}."
        return f"{takes}; {many} would take about {span(MANY * ms)}{more}."
    timed = [
        r.milliseconds_per_image / r.num_evaluations
        for r in (results.samplers if results is not None else ())
        if r.plain and r.milliseconds_per_image
    ]
    opening += " has not been timed here yet"
    if not timed:
        return f"{opening}; {many} is {MANY:,} evaluations{more.replace(' long', ' many')}."
    there = median(timed)
    return (
        f"{opening}; where the card was measured it took about {span(count * there)} an image, "
        f"and {many} about {span(MANY * there)}."
    )


def costs(form: DenoiseForm, run_id: str) -> tuple[go.Figure | Any, str]:
    """The figure and the words beside it, for the controls' values and the run in the player.

    Args:
        form: The values of the controls.
        run_id: The name of a run on this machine, whose time is used.
    """
    try:
        checkpoint = form.checkpoint()
        begin = form.begin if form.start or form.begin != PICTURE else NOISE
        plain = replace(form, begin=NOISE if begin == HOLE else begin)
        walk, _ = plain.walk(checkpoint)
        steps = [*walk.timesteps(checkpoint), -1]
        times_each = parsed(form, "resample") if begin == HOLE else 1
        count = count_evaluations(walk.sampler, steps, checkpoint.schedule, resample=times_each)
    except ValueError as error:
        return gr.skip(), str(error)
    results = results_of(checkpoint)
    ms = None
    record = RECORDINGS.get(run_id)
    if record is not None and record.frames and record.frames[-1].nfe:
        then = record.settings
        guided = (walk.guidance_scale != 1) == (then.guidance_scale != 1)  # two pictures, or one
        if _alike(record, checkpoint) and guided and then.num_images == walk.num_images:
            ms = record.frames[-1].ms / record.frames[-1].nfe
    name = choice_of(walk)
    measurable = checkpoint.config.dataset in BENCHMARKS and Path(checkpoint.name).is_dir()
    return figure(results, name, count, ms), words(results, name, count, ms, measurable)


def _alike(record: Recording, checkpoint: Checkpoint) -> bool:
    """Whether a record was walked by this network and engine, so that its time tells of both."""
    ours, its = record.checkpoint, checkpoint
    return (ours.weights_hash, ours.engine) == (its.weights_hash, its.engine)


def results_of(checkpoint: Checkpoint) -> Results | None:
    """The measured results of a checkpoint, from its folder or where the Hub's cache keeps it."""
    folder = Path(checkpoint.name)
    if not folder.is_dir():
        folder = cached().get(checkpoint.name, folder)
    return read_results(folder, checkpoint.weights_hash)


WORTH_SAYING = 1.0  # seconds


def expected(form: DenoiseForm) -> str:
    """The time that the controls' values will take, in a line; "" where it is short.

    How fast the visitor's own computer is, nobody knows here: the player tells it from the steps.
    """
    if form.runs_on == BROWSER:
        return ""
    try:
        checkpoint = form.checkpoint()
        walk, _ = form.walk(checkpoint)
    except (ValueError, TypeError):
        return ""
    seconds = models.seconds_of(walk, checkpoint)
    if seconds < WORTH_SAYING:
        return ""
    return f"About {span(1000 * seconds)} on this machine."
