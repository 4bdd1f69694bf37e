"""Whose picture comes back? A picture noised and walked back, and one led to its noise and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.process import q_sample
from diffusion_core.samplers import SamplerStep, draw_noise
from diffusion_core.steps import estimate
from diffusion_core.trajectory import walk as compute
from diffusion_core.walk import Given, Walk

from ..components import QUIET, component
from ..figures import Curve, curves
from .asking import PICTURE, Asked
from .leading import as_base64, distance, lead_to_noise
from .running import give_up, stop
from .runs import OTHER_LIMIT, STOPS, sentence_of, within

TIMES = 9
MAX_REFINE = 10


def come_back(request: gr.Request, *values: Any) -> Iterator[tuple[Any, str]]:
    """Noise the picture to several timesteps, ask once, and walk back: pictures and error curve.

    Args:
        request: Of the session.
        *values: Those of `Asked`, then the run's name.

    Yields:
        The plot, once at the end, and the gallery's message.
    """
    *asked_values, run_id = values
    asked, stage = Asked(*asked_values), f"{request.session_hash} return"
    try:
        with STOPS.heeded(stage, run_id) as sign:
            checkpoint = asked.checkpoint()
            walk, given = asked._replace(begin=PICTURE, images=1, exact=False).walk(checkpoint)
            assert given is not None
            within(dataclasses.replace(walk, t_start=None), checkpoint, OTHER_LIMIT // TIMES)
            schedule = checkpoint.schedule
            device = next(checkpoint.unet.parameters()).device
            times = np.linspace(0, len(schedule) - 1, TIMES).round().astype(int).tolist()
            x0 = given.picture
            eps = draw_noise(x0.shape, torch.Generator().manual_seed(walk.seed))
            denoiser = checkpoint.denoiser(walk.condition, walk.guidance_scale)
            limit = walk.clip_limit(checkpoint)
            noised: list[Tensor] = []
            looks: list[Tensor] = []
            walks: list[Tensor] = []
            for t in times:
                x_t = q_sample(x0, t, eps, schedule)
                with torch.no_grad():
                    _, look = estimate(denoiser, x_t.to(device), t, schedule, limit, walk.threshold)
                noised.append(x_t)
                looks.append(look.cpu())
                yield gr.skip(), _gallery(x0, times, noised, looks, walks, run_id)
                for step in _walked(checkpoint, walk, given, t):
                    if sign.is_set():
                        seen = _gallery(x0, times, noised, looks, walks, run_id, "stopped")
                        yield gr.skip(), seen
                        return
                    if step.index % 16 == 15:
                        yield gr.skip(), gr.skip()  # where Gradio, too, can end it
                walks.append(step.x_prev.cpu())
            plot = curve(times, errors(looks, x0), errors(walks, x0))
            shown = gr.update(value=plot, visible=True)
            yield shown, _gallery(x0, times, noised, looks, walks, run_id, "done")
    except Exception as error:
        yield gr.skip(), json.dumps({"run": run_id, "error": sentence_of(error)})


def _walked(checkpoint: Checkpoint, walk: Walk, given: Given, t: int) -> Iterator[SamplerStep]:
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
    looks: list[Tensor],
    walks: list[Tensor],
    run_id: str,
    state: str = "running",
) -> str:
    def cells(pictures: list[Tensor]) -> list[str | None]:
        return [as_base64(x) for x in pictures] + [None] * (len(times) - len(pictures))

    words = "Stopped." if state == "stopped" else ""
    if state == "done":
        by_look, by_walk = errors(looks, x0), errors(walks, x0)
        middle = len(times) // 2
        words = (
            f"Root mean square distance to the true picture at t = {times[middle]}: "
            f"{by_look[middle]:.2f} in one look, {by_walk[middle]:.2f} after the walk. "
            "One look is the average of all pictures that could be meant, which keeps the error "
            "small and blurs; a walk decides for one of them, which is sharp and may be another. "
            "Where little noise was added your picture comes back; from much, one of the model's."
        )
    return json.dumps(
        {
            "width": x0.shape[3],
            "height": x0.shape[2],
            "channels": x0.shape[1],
            "columns": [f"t = {t}" for t in times],
            "cell": 66,
            "rows": [
                {"name": "true x₀", "tone": "x0", "cells": [as_base64(x0)] * len(times)},
                {"name": "noised: xₜ", "tone": "x-t", "cells": cells(noised)},
                {"name": "one look: x̂₀", "tone": "x0-hat", "cells": cells(looks)},
                {"name": "the whole walk", "tone": "x-t", "cells": cells(walks)},
            ],
            "words": words,
            "state": state,
            "run": run_id,
        }
    )


def curve(times: list[int], looks: list[float], walks: list[float]) -> go.Figure:
    """Error against t, of one look and of the whole walk."""
    figure = curves(
        [Curve("one look", np.array(looks), 2), Curve("the whole walk", np.array(walks), 0)],
        "distance to the true picture",
        log=False,
    )
    for trace in figure.data:
        trace.x, trace.mode = times, "lines+markers"
    figure.update_xaxes(title="noised to t", range=[0, times[-1]])
    return figure


# A run of its own name, which its Stop can mean: both computations may go on at once.
TELL = """(...inputs) => {
  const id = newRun();
  document.querySelector("#%s .gallery")?.dispatchEvent(
    new CustomEvent("gallery:start", { detail: id }));
  return [...inputs.slice(0, -1), id];
}"""
TELL_STOP = """() => ["denoise-return", "denoise-inversion"].map(
  (id) => document.querySelector(`#${id} .gallery`)?.dataset.wanted || "").join(" ")"""


def stop_all(run_ids: str) -> None:
    """Handler of Stop: of all that the browser has begun here and names."""
    for run_id in run_ids.split():
        stop(run_id)


def build(asked: list[Any], run_id: gr.Textbox, runs: dict[str, Any]) -> None:
    """Lay the fold out and wire it.

    Args:
        asked: The tab's controls, in the order of `Asked`.
        run_id: Filled by the browser.
        runs: Options of events that compute.
    """
    gr.Markdown(
        "The picture of *Begin with: a picture* is noised to nine timesteps. At each the network "
        "guesses once, and then walks all the way back, with the settings at the left.",
        elem_classes=["hint"],
    )
    with gr.Row():
        back = gr.Button("Noise it and walk back", variant="primary", min_width=180)
        halt = gr.Button("Stop walking back", min_width=80)
    gallery = component("gallery", "{}", "denoise-return", asks=[give_up])
    plot = gr.Plot(show_label=False, container=False, visible=False, elem_id="denoise-return-plot")
    gr.Markdown(
        "Without any chance, the walk can be turned round: from the picture to the noise that "
        "would have led to it (DDIM inversion).",
        elem_classes=["hint"],
    )
    with gr.Row():
        lead = gr.Button("Lead it to its noise and back", min_width=180)
        refine = gr.Slider(
            0,
            MAX_REFINE,
            value=0,
            step=1,
            label="Rounds of refinement",
            info="of each step up; each round costs an evaluation",
        )
    both = component("gallery", "{}", "denoise-inversion", asks=[give_up])
    back.click(come_back, [*asked, run_id], [plot, gallery], js=TELL % "denoise-return", **runs)
    lead.click(lead_to_noise, [*asked, refine, run_id], both, js=TELL % "denoise-inversion", **runs)
    halt.click(stop_all, run_id, js=TELL_STOP, queue=False, **QUIET)
