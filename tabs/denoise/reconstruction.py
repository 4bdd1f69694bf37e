"""Whose picture comes back? A picture noised and walked back, or inverted to noise and back.

The second is DDIM inversion: the noise that would have made the picture.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.data import to_uint8
from diffusion_core.denoiser import estimate
from diffusion_core.generation import InitialImage, SamplingRequest
from diffusion_core.generation import walk as compute
from diffusion_core.inversion import invert
from diffusion_core.process import q_sample
from diffusion_core.samplers import SamplerStep, sample
from diffusion_core.seeding import draw_noise

from ..shared import models
from ..shared.components import QUIET, component, script
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.figures import Curve, curves
from ..shared.forms import Controls, Named, wired
from ..shared.stop_signals import STOP_SIGNALS
from ..shared.wire import Failure, GalleryMessage, as_base64
from .form import PICTURE, DenoiseForm
from .handlers import give_up, stop
from .run_registry import OTHER_LIMIT, check_cost

EVEN = (
    " Timesteps are spaced trailing here: karras has the first where there is so little noise that "
    "what the network takes for it would be its own error."
)


def lead_to_noise(
    form: DenoiseForm, refine: float, run_id: str, request: gr.Request
) -> Iterator[str]:
    """DDIM inversion: picture to noise and back; messages for the gallery.

    Args:
        form: The values of the tab's controls.
        refine: The rounds of refinement.
        run_id: The run's name.
        request: The request, which names the session.
    """
    stage = f"{request.session_hash} lead"
    try:
        with STOP_SIGNALS.sign_of(stage, run_id) as sign:
            checkpoint = form.checkpoint()
            karras = form.spacing == "karras"
            form = dataclasses.replace(
                form,
                begin=PICTURE,
                images=1,
                sampler="ddim",
                eta=0,
                exact=False,
                spacing="trailing" if karras else form.spacing,
            )
            walk, given = form.walk(checkpoint)
            assert given is not None
            checkpoint = models.for_walk(checkpoint, walk)
            rounds = 2 + int(refine)
            check_cost(dataclasses.replace(walk, t_start=None), checkpoint, OTHER_LIMIT // rounds)
            x0 = given.picture
            with COMPUTE_QUEUE.place(sign.is_set) as place:
                if not place.wait():
                    return
                for way in there_and_back(checkpoint, walk, x0, int(refine)):
                    if place.over():
                        yield _both_ways(x0, way, "Stopped.", run_id, "stopped")
                        return
                    if way.index % 8 == 7:
                        yield _both_ways(x0, way, way.words, run_id)
            words = _ends(x0, way) + (EVEN if karras else "")
            yield _both_ways(x0, way, words, run_id, "done")
    except Exception as error:
        failed: Failure = {"run": run_id, "error": sentence_of(error, COMPUTATION)}
        yield json.dumps(failed)


@dataclass(frozen=True, eq=False)
class Way:
    """How far a picture has come on its way to noise and back.

    Attributes:
        index: Index of the step, up or down.
        noise: The picture on its way up, at last noise, (1, C, H, W), on the CPU.
        again: That noise on its way down, at last a picture; None on the way up.
        up, down: Number of evaluations of the network so far.
        words: Its position, for the page.
    """

    index: int
    noise: Tensor
    again: Tensor | None
    up: int
    down: int
    words: str


def there_and_back(
    checkpoint: Checkpoint, walk: SamplingRequest, x0: Tensor, refine: int
) -> Iterator[Way]:
    """Lead a picture to its noise, and walk back from there by the same timesteps."""
    device = checkpoint.device
    denoiser = walk.denoiser(checkpoint)
    steps, spacing = walk.num_steps, walk.spacing
    for up in invert(
        denoiser,
        x0.to(device),
        checkpoint.schedule,
        num_steps=steps,
        spacing=spacing,
        refine=refine,
    ):
        noise = up.x_next.cpu()
        yield Way(up.index, noise, None, up.nfe, 0, f"t = {up.t_next} on the way to noise")
    for down in sample(
        denoiser, up.x_next, checkpoint.schedule, num_steps=steps, spacing=spacing, clip_x0=False
    ):
        words = f"t = {down.t_prev} on the way back"
        yield Way(down.index, noise, down.x_prev.cpu(), up.nfe, down.nfe, words)


def _ends(x0: Tensor, way: Way) -> str:
    noise = way.noise
    assert way.again is not None
    neighbours = (noise[..., 1:] * noise[..., :-1]).mean() / noise.square().mean()
    return (
        f"The noise that leads to this picture has mean {float(noise.mean()):.2f} and standard "
        f"deviation {float(noise.std()):.2f}; neighbours agree by {float(neighbours):.2f} "
        "(of plain noise: 0, 1 and 0). "
        f"The picture comes back with an error of {distance(way.again, x0):.3f} after "
        f"{way.up} evaluations up and {way.down} down. More steps or more rounds bring it nearer."
    )


def _both_ways(x0: Tensor, way: Way, words: str, run_id: str, state: str = "running") -> str:
    apart = None if way.again is None or state != "done" else 5 * (way.again - x0)
    shown = [x0, way.noise, way.again, apart]
    message: GalleryMessage = {
        "width": x0.shape[3],
        "height": x0.shape[2],
        "channels": x0.shape[1],
        "cell": 132,
        "columns": ["the picture", "its noise", "the picture again", "difference × 5"],
        "rows": [
            {
                "name": "",
                "tones": ["x0", "eps", "x0-hat", "x-t"],
                "cells": [None if x is None else as_base64(to_uint8(x)[0]) for x in shown],
            }
        ],
        "words": words,
        "state": state,
        "run": run_id,
    }
    return json.dumps(message)


def distance(a: Tensor, b: Tensor) -> float:
    """Root mean square difference over all pixels, which lie in [-1, 1]."""
    return float((a - b).square().mean().sqrt())


TIMES = 9
MAX_REFINE = 10


def come_back(form: DenoiseForm, run_id: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Noise the picture to several timesteps; estimate x0 once, and walk back.

    Args:
        form: The values of the tab's controls.
        run_id: The run's name.
        request: The request, which names the session.

    Yields:
        Updates of "gallery", the pictures, and at the end of "plot", the curve of errors.
    """
    stage = f"{request.session_hash} return"
    try:
        with STOP_SIGNALS.sign_of(stage, run_id) as sign:
            checkpoint = form.checkpoint()
            own = dataclasses.replace(form, begin=PICTURE, images=1, exact=False)
            walk, given = own.walk(checkpoint)
            assert given is not None
            checkpoint = models.for_walk(checkpoint, walk)
            check_cost(dataclasses.replace(walk, t_start=None), checkpoint, OTHER_LIMIT // TIMES)
            schedule = checkpoint.schedule
            device = checkpoint.device
            times = np.linspace(0, len(schedule) - 1, TIMES).round().astype(int).tolist()
            x0 = given.picture
            eps = draw_noise(x0.shape, torch.Generator().manual_seed(walk.seed))
            denoiser = walk.denoiser(checkpoint)
            limit = walk.clip_limit(checkpoint)
            noised: list[Tensor] = []
            estimates: list[Tensor] = []
            walks: list[Tensor] = []
            with COMPUTE_QUEUE.place(sign.is_set) as place:
                if not place.wait():
                    return
                for t in times:
                    x_t = q_sample(x0, t, eps, schedule)
                    with torch.no_grad():
                        _, x0_hat = estimate(denoiser, x_t.to(device), t, limit, walk.threshold)
                    noised.append(x_t)
                    estimates.append(x0_hat.cpu())
                    yield {"gallery": _gallery(x0, times, noised, estimates, walks, run_id)}
                    for step in _walked(checkpoint, walk, given, t):
                        if place.over():
                            seen = _gallery(x0, times, noised, estimates, walks, run_id, "stopped")
                            yield {"gallery": seen}
                            return
                        if step.index % 16 == 15:
                            yield {}  # where Gradio, too, can end it
                    walks.append(step.x_prev.cpu())
            plot = curve(times, errors(estimates, x0), errors(walks, x0))
            seen = _gallery(x0, times, noised, estimates, walks, run_id, "done")
            yield {"plot": gr.update(value=plot, visible=True), "gallery": seen}
    except Exception as error:
        failed: Failure = {"run": run_id, "error": sentence_of(error, COMPUTATION)}
        yield {"gallery": json.dumps(failed)}


def _walked(
    checkpoint: Checkpoint, walk: SamplingRequest, given: InitialImage, t: int
) -> Iterator[SamplerStep]:
    """The walk from t, with its own share of the steps that a whole walk would take."""
    share = max(1, round(walk.num_steps * (t + 1) / len(checkpoint.schedule)))
    own = dataclasses.replace(walk, num_images=1, num_steps=min(share, t + 1), t_start=t)
    return compute(checkpoint, own, given)


def errors(pictures: list[Tensor], x0: Tensor) -> list[float]:
    """Root mean square distances to the true picture."""
    return [distance(x, x0) for x in pictures]


def _gallery(
    x0: Tensor,
    times: list[int],
    noised: list[Tensor],
    estimates: list[Tensor],
    walks: list[Tensor],
    run_id: str,
    state: str = "running",
) -> str:
    def cells(pictures: list[Tensor]) -> list[str | None]:
        return [as_base64(to_uint8(x)[0]) for x in pictures] + [None] * (len(times) - len(pictures))

    words = "Stopped." if state == "stopped" else ""
    if state == "done":
        by_estimate, by_walk = errors(estimates, x0), errors(walks, x0)
        middle = len(times) // 2
        words = (
            "Under each picture is its root mean square distance to yours. At t = "
            f"{times[middle]}: {by_estimate[middle]:.2f} after one evaluation, "
            f"{by_walk[middle]:.2f} after the walk. "
            "One guess is the mean of all pictures that could be meant: its error is small, and it "
            "is blurred. A walk decides for one of them, which is sharp and may be another. "
            "From little noise your picture comes back; from much noise, one of the model's."
        )
    message: GalleryMessage = {
        "width": x0.shape[3],
        "height": x0.shape[2],
        "channels": x0.shape[1],
        "columns": [f"t = {t}" for t in times],
        "cell": 66,
        "rows": [
            {"name": "noised: xₜ", "tone": "x-t", "cells": cells(noised)},
            {
                "name": "one guess: x̂₀",
                "tone": "x0-hat",
                "cells": cells(estimates),
                "numbers": [f"{error:.2f}" for error in errors(estimates, x0)],
            },
            {
                "name": "the whole walk",
                "tone": "x-t",
                "cells": cells(walks),
                "numbers": [f"{error:.2f}" for error in errors(walks, x0)],
            },
        ],
        "words": words,
        "state": state,
        "run": run_id,
    }
    return json.dumps(message)


def curve(times: list[int], estimates: list[float], walks: list[float]) -> go.Figure:
    """Error against t, of one estimate of x0 and of the whole walk."""
    return curves(
        [Curve("one guess", np.array(estimates), 2), Curve("the whole walk", np.array(walks), 0)],
        "distance to the true picture",
        log=False,
        x=times,
        x_title="noised to t",
    )


RETURN, INVERSION = "denoise-return", "denoise-inversion"  # the ids of the galleries


def stop_all(run_ids: str) -> None:
    """Handler of Stop: of all that the browser has begun here and names."""
    for run_id in run_ids.split():
        stop(run_id)


def build(controls: Controls[DenoiseForm], run_id: gr.Textbox, runs: dict[str, Any]) -> None:
    """Lay the view out and wire it.

    Args:
        controls: The tab's controls.
        run_id: Holds the run's name, which the browser fills in.
        runs: Options of events that compute.
    """
    gr.Markdown(
        "The picture to begin with is noised to nine timesteps. From each, the network guesses "
        "once, then walks all the way back. Or the walk is turned round: DDIM inversion.",
        elem_classes=["hint"],
    )
    with gr.Row(elem_classes=["view-row"]):
        back = gr.Button("Noise it and walk back", variant="primary", min_width=180)
        lead = gr.Button("Invert to noise and reconstruct", min_width=240)
        halt = gr.Button("Stop both", min_width=100)
    gallery = component("gallery", "{}", RETURN, asks=[give_up])
    plot = gr.Plot(show_label=False, container=False, visible=False, elem_id="denoise-return-plot")
    both = component("gallery", "{}", INVERSION, asks=[give_up])
    refine = gr.Slider(
        0,
        MAX_REFINE,
        value=0,
        step=1,
        label="Rounds of refinement",
        info="of each step of the inversion; each round costs one evaluation a step",
    )
    shown = Named({"plot": plot, "gallery": gallery})
    back.click(
        **wired(come_back, [controls, run_id], shown),
        js=script("gallery/clicks.js", "startGallery", [RETURN, INVERSION]),
        **runs,
    )
    lead.click(
        **wired(lead_to_noise, [controls, refine, run_id], both),
        js=script("gallery/clicks.js", "startGallery", [INVERSION, RETURN]),
        **runs,
    )
    halt.click(
        stop_all,
        run_id,
        js=script("gallery/clicks.js", "startedRuns", [RETURN, INVERSION]),
        queue=False,
        **QUIET,
    )
