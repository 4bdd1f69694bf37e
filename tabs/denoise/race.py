"""The race: up to four walks from the same noise, side by side, on one clock of computing time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from ..shared.components import LATEST, QUIET, component, never_silent, script
from ..shared.forms import Controls, components, entry, wired
from .form import NOISE, DenoiseForm
from .handlers import give_up, stop
from .lanes import EXACT, NETWORK, Lane, walk_lanes
from .sampler_words import LARGE_VARIANCE

LANES = 4
OWN = "my own"
STAGE = "denoise-race"
FIRST = "Ten evaluations at most: which sampler?"

PRESETS: dict[str, tuple[Lane, ...]] = {
    FIRST: (
        Lane(NETWORK, "ddim", 10, 0, 1),
        Lane(NETWORK, "ddpm", 10, 0, 1),
        Lane(NETWORK, "heun", 5, 0, 1),
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1),
    ),
    "Spacing: at which ten timesteps?": (
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1, "leading"),
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1, "linspace"),
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1),
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1, "karras"),
    ),
    "Ancestral sampling: 10, 100 or 1000 steps": (
        Lane(NETWORK, LARGE_VARIANCE, 10, 0, 1),
        Lane(NETWORK, LARGE_VARIANCE, 100, 0, 1),
        Lane(NETWORK, LARGE_VARIANCE, 1000, 0, 1),
        Lane(NETWORK, "ddim", 10, 0, 1),
    ),
    "Eta: from deterministic to ancestral": (
        Lane(NETWORK, "ddim", 50, 0, 1),
        Lane(NETWORK, "ddim", 50, 0.3, 1),
        Lane(NETWORK, "ddim", 50, 0.7, 1),
        Lane(NETWORK, "ddim", 50, 1, 1),
    ),
    "Guidance: how strongly to follow the class": (
        Lane(NETWORK, "ddim", 25, 0, 1),
        Lane(NETWORK, "ddim", 25, 0, 2),
        Lane(NETWORK, "ddim", 25, 0, 4),
        Lane(NETWORK, "ddim", 25, 0, 8),
    ),
    "The network and the exact answer": (
        Lane(NETWORK, "ddim", 25, 0, 1),
        Lane(EXACT, "ddim", 25, 0, 1),
    ),
}


@dataclass(frozen=True)
class RaceForm:
    """The values of the race's controls.

    Attributes:
        count: Number of lanes that run.
        lanes: All `LANES` of them, also those that do not run.
    """

    count: int = entry(LANES, partial(gr.Radio, [2, 3, 4], label="Lanes"))
    lanes: tuple[Lane, ...] = entry(PRESETS[FIRST])

    @classmethod
    def of(cls, name: str) -> RaceForm:
        """A preset; lanes that it does not name are those of the first."""
        lanes = PRESETS[name]
        return cls(len(lanes), (*lanes, *PRESETS[FIRST][len(lanes) :]))


def preset(name: str) -> dict[str, Any]:
    """Updates of the lanes' number and of all lanes' controls for a preset."""
    return vars(RaceForm.of(name)) if name in PRESETS else {}


def place_lane(lane: Lane, number: int) -> Controls[Lane]:
    """Lay a lane's controls out, inside its row: menus first, then numbers.

    Args:
        lane: Their first values.
        number: The lane's number in the labels, from 1 on.
    """
    controls = Controls(Lane, lane)
    for name in ("who", "sampler", "spacing", "steps", "eta", "guidance"):
        words = "Denoiser of" if name == "who" else f"{name.capitalize()} of"
        controls.place(name, label=f"{words} lane {number}")
    return controls


def race(
    form: DenoiseForm, race_form: RaceForm, name: str, run_id: str, request: gr.Request
) -> Iterator[str]:
    """Handler of the Race button: messages for the race's stage.

    Args:
        form: The values of the tab's controls; every lane begins with noise.
        race_form: The values of the race's own controls, which count where the race is one's own.
        name: The chosen preset; its lanes may still be on their way to the controls.
        run_id: The run's name.
        request: The request, which names the session.
    """
    raced = RaceForm.of(name) if name in PRESETS else race_form

    def lanes_of(_: Any) -> tuple[Lane, ...]:
        lanes = raced.lanes[: int(raced.count)]
        for number, lane in enumerate(lanes, start=1):
            for name, value in vars(lane).items():
                if value is None:
                    raise ValueError(f"Fill in every number of the race: {name} of lane {number}.")
        return lanes

    own = dataclasses.replace(form, begin=NOISE)
    yield from walk_lanes(own, lanes_of, "race", run_id, request.session_hash or "")


def build(controls: Controls[DenoiseForm], run_id: gr.Textbox, runs: dict[str, Any]) -> None:
    """Lay the race out, in its view, and wire it.

    Args:
        controls: The tab's controls.
        run_id: Holds the run's name, which the browser fills in.
        runs: Options of events that compute.
    """
    lanes = Controls(RaceForm, RaceForm.of(FIRST))
    gr.Markdown(
        "Up to four walks from the same noise. Each lane's clock counts its own computing.",
        elem_classes=["hint"],
    )
    with gr.Row(elem_classes=["view-row"]):
        chosen = gr.Dropdown(
            [*PRESETS, OWN],
            value=FIRST,
            label="Race",
            show_label=False,
            container=False,
            min_width=260,
            scale=4,
        )
        start = gr.Button("Race", variant="primary", min_width=90)
        halt = gr.Button("Stop the race", min_width=130)
    stage = component("race", "{}", STAGE, asks=[give_up])
    rows, placed = [], []
    with gr.Accordion("The lanes, one by one", open=False):
        count = lanes.place("count")
        for number, lane in enumerate(lanes.opening.lanes, start=1):
            with gr.Row(elem_classes=["lane-row"]) as row:
                placed.append(place_lane(lane, number))
            rows.append(row)
    lanes.add("lanes", tuple(placed))
    chosen.input(**wired(preset, [chosen], lanes.named("count", "lanes")), **LATEST)
    count.change(lambda n: [gr.Row(visible=i < n) for i in range(LANES)], count, rows, **QUIET)
    own = [c.input for c in (count, *components(placed))]
    gr.on(own, None, None, chosen, js=script("lib/runs.js", "same", OWN), **QUIET)
    start.click(
        **wired(never_silent(race), [controls, lanes, chosen, run_id], stage),
        js=script("race/clicks.js", "startRace", STAGE),
        **runs,
    )
    halt.click(stop, run_id, js=script("race/clicks.js", "stopRace", STAGE), queue=False, **QUIET)
