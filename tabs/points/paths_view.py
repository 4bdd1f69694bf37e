"""The view "Paths": diffusion's bent paths beside the straight ones of flow matching."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import torch
from torch import Tensor

from diffusion_core.denoiser import ModelDenoiser
from diffusion_core.samplers import sample
from diffusion_core.seeding import parse_seed, seeded

from ..shared.components import QUIET, component, never_silent, script
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.forms import Named, wired
from ..shared.number_input import beside
from ..shared.stop_signals import STOP_SIGNALS
from ..shared.wire import PointsPath, PointsPathsMessage, packed_points
from .form import PointsForm
from .learn_view import learn_message
from .learning import BOUND, end_of_walk, looks, on_one_thread, steps_here
from .learnt import LEARNT, Learnt
from .points_page import Asked, PointsPage
from .subject import PATHS, Subject, subject_of
from .walks import nearness, stacked, times_longer

NAMES = {"diffusion": "Diffusion (cosine)", "flow": "Flow matching"}
STEP_COUNTS = (1, 2, 5, 10, 20, 50)
SEEN, SEEN_STEPS, SAMPLES = 300, 50, 1_000


def path_message(
    subject: Subject, path: str, denoiser: ModelDenoiser, seed: int
) -> Iterator[PointsPath | None]:
    """The walks of one path; None after each part of the work, the message last."""
    schedule = denoiser.schedule
    noise = torch.randn(SAMPLES, 2, generator=seeded("points", "paths", seed))
    frames: list[Tensor] = []
    times: list[int] = []
    for step in sample(denoiser, noise[:SEEN], num_steps=SEEN_STEPS, clip_x0=False):
        frames.append(step.x_t)
        times.append(step.t)
        last = step.x_prev
    frames.append(last)
    near: list[tuple[int, float]] = []
    for count in STEP_COUNTS:
        near.append((count, nearness(subject, end_of_walk(denoiser, noise, count))))
        yield None
    at = torch.tensor([*times, -1])
    yield {
        "name": NAMES[path],
        "x": stacked(frames),
        "alphas": [float(f"{a:.6g}") for a in schedule.alpha(at).tolist()],
        "sigmas": [float(f"{s:.6g}") for s in schedule.sigma(at).tolist()],
        "longer": times_longer(torch.stack(frames)),
        "near": near,
    }


def paths_message(
    subject: Subject, run: str, state: str, step: int, paths: list[PointsPath]
) -> str:
    """What is known of both paths, as JSON."""
    message: PointsPathsMessage = {
        "run": run,
        "state": state,
        "step": step,
        "of": len(PATHS) * steps_here(),
        "paths": paths,
        "data": packed_points(subject.points[:2000].numpy()),
        "bound": BOUND,
        "words": subject.words,
    }
    return json.dumps(message)


def known_denoiser(session: str, subject: Subject, path: str) -> ModelDenoiser | None:
    """The visitor's network of a path, if it had all the steps of a training on this page."""
    known = LEARNT.of(session, subject.key, path)
    return None if known is None or known.steps != steps_here() else known.denoiser


def show_paths(asked: Asked) -> dict[str, Any]:
    """Updates of the view: both paths where both are learnt, else the points alone."""
    subject, seed = asked.subject, parse_seed(asked.form.seed)
    both = {path: known_denoiser(asked.session, subject, path) for path in PATHS}
    if any(denoiser is None for denoiser in both.values()):
        return {"paths_stage": paths_message(subject, "", "empty", 0, [])}
    shown = [
        part
        for path, denoiser in both.items()
        if denoiser is not None
        for part in on_one_thread(path_message(subject, path, denoiser, seed))
        if part is not None
    ]
    of = len(PATHS) * steps_here()
    return {"paths_stage": paths_message(subject, "", "done", of, shown)}


def compare(form: PointsForm, run: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Updates while both paths are learnt for equal steps: of "paths_stage" and "told".

    Args:
        form: The controls' values.
        run: The name of the run, by which Stop ends it.
        request: The request, of which the session is known.
    """
    session = request.session_hash or ""
    with STOP_SIGNALS.sign_of(f"{session} points", run) as sign:
        try:
            subject, seed = subject_of(form), parse_seed(form.seed)
            yield {"paths_stage": paths_message(subject, run, "waiting", 0, []), "told": ""}
            with COMPUTE_QUEUE.place(sign.is_set) as place:
                if place.wait():
                    yield from compared(subject, session, run, seed, place.over)
                else:
                    yield {"paths_stage": paths_message(subject, run, "stopped", 0, [])}
        except Exception as error:
            yield {"told": beside(sentence_of(error, COMPUTATION))}


def compared(
    subject: Subject, session: str, run: str, seed: int, over: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    """Train what is not learnt yet, and walk both paths; see `compare`."""
    paths: list[PointsPath] = []
    before = 0
    for path in PATHS:
        denoiser = known_denoiser(session, subject, path)
        if denoiser is None:
            for look in looks(subject, path, seed, over):
                step = before + look.step
                yield {"paths_stage": paths_message(subject, run, "running", step, paths)}
                if look.last and look.step < look.of:
                    stopped = paths_message(subject, run, "stopped", step, paths)
                    yield {"paths_stage": stopped}
                    return
                if look.last:
                    message = learn_message(subject, run, "done", look)
                    learnt = Learnt(look.denoiser, look.step, message)
                    LEARNT.keep(session, subject.key, path, learnt)
                    denoiser = look.denoiser
        before += steps_here()
        assert denoiser is not None
        for part in on_one_thread(path_message(subject, path, denoiser, seed)):
            if part is not None:
                paths.append(part)
            elif over():
                yield {"paths_stage": paths_message(subject, run, "stopped", before, paths)}
                return
        state = "done" if len(paths) == len(PATHS) else "running"
        yield {"paths_stage": paths_message(subject, run, state, before, paths)}


def build_paths(points: PointsPage) -> None:
    """Lay the view out and wire it."""
    controls = points.controls
    with gr.Row(elem_classes=["view-row"]):
        both = gr.Button("Train both", variant="primary", min_width=130, elem_id="points-both")
        end = gr.Button("Stop", min_width=80, elem_id="points-both-stop")
    stage = component("points_paths", "{}", "points-paths")
    outputs = Named({"paths_stage": stage})
    points.follow("paths", show_paths, [], outputs)
    run = gr.Textbox(visible=False)
    both.click(
        **wired(never_silent(compare), [controls, run], outputs | controls.named("told")),
        js=script("points/clicks.js", "beginComparison"),
        trigger_mode="multiple",
        concurrency_limit=None,
        **QUIET,
    )
    end.click(
        STOP_SIGNALS.stop,
        run,
        None,
        js=script("points/clicks.js", "shownComparison"),
        queue=False,
        **QUIET,
    )
