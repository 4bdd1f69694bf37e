"""Two comparisons in one press: a walk at 5 to 250 steps, and beside the exact denoiser's.

Both take all but what they compare from the tab's controls, and show their walks as lanes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from diffusion_core.checkpoint import Checkpoint

from ..shared.components import QUIET, component, never_silent, script
from ..shared.forms import Controls, parsed, wired
from .exact import exact_of
from .form import NOISE, PICTURE, DenoiseForm
from .handlers import give_up, stop
from .lanes import EXACT, NETWORK, Lane, walk_lanes

NUMBERS_OF_STEPS = (5, 10, 50, 250)
STEPS_STAGE, EXACT_STAGE = "denoise-steps", "denoise-exact"


def lane_of(form: DenoiseForm, **changes: Any) -> Lane:
    """The walk of the tab's controls as a lane.

    Args:
        form: The values of the controls.
        **changes: Fields of the lane that differ from it.

    Raises:
        ValueError: with a sentence for the page, if a value is missing or none.
    """
    own = {name: parsed(form, name) for name in ("eta", "guidance", "steps")}
    return dataclasses.replace(
        Lane(NETWORK, form.sampler, spacing=form.spacing), **{**own, **changes}
    )


def step_lanes(form: DenoiseForm, checkpoint: Checkpoint) -> list[Lane]:
    """The walk at `NUMBERS_OF_STEPS`, or at as many as the walk has timesteps.

    Raises:
        ValueError: with a sentence for the page, if a value of the form is missing or none.
    """
    most = len(checkpoint.schedule)
    if form.begin == PICTURE and form.start is not None:
        most = form.start.fit(checkpoint)[1] + 1
    counts = dict.fromkeys(min(count, most) for count in NUMBERS_OF_STEPS)
    return [lane_of(form, steps=count) for count in counts]


def compare_steps(form: DenoiseForm, run_id: str, request: gr.Request) -> Iterator[str]:
    """Handler of "Walk at 5, 10, 50 and 250 steps": messages for the stage of the view Steps.

    Args:
        form: The values of the tab's controls.
        run_id: The run's name.
        request: The request, which names the session.
    """
    session = request.session_hash or ""
    yield from walk_lanes(form, lambda c: step_lanes(form, c), "steps", run_id, session)


def compare_exact(form: DenoiseForm, run_id: str, request: gr.Request) -> Iterator[str]:
    """Handler of "Walk with both": messages for the stage of the view Exact answer.

    Args:
        form: The values of the tab's controls; both walks begin with noise.
        run_id: The run's name.
        request: The request, which names the session.
    """

    def lanes_of(checkpoint: Checkpoint) -> list[Lane]:
        lanes = [lane_of(form), lane_of(form, who=EXACT)]
        exact_of(checkpoint, own.walk(checkpoint)[0])  # refused where there are no images
        return lanes

    own = dataclasses.replace(form, begin=NOISE)
    session = request.session_hash or ""
    yield from walk_lanes(own, lanes_of, "exact", run_id, session, neighbours=True)


def build_steps(controls: Controls[DenoiseForm], run_id: gr.Textbox, runs: dict[str, Any]) -> None:
    """Lay the view Steps out and wire it.

    Args:
        controls: The tab's controls.
        run_id: Holds the run's name, which the browser fills in.
        runs: Options of events that compute.
    """
    gr.Markdown(
        "The same walk at four numbers of steps; all else as in the controls, at most four images.",
        elem_classes=["hint"],
    )
    parts = _lay_out("Walk at 5, 10, 50 and 250 steps", "Stop these walks", STEPS_STAGE)
    _wire(controls, run_id, runs, compare_steps, *parts)


def build_exact(controls: Controls[DenoiseForm], run_id: gr.Textbox, runs: dict[str, Any]) -> None:
    """Lay the view Exact answer out and wire it.

    Args:
        controls: The tab's controls.
        run_id: Holds the run's name, which the browser fills in.
        runs: Options of events that compute.
    """
    gr.Markdown(
        "The exact answer is the best guess of a denoiser that remembers training images: its "
        "walk ends at one of them. Does the network's?",
        elem_classes=["hint"],
    )
    parts = _lay_out("Walk with both", "Stop both walks", EXACT_STAGE)
    controls.place("exact")
    _wire(controls, run_id, runs, compare_exact, *parts)


def _lay_out(start: str, halt: str, elem_id: str) -> tuple[gr.Button, gr.Button, gr.HTML]:
    with gr.Row(elem_classes=["view-row"]):
        buttons = (
            gr.Button(start, variant="primary", min_width=220, scale=4),
            gr.Button(halt, min_width=150),
        )
    return *buttons, component("race", "{}", elem_id, asks=[give_up])


def _wire(
    controls: Controls[DenoiseForm],
    run_id: gr.Textbox,
    runs: dict[str, Any],
    compare: Callable[..., Iterator[str]],
    start: gr.Button,
    halt: gr.Button,
    stage: gr.HTML,
) -> None:
    start.click(
        **wired(never_silent(compare), [controls, run_id], stage),
        js=script("race/clicks.js", "startRace", stage.elem_id),
        **runs,
    )
    halt.click(
        stop, run_id, js=script("race/clicks.js", "stopRace", stage.elem_id), queue=False, **QUIET
    )
