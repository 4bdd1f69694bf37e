"""Whose picture comes back? A picture noised and walked back, and one led to its noise and back."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.images import to_uint8
from diffusion_core.inversion import invert
from diffusion_core.process import q_sample
from diffusion_core.samplers import draw_noise, sample
from diffusion_core.steps import estimate
from diffusion_core.trajectory import walk as compute
from diffusion_core.walk import Given, Walk

from ..components import component
from ..figures import Curve, curves
from .asking import PICTURE, Asked
from .running import stop
from .runs import STOPS

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
    asked, session = Asked(*asked_values), request.session_hash or ""
    sign = STOPS.begin(session, run_id)
    try:
        checkpoint = asked.checkpoint()
        walk, given = asked._replace(begin=PICTURE, images=1, exact=False).walk(checkpoint)
        assert given is not None
        times = np.linspace(0, len(checkpoint.schedule) - 1, TIMES).round().astype(int).tolist()
        eps = draw_noise(given.picture.shape, torch.Generator().manual_seed(walk.seed))
        denoiser = checkpoint.denoiser(checkpoint.label(walk.label), walk.guidance_scale)
        noised, looks, walks = [], [], []
        for t in times:
            x_t = q_sample(given.picture, t, eps, checkpoint.schedule)
            with torch.no_grad():
                looks.append(estimate(denoiser, x_t, t, checkpoint.schedule, walk.clip_x0)[1])
            noised.append(x_t)
            walks.append(_walked(checkpoint, walk, given, t))
            if sign.is_set():
                return
            yield gr.skip(), _gallery(given.picture, times, noised, looks, walks, done=False)
        plot = curve(times, _errors(looks, given.picture), _errors(walks, given.picture))
        yield plot, _gallery(given.picture, times, noised, looks, walks, done=True)
    except ValueError as error:
        yield gr.skip(), json.dumps({"error": str(error)})
    finally:
        STOPS.end(session, run_id)


def _walked(checkpoint: Checkpoint, walk: Walk, given: Given, t: int) -> Tensor:
    """The walk's end from t, with its own share of the steps that a whole walk would take."""
    share = max(1, round(walk.num_steps * (t + 1) / len(checkpoint.schedule)))
    own = Walk(
        label=walk.label, sampler=walk.sampler, num_steps=min(share, t + 1), eta=walk.eta,
        spacing=walk.spacing, variance=walk.variance, guidance_scale=walk.guidance_scale,
        seed=walk.seed, t_start=t,
    )  # fmt: skip
    for step in compute(checkpoint, own, given):
        last = step
    return last.x_prev


def _errors(pictures: list[Tensor], x0: Tensor) -> list[float]:
    return [float((x - x0).square().mean().sqrt()) for x in pictures]


def _base64(x: Tensor) -> str:
    return base64.b64encode(to_uint8(x)[0].tobytes()).decode()


def _gallery(
    x0: Tensor, times: list[int], noised: list[Tensor], looks: list[Tensor], walks: list[Tensor],
    *, done: bool,
) -> str:  # fmt: skip
    def cells(pictures: list[Tensor]) -> list[str | None]:
        return [_base64(x) for x in pictures] + [None] * (len(times) - len(pictures))

    words = ""
    if done:
        by_look, by_walk = _errors(looks, x0), _errors(walks, x0)
        middle = len(times) // 2
        words = (
            f"Root mean square distance to the true picture at t = {times[middle]}: "
            f"{by_look[middle]:.2f} in one look, {by_walk[middle]:.2f} after the walk. "
            "One look is the average of all pictures that could be meant, which keeps the error "
            "small and blurs; a walk decides for one of them, which is sharp and may be another. "
            "Where little noise was added your picture comes back; from much, one of the model's."
        )
    return json.dumps({
        "width": x0.shape[3], "height": x0.shape[2], "channels": x0.shape[1],
        "columns": [f"t = {t}" for t in times], "cell": 66,
        "rows": [
            {"name": "true x₀", "tone": "x0", "cells": [_base64(x0)] * len(times)},
            {"name": "noised: xₜ", "tone": "x-t", "cells": cells(noised)},
            {"name": "one look: x̂₀", "tone": "x0-hat", "cells": cells(looks)},
            {"name": "the whole walk", "tone": "x-t", "cells": cells(walks)},
        ],
        "words": words, "done": done,
    })  # fmt: skip


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


def lead_to_noise(request: gr.Request, *values: Any) -> Iterator[str]:
    """DDIM inversion: picture to noise and back; messages for the gallery.

    Args:
        request: Of the session.
        *values: Those of `Asked`; the rounds of refinement; the run's name.
    """
    *asked_values, refine, run_id = values
    asked, session = Asked(*asked_values), request.session_hash or ""
    sign = STOPS.begin(session, run_id)
    try:
        checkpoint = asked.checkpoint()
        asked = asked._replace(begin=PICTURE, images=1, sampler="ddim", eta=0, exact=False)
        walk, given = asked.walk(checkpoint)
        assert given is not None
        denoiser = checkpoint.denoiser(checkpoint.label(walk.label), walk.guidance_scale)
        schedule, x0 = checkpoint.schedule, given.picture
        for up in invert(
            denoiser, x0, schedule, num_steps=walk.num_steps, spacing=walk.spacing,
            refine=int(refine),
        ):  # fmt: skip
            if sign.is_set():
                return
            if up.index % 8 == 7:
                yield _both_ways(x0, up.x_next, None, f"t = {up.t_next} on the way to noise")
        noise = up.x_next
        for down in sample(
            denoiser, noise, schedule, num_steps=walk.num_steps, spacing=walk.spacing,
            clip_x0=False,
        ):  # fmt: skip
            if sign.is_set():
                return
            if down.index % 8 == 7:
                yield _both_ways(x0, noise, down.x_prev, f"t = {down.t_prev} on the way back")
        again = down.x_prev
        neighbours = (noise[..., 1:] * noise[..., :-1]).mean() / noise.square().mean()
        yield _both_ways(
            x0, noise, again,
            f"The noise that leads to this picture has mean {float(noise.mean()):.2f} and standard "
            f"deviation {float(noise.std()):.2f}; neighbours agree by {float(neighbours):.2f} "
            "(of plain noise: 0, 1 and 0). "
            f"The picture comes back with an error of {_errors([again], x0)[0]:.3f} after "
            f"{up.nfe} evaluations up and {down.nfe} down. More steps or more rounds bring it "
            "nearer.",
            done=True,
        )  # fmt: skip
    except ValueError as error:
        yield json.dumps({"error": str(error)})
    finally:
        STOPS.end(session, run_id)


def _both_ways(
    x0: Tensor, noise: Tensor, again: Tensor | None, words: str, *, done: bool = False
) -> str:
    apart = None if again is None or not done else 5 * (again - x0)
    shown = [x0, noise, again, apart]
    return json.dumps({
        "width": x0.shape[3], "height": x0.shape[2], "channels": x0.shape[1], "cell": 132,
        "columns": ["the picture", "its noise", "the picture again", "difference × 5"],
        "rows": [{
            "name": "", "tones": ["x0", "eps", "x0-hat", "x-t"],
            "cells": [None if x is None else _base64(x) for x in shown],
        }],
        "words": words, "done": done,
    })  # fmt: skip


# A run of its own name, which its Stop can mean.
TELL = """(...inputs) => {
  const id = Math.random().toString(36).slice(2) + Date.now().toString(36);
  window.returningRun = id;
  return [...inputs.slice(0, -1), id];
}"""


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
    gallery = component("gallery", "{}", "denoise-return")
    plot = gr.Plot(show_label=False, container=False, visible=False, elem_id="denoise-return-plot")
    gr.Markdown(
        "Without any chance, the walk can be turned round: from the picture to the noise that "
        "would have led to it (DDIM inversion).",
        elem_classes=["hint"],
    )
    with gr.Row():
        lead = gr.Button("Lead it to its noise and back", min_width=180)
        refine = gr.Slider(
            0, MAX_REFINE, value=0, step=1, label="Rounds of refinement",
            info="of each step up; each round costs an evaluation",
        )  # fmt: skip
    both = component("gallery", "{}", "denoise-inversion")
    back.click(come_back, [*asked, run_id], [plot, gallery], js=TELL, **runs).then(
        lambda: gr.Plot(visible=True), outputs=plot, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
    lead.click(lead_to_noise, [*asked, refine, run_id], both, js=TELL, **runs)
    halt.click(
        stop, run_id, js='() => window.returningRun || ""', queue=False, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
