"""Lanes: several walks from one beginning, side by side, each with its own computing time."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gradio as gr
import torch
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.data import grid, to_uint8
from diffusion_core.samplers import SamplerStep, count_evaluations
from diffusion_core.schedule import SPACINGS

from ..shared import models
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.forms import entry
from ..shared.pace import TimedRun
from ..shared.player import MESSAGE_SECONDS
from ..shared.stop_signals import STOP_SIGNALS
from ..shared.wire import Failure, RaceFrame, RaceHead, RaceLane, RaceMessage, as_base64
from .exact import exact_of
from .form import HOLE, NOISE, PICTURE, DenoiseForm, takes_eta
from .handlers import behind
from .run_registry import OTHER_LIMIT, check_cost
from .sampler_words import SAMPLER_WORDS

MAX_IMAGES = 4
KEPT_STEPS = 200
NETWORK, EXACT = "network", "exact answer"

_LEAST: dict[str, Any] = {"min_width": 60}  # the row's grid gives the width


@dataclass(frozen=True)
class Lane:
    """One walk beside others: the table of a lane's controls.

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


def _parts(lane: Lane) -> dict[str, str]:
    """What a lane's walk depends on, in words; a setting without effect on it is left out."""
    parts = {"who": lane.who, "sampler": lane.sampler}
    parts["steps"] = f"{lane.steps:g} step{'s' if lane.steps != 1 else ''}"
    if takes_eta(lane.sampler):
        parts["eta"] = f"eta {lane.eta:g}"
    if lane.who == NETWORK:
        parts["guidance"] = f"guidance {lane.guidance:g}"
    parts["spacing"] = f"spacing {lane.spacing}"
    return parts


def lane_names(lanes: Sequence[Lane]) -> tuple[list[str], str]:
    """Each lane's name, made of what differs between the lanes; and what all have in common.

    A setting that has no effect on a lane is not compared there: eta of samplers that take none.
    A lane that repeats an earlier one says which.
    """
    every = [_parts(lane) for lane in lanes]
    kinds = list(dict.fromkeys(kind for parts in every for kind in parts))
    shared = {
        kind: values[0]
        for kind in kinds
        if len(set(values := [parts[kind] for parts in every if kind in parts])) == 1
    }
    names = []
    for i, parts in enumerate(every):
        own = [words for kind, words in parts.items() if kind not in shared]
        name = ", ".join(own) or f"{parts['sampler']}, {parts['steps']}"
        before = every.index(parts)
        names.append(name if before == i else f"{name} (as lane {before + 1})")
    plain = {NETWORK, "eta 0", "spacing trailing"}
    return names, ", ".join(words for words in shared.values() if words not in plain)


@dataclass
class Runner:
    """A lane while it runs: its walk, and the computing that it took.

    Attributes:
        walker: The run that computes the lane.
        kind: What one evaluation of its denoiser costs: lanes of one kind cost the same.
        evaluations: Evaluations of the whole walk.
        steps: Its steps, as they are computed.
        count: Number of its steps.
        ms: Milliseconds of computing so far.
        result: The finished pictures.
        sent: Frames kept so far.
        last: The step computed last.
    """

    walker: TimedRun
    kind: str
    evaluations: int
    steps: Iterator[SamplerStep]
    count: int
    ms: float = 0.0
    result: Tensor | None = None
    sent: int = 0
    last: SamplerStep | None = field(default=None)

    @classmethod
    def of(cls, checkpoint: Checkpoint, lane: Lane, form: DenoiseForm) -> Runner:
        """Check that the lane fits the model, and prepare its walk."""
        own = dataclasses.replace(
            form,
            sampler=lane.sampler,
            steps=lane.steps,
            eta=lane.eta,
            guidance=lane.guidance if lane.who == NETWORK else 1.0,
            spacing=lane.spacing,
            begin=form.begin if form.begin in (PICTURE, HOLE) else NOISE,
            images=min(int(form.images), MAX_IMAGES),
            exact=False,
        )
        walk, given = own.walk(checkpoint)
        checkpoint = models.for_walk(checkpoint, walk)
        denoiser = exact_of(checkpoint, walk) if lane.who == EXACT else None
        walker = TimedRun(checkpoint, walk, given, denoiser=denoiser)
        visited = [*walker.timesteps, -1]
        evaluations = count_evaluations(
            walk.sampler, visited, checkpoint.schedule, resample=max(walk.resample, 1)
        )
        kind = EXACT if denoiser else f"{NETWORK} × {walk.pictures_per_evaluation}"
        return cls(walker, kind, evaluations, iter(walker), walker.num_evaluated)

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


def walk_lanes(
    form: DenoiseForm,
    lanes_of: Callable[[Checkpoint], Sequence[Lane]],
    stage: str,
    run_id: str,
    session: str,
    *,
    neighbours: bool = False,
) -> Iterator[str]:
    """Walk the lanes, and yield messages for their stage; errors become one too.

    The lane that has computed least goes next, so that all stand at the same time of the clock.

    Args:
        form: The values of the tab's controls; a picture that it begins with is every lane's.
        lanes_of: Gives the lanes for the model; may raise ValueError.
        stage: Name of the stage: a new run of it ends the one before.
        run_id: The run's name.
        session: The session that may stop it.
        neighbours: Whether the last message holds the training images nearest to the results.
    """
    try:
        with STOP_SIGNALS.sign_of(f"{session} {stage}", run_id) as sign:
            checkpoint = form.checkpoint()
            lanes = lanes_of(checkpoint)
            runners = [Runner.of(checkpoint, lane, form) for lane in lanes]
            for runner in runners:
                check_cost(runner.walker.settings, checkpoint, OTHER_LIMIT)
            head = _head(checkpoint, lanes, runners)
            if neighbours:
                head["neighbours"] = True
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
                _add_distances(last, checkpoint, runners, neighbours=neighbours)
            yield json.dumps(last)
    except Exception as error:
        failed: Failure = {"run": run_id, "error": sentence_of(error, COMPUTATION)}
        yield json.dumps(failed)


def _head(checkpoint: Checkpoint, lanes: Sequence[Lane], runners: list[Runner]) -> RaceHead:
    walk = runners[0].walker.settings
    C, H, W = checkpoint.image_shape
    sheet = grid(to_uint8(torch.zeros(walk.num_images, C, H, W)))
    label = "no class" if walk.label is None else str(walk.label)
    label = ", ".join([label, *(f"{name} {value}" for name, value in walk.attributes)])
    names, common = lane_names(lanes)
    same = f"All lanes: {common}. " if common else ""
    begun = "from the noise"
    if walk.t_start is not None:
        begun = f"from the picture noised to t = {walk.t_start} with the noise"
    elif walk.resample:
        begun = "a hole filled, from the noise"
    kept = ""
    if any(r.count // KEPT_STEPS > 1 for r in runners):
        kept = f" Of long walks about {KEPT_STEPS} steps are shown; all are computed."
    steps: list[RaceLane] = [
        {"name": name, "steps": r.count, "evaluations": r.evaluations, "kind": r.kind}
        for name, r in zip(names, runners, strict=True)
    ]
    return {
        "width": sheet.shape[1],
        "height": sheet.shape[0],
        "channels": C,
        "lanes": steps,
        "caption": f"{same}All {begun} of seed {walk.seed}: {label}, "
        f"{checkpoint.name.rsplit('/', 1)[-1]}, weights {checkpoint.weights_hash[:8]}."
        f" Places go by evaluations at their mean cost, since clocks differ by chance.{kept}",
    }


def _add_distances(
    last: RaceMessage, checkpoint: Checkpoint, runners: list[Runner], *, neighbours: bool
) -> None:
    """How far the results lie apart and, where training images are here, from the nearest one."""
    results = [r.result for r in runners if r.result is not None]
    apart = [[float((a - b).square().mean().sqrt()) for b in results] for a in results]
    last["distances"] = [[round(d, 4) for d in row] for row in apart]
    try:
        exact = exact_of(checkpoint, runners[0].walker.settings)
    except ValueError:
        return
    found = [exact.nearest(x) for x in results]
    last["nearest"] = [round(float(rms.mean()), 4) for _, rms in found]
    last["known"] = len(exact.images)
    if neighbours:
        last["neighbours"] = [
            as_base64(grid(to_uint8(exact.image(index).cpu()))) for index, _ in found
        ]
