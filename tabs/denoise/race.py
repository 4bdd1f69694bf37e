"""The race: up to four walks from the same noise, side by side, on one clock of computing time."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gradio as gr
import torch
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.data import grid, to_uint8
from diffusion_core.generation import SamplingRun
from diffusion_core.samplers import SamplerStep
from diffusion_core.schedule import SPACINGS

from ..shared.components import QUIET, component, never_silent, script
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.forms import Controls, components, entry, wired
from ..shared.wire import Failure, RaceFrame, RaceHead, RaceMessage, as_base64
from .exact import exact_of
from .form import NOISE, DenoiseForm, takes_eta
from .handlers import behind, give_up, stop
from .run_registry import OTHER_LIMIT, STOP_SIGNALS, check_cost
from .sampler_words import LARGE_VARIANCE, SAMPLER_WORDS

LANES = 4
MAX_IMAGES = 4
KEPT_STEPS = 200
MESSAGE_SECONDS = 1 / 15
NETWORK, EXACT = "network", "exact answer"
OWN = "my own"
FIRST = "ten looks at most: who comes furthest?"


_LEAST: dict[str, Any] = {"min_width": 60}  # the row's grid gives the width


@dataclass(frozen=True)
class Lane:
    """One walk of a race: the table of a lane's controls.

    Attributes:
        who: The denoiser of every step: the network, or the exact posterior mean.
        sampler, steps, eta, guidance, spacing: As in `DenoiseForm`; guidance applies to the network
            alone.
    """

    who: str = entry(NETWORK, partial(gr.Dropdown, [NETWORK, EXACT], **_LEAST))
    sampler: str = entry("ddim", partial(gr.Dropdown, list(SAMPLER_WORDS), **_LEAST))
    steps: float = entry(10, partial(gr.Number, **_LEAST))
    eta: float = entry(0, partial(gr.Number, step=0.1, **_LEAST))
    guidance: float = entry(1, partial(gr.Number, step=0.5, **_LEAST))
    spacing: str = entry("trailing", partial(gr.Dropdown, list(SPACINGS), **_LEAST))

    @property
    def name(self) -> str:
        """Its name on the page."""
        parts = [f"{self.sampler}, {int(self.steps)} steps"]
        parts += [f"eta {self.eta:g}"] if self.eta and takes_eta(self.sampler) else []
        parts += [f"spacing {self.spacing}"] if self.spacing != "trailing" else []
        parts += (
            [f"guidance {self.guidance:g}"] if self.who == NETWORK and self.guidance != 1 else []
        )
        return ", ".join(parts) if self.who == NETWORK else f"exact answer, {', '.join(parts)}"


PRESETS: dict[str, tuple[Lane, ...]] = {
    FIRST: (
        Lane(NETWORK, "ddim", 10, 0, 1),
        Lane(NETWORK, "ddpm", 10, 0, 1),
        Lane(NETWORK, "heun", 5, 0, 1),
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1),
    ),
    "where the ten looks are taken: spacing": (
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1, "leading"),
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1, "linspace"),
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1),
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1, "karras"),
    ),
    "the classic: ancestral sampling wants a thousand steps": (
        Lane(NETWORK, LARGE_VARIANCE, 10, 0, 1),
        Lane(NETWORK, LARGE_VARIANCE, 100, 0, 1),
        Lane(NETWORK, LARGE_VARIANCE, 1000, 0, 1),
        Lane(NETWORK, "ddim", 10, 0, 1),
    ),
    "from straight to ancestral: eta": (
        Lane(NETWORK, "ddim", 50, 0, 1),
        Lane(NETWORK, "ddim", 50, 0.3, 1),
        Lane(NETWORK, "ddim", 50, 0.7, 1),
        Lane(NETWORK, "ddim", 50, 1, 1),
    ),
    "how hard to insist: guidance": (
        Lane(NETWORK, "ddim", 25, 0, 1),
        Lane(NETWORK, "ddim", 25, 0, 2),
        Lane(NETWORK, "ddim", 25, 0, 4),
        Lane(NETWORK, "ddim", 25, 0, 8),
    ),
    "the network and one who remembers 200 pictures": (
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


@dataclass
class Runner:
    """A lane while it runs: its walk, and the computing that it took.

    Attributes:
        walker: The run that computes the lane.
        steps: Its steps, as they are computed.
        count: Number of its steps.
        ms: Milliseconds of computing so far.
        result: The finished pictures.
        sent: Frames kept so far.
        last: The step computed last.
    """

    walker: SamplingRun
    steps: Iterator[SamplerStep]
    count: int
    ms: float = 0.0
    result: Tensor | None = None
    sent: int = 0
    last: SamplerStep | None = field(default=None)

    @classmethod
    def of(cls, checkpoint: Checkpoint, lane: Lane, form: DenoiseForm) -> Runner:
        """Check that the lane fits the model, and prepare its walk."""
        guidance = lane.guidance if lane.who == NETWORK else 1.0
        own = dataclasses.replace(
            form,
            sampler=lane.sampler,
            steps=lane.steps,
            eta=lane.eta,
            guidance=guidance,
            spacing=lane.spacing,
            begin=NOISE,
            images=min(int(form.images), MAX_IMAGES),
            exact=False,
        )
        walk, _ = own.walk(checkpoint)
        denoiser = exact_of(checkpoint, walk) if lane.who == EXACT else None
        walker = SamplingRun(checkpoint, walk, denoiser=denoiser)
        return cls(walker, iter(walker), len(walker.timesteps))

    def advance(self, lane: int) -> RaceFrame | None:
        """Compute one step; the lane's frame to send, or None where this step is not kept."""
        start = time.perf_counter()
        step = next(self.steps, None)
        self.ms += 1000 * (time.perf_counter() - start)
        if step is None:
            assert self.last is not None
            self.result = self.last.x_prev.float().cpu()
            return self._frame(lane, self.count, -1, self.last.nfe, self.result, self.result)
        self.last = step
        if step.index % max(1, self.count // KEPT_STEPS):
            return None
        return self._frame(lane, step.index, step.t, step.nfe, step.x_t, step.x0_hat)

    def _frame(self, lane: int, index: int, t: int, nfe: int, *pictures: Tensor) -> RaceFrame:
        px = [as_base64(grid(to_uint8(x))) for x in pictures]
        self.sent += 1
        return {
            "lane": lane,
            "k": self.sent - 1,
            "i": index,
            "t": t,
            "nfe": nfe,
            "ms": round(self.ms, 2),
            "px": px,
        }


def race(form: DenoiseForm, race_form: RaceForm, run_id: str, request: gr.Request) -> Iterator[str]:
    """Handler of the Race button: messages for the race's stage.

    The lane that has computed least goes next, so that all stand at the same time of the clock.

    Args:
        form: The values of the tab's controls.
        race_form: The values of the race's own controls.
        run_id: The run's name.
        request: The request, which names the session.
    """
    lanes = race_form.lanes[: int(race_form.count)]
    session = request.session_hash or ""
    try:
        with STOP_SIGNALS.sign_of(f"{session} race", run_id) as sign:
            if any(value is None for lane in lanes for value in vars(lane).values()):
                raise ValueError("Fill in every number of the race.")
            checkpoint = form.checkpoint()
            runners = [Runner.of(checkpoint, lane, form) for lane in lanes]
            for runner in runners:
                check_cost(runner.walker.settings, checkpoint, OTHER_LIMIT)
            head = _head(checkpoint, lanes, runners, form)
            waiting: list[RaceFrame] = []
            repeated: list[RaceFrame] = []
            sent = 0.0
            with COMPUTE_QUEUE.place(sign.is_set) as place:
                if not place.wait():
                    return
                while running := [i for i, r in enumerate(runners) if r.result is None]:
                    if place.over():
                        return
                    lane = min(running, key=lambda i: runners[i].ms)
                    if frame := runners[lane].advance(lane):
                        waiting.append(frame)
                    due = waiting and time.monotonic() - sent >= MESSAGE_SECONDS
                    if due and not behind(session):
                        some: RaceMessage = {
                            "run": run_id,
                            "head": head,
                            "frames": repeated + waiting,
                        }
                        yield json.dumps(some)
                        repeated, waiting, sent = waiting, [], time.monotonic()
                last: RaceMessage = {
                    "run": run_id,
                    "head": head,
                    "frames": repeated + waiting,
                    "done": True,
                }
                _add_distances(last, checkpoint, runners)
            yield json.dumps(last)
    except Exception as error:
        failed: Failure = {"run": run_id, "error": sentence_of(error, COMPUTATION)}
        yield json.dumps(failed)


def _head(
    checkpoint: Checkpoint, lanes: Sequence[Lane], runners: list[Runner], form: DenoiseForm
) -> RaceHead:
    walk = runners[0].walker.settings
    C, H, W = checkpoint.image_shape
    sheet = grid(to_uint8(torch.zeros(walk.num_images, C, H, W)))
    label = "no class" if walk.label is None else str(walk.label)
    label = ", ".join([label, *(f"{name} {value}" for name, value in walk.attributes)])
    kept = ""
    if any(r.count // KEPT_STEPS > 1 for r in runners):
        kept = f" Of long walks about {KEPT_STEPS} steps are shown; all are computed."
    return {
        "width": sheet.shape[1],
        "height": sheet.shape[0],
        "channels": C,
        "lanes": [
            {"name": lane.name, "steps": r.count} for lane, r in zip(lanes, runners, strict=True)
        ],
        "caption": f"All from the noise of seed {walk.seed}: {label}, "
        f"{checkpoint.name.rsplit('/', 1)[-1]}, weights {checkpoint.weights_hash[:8]}."
        f"{kept}",
    }


def _add_distances(last: RaceMessage, checkpoint: Checkpoint, runners: list[Runner]) -> None:
    """How far the results lie apart and, where training images are here, from the nearest one."""
    results = [r.result for r in runners if r.result is not None]
    apart = [[float((a - b).square().mean().sqrt()) for b in results] for a in results]
    last["distances"] = [[round(d, 4) for d in row] for row in apart]
    try:
        exact = exact_of(checkpoint, runners[0].walker.settings)
        nearest = [round(float(exact.nearest(x)[1].mean()), 4) for x in results]
    except ValueError:
        return
    last["nearest"], last["known"] = nearest, len(exact.images)


def build(controls: Controls[DenoiseForm], run_id: gr.Textbox, runs: dict[str, Any]) -> None:
    """Lay the race out, in its fold, and wire it.

    Args:
        controls: The tab's controls.
        run_id: Holds the run's name, which the browser fills in.
        runs: Options of events that compute.
    """
    lanes = Controls(RaceForm, RaceForm.of(FIRST))
    gr.Markdown(
        "Up to four walks from the same noise, with the model, class, seed and images (four at "
        "most) set with the other controls. Each lane's clock counts its own computing.",
        elem_classes=["hint"],
    )
    chosen = gr.Dropdown([*PRESETS, OWN], value=FIRST, label="Race")
    with gr.Row():
        start = gr.Button("Race", variant="primary", min_width=120)
        halt = gr.Button("Stop the race", min_width=80)
    stage = component("race", "{}", "denoise-race", asks=[give_up])
    rows, placed = [], []
    with gr.Accordion("The lanes, one by one", open=False):
        count = lanes.place("count")
        for number, lane in enumerate(lanes.opening.lanes, start=1):
            with gr.Row(elem_classes=["lane-row"]) as row:
                placed.append(place_lane(lane, number))
            rows.append(row)
    lanes.add("lanes", tuple(placed))
    chosen.input(**wired(preset, [chosen], lanes.named("count", "lanes")), **QUIET)
    count.change(lambda n: [gr.Row(visible=i < n) for i in range(LANES)], count, rows, **QUIET)
    gr.on([c.input for c in components(placed)], lambda: OWN, None, chosen, **QUIET)
    start.click(
        **wired(never_silent(race), [controls, lanes, run_id], stage),
        js=script("race/clicks.js", "startRace"),
        **runs,
    )
    halt.click(stop, run_id, js=script("race/clicks.js", "stopRace"), queue=False, **QUIET)
