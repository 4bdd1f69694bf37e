"""The race: up to four walks from the same noise, side by side, on one clock of computing time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import gradio as gr
import torch
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.data import grid, to_uint8
from diffusion_core.generation import SamplingRun
from diffusion_core.samplers import SamplerStep
from diffusion_core.schedule import SPACINGS

from ..shared.components import QUIET, component, never_silent
from ..shared.wire import Failure, RaceFrame, RaceHead, RaceMessage, as_base64
from .exact import exact_of
from .form import LARGE_VARIANCE, NOISE, DenoiseForm
from .handlers import behind, give_up, stop
from .run_registry import OTHER_LIMIT, STOP_SIGNALS, sentence_of, within

LANES = 4
LANE_SAMPLERS = ("ddim", "ddpm", LARGE_VARIANCE, "heun", "dpmpp_2m")
NETWORK, EXACT = "network", "exact answer"
OWN = "my own"


class Lane(NamedTuple):
    """One walk of a race.

    Attributes:
        who: Who is asked at every step: the network, or the exact answer.
        sampler, steps, eta, guidance, spacing: As in `DenoiseForm`; only the network heeds
            guidance.
    """

    who: str
    sampler: str
    steps: float
    eta: float
    guidance: float
    spacing: str = "trailing"

    @property
    def name(self) -> str:
        """What tells it apart, for people."""
        parts = [f"{self.sampler}, {int(self.steps)} steps"]
        parts += [f"eta {self.eta:g}"] if self.sampler == "ddim" and self.eta else []
        parts += [f"spacing {self.spacing}"] if self.spacing != "trailing" else []
        parts += (
            [f"guidance {self.guidance:g}"] if self.who == NETWORK and self.guidance != 1 else []
        )
        return ", ".join(parts) if self.who == NETWORK else f"exact answer, {', '.join(parts)}"


PRESETS: dict[str, tuple[Lane, ...]] = {
    "ten looks at most: who comes furthest?": (
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


def preset(name: str) -> list[Any]:
    """Values of the lanes' number and of all lanes' controls for a preset."""
    if name not in PRESETS:
        return [gr.skip()] * (1 + len(Lane._fields) * LANES)
    lanes = PRESETS[name]
    filled = [*lanes, *(PRESETS[next(iter(PRESETS))][len(lanes) :])]
    return [len(lanes), *(value for lane in filled for value in lane)]


def lane_controls(lane: Lane, named: str) -> list[Any]:
    """Lay a lane's controls out, inside its row: menus first, then numbers.

    Args:
        lane: What they hold at first.
        named: Which lane it is, for the labels.

    Returns:
        They, in the order of `Lane`.
    """
    least: dict[str, Any] = {"min_width": 60}  # the row's grid gives the width
    who = gr.Dropdown([NETWORK, EXACT], value=lane.who, label=f"Asked in {named}", **least)
    sampler = gr.Dropdown(
        list(LANE_SAMPLERS), value=lane.sampler, label=f"Sampler of {named}", **least
    )
    spacing = gr.Dropdown(list(SPACINGS), value=lane.spacing, label=f"Spacing of {named}", **least)
    steps = gr.Number(lane.steps, label=f"Steps of {named}", **least)
    eta = gr.Number(lane.eta, label=f"Eta of {named}", step=0.1, **least)
    guidance = gr.Number(lane.guidance, label=f"Guidance of {named}", step=0.5, **least)
    return [who, sampler, steps, eta, guidance, spacing]


MAX_IMAGES = 4
KEPT_STEPS = 200
MESSAGE_SECONDS = 1 / 15


@dataclass
class Runner:
    """A lane while it runs: its walk, and the computing that it took.

    Attributes:
        walker: Computes it.
        steps: The walk.
        count: Its steps.
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
    def of(cls, checkpoint: Checkpoint, lane: Lane, asked: DenoiseForm) -> Runner:
        """Check that the lane fits, and stand at its beginning."""
        guidance = lane.guidance if lane.who == NETWORK else 1.0
        own = asked._replace(
            sampler=lane.sampler,
            steps=lane.steps,
            eta=lane.eta,
            guidance=guidance,
            spacing=lane.spacing,
            begin=NOISE,
            images=min(int(asked.images), MAX_IMAGES),
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


def race(request: gr.Request, *values: Any) -> Iterator[str]:
    """Handler of the Race button: messages for the race's stage.

    The lane that has computed least goes next, so that all stand at the same time of the clock.

    Args:
        request: Of the session.
        *values: Those of `DenoiseForm`; the number of lanes; those of each `Lane`; the run's name.
    """
    width, each = len(DenoiseForm._fields), len(Lane._fields)
    asked, count, run_id = DenoiseForm(*values[:width]), int(values[width]), values[-1]
    flat = values[width + 1 : -1]
    lanes = [Lane(*flat[i : i + each]) for i in range(0, each * count, each)]
    session = request.session_hash or ""
    try:
        with STOP_SIGNALS.heeded(f"{session} race", run_id) as sign:
            if any(v is None for lane in lanes for v in lane):
                raise ValueError("Fill in every number of the race.")
            checkpoint = asked.checkpoint()
            runners = [Runner.of(checkpoint, lane, asked) for lane in lanes]
            for runner in runners:
                within(runner.walker.settings, checkpoint, OTHER_LIMIT)
            head = _head(checkpoint, lanes, runners, asked)
            waiting: list[RaceFrame] = []
            repeated: list[RaceFrame] = []
            sent = 0.0
            while running := [i for i, r in enumerate(runners) if r.result is None]:
                if sign.is_set():
                    return
                lane = min(running, key=lambda i: runners[i].ms)
                if frame := runners[lane].advance(lane):
                    waiting.append(frame)
                if waiting and time.monotonic() - sent >= MESSAGE_SECONDS and not behind(session):
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
        failed: Failure = {"run": run_id, "error": sentence_of(error)}
        yield json.dumps(failed)


def _head(
    checkpoint: Checkpoint, lanes: list[Lane], runners: list[Runner], asked: DenoiseForm
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


TELL_RACE = """(...inputs) => {
  const id = newRun();
  document.querySelector("#denoise-race .race")?.dispatchEvent(
    new CustomEvent("race:start", { detail: id }));
  return [...inputs.slice(0, -1), id];
}"""
TELL_STOP = """() => {
  const race = document.querySelector("#denoise-race .race");
  race?.dispatchEvent(new Event("race:stop"));
  return race?.dataset.wanted || "";
}"""


def build(asked: list[Any], run_id: gr.Textbox, runs: dict[str, Any]) -> None:
    """Lay the race out, in its fold, and wire it.

    Args:
        asked: The tab's controls, in the order of `DenoiseForm`.
        run_id: Filled by the browser.
        runs: Options of events that compute.
    """
    first = next(iter(PRESETS))
    gr.Markdown(
        "Up to four walks from the same noise, with the model, class, seed and images (four at "
        "most) set with the other controls. Each lane's clock counts its own computing.",
        elem_classes=["hint"],
    )
    chosen = gr.Dropdown([*PRESETS, OWN], value=first, label="Race")
    with gr.Row():
        start = gr.Button("Race", variant="primary", min_width=120)
        halt = gr.Button("Stop the race", min_width=80)
    stage = component("race", "{}", "denoise-race", asks=[give_up])
    rows, controls = [], []
    with gr.Accordion("The lanes, one by one", open=False):
        count = gr.Radio([2, 3, 4], value=len(PRESETS[first]), label="Lanes")
        for i, lane in enumerate(PRESETS[first]):
            with gr.Row(elem_classes=["lane-row"]) as row:
                controls += lane_controls(lane, f"lane {i + 1}")
            rows.append(row)
    chosen.input(preset, chosen, [count, *controls], **QUIET)
    count.change(lambda n: [gr.Row(visible=i < n) for i in range(LANES)], count, rows, **QUIET)
    gr.on([c.input for c in controls], lambda: OWN, None, chosen, **QUIET)
    start.click(never_silent(race), [*asked, count, *controls, run_id], stage, js=TELL_RACE, **runs)
    halt.click(stop, run_id, js=TELL_STOP, queue=False, **QUIET)
