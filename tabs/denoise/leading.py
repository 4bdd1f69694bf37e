"""A picture led to the noise that would have made it, and back: DDIM inversion."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.images import to_uint8
from diffusion_core.inversion import invert
from diffusion_core.samplers import sample
from diffusion_core.walk import Walk

from .asking import PICTURE, Asked
from .runs import OTHER_LIMIT, STOPS, sentence_of, within

EVEN = (
    " Timesteps are spaced trailing here: karras has the first where there is so little noise that "
    "what the network takes for it would be its own error."
)


def lead_to_noise(request: gr.Request, *values: Any) -> Iterator[str]:
    """DDIM inversion: picture to noise and back; messages for the gallery.

    Args:
        request: Of the session.
        *values: Those of `Asked`; the rounds of refinement; the run's name.
    """
    *asked_values, refine, run_id = values
    asked, stage = Asked(*asked_values), f"{request.session_hash} lead"
    try:
        with STOPS.heeded(stage, run_id) as sign:
            checkpoint = asked.checkpoint()
            karras = asked.spacing == "karras"
            asked = asked._replace(
                begin=PICTURE,
                images=1,
                sampler="ddim",
                eta=0,
                exact=False,
                spacing="trailing" if karras else asked.spacing,
            )
            walk, given = asked.walk(checkpoint)
            assert given is not None
            rounds = 2 + int(refine)
            within(dataclasses.replace(walk, t_start=None), checkpoint, OTHER_LIMIT // rounds)
            x0 = given.picture
            for way in there_and_back(checkpoint, walk, x0, int(refine)):
                if sign.is_set():
                    yield _both_ways(x0, way, "Stopped.", run_id, "stopped")
                    return
                if way.index % 8 == 7:
                    yield _both_ways(x0, way, way.words, run_id)
            words = _ends(x0, way) + (EVEN if karras else "")
            yield _both_ways(x0, way, words, run_id, "done")
    except Exception as error:
        yield json.dumps({"run": run_id, "error": sentence_of(error)})


@dataclass(frozen=True, eq=False)
class Way:
    """How far a picture has been led to its noise and back.

    Attributes:
        index: Of the step, up or down.
        noise: What it has become on the way up, (1, C, H, W), on the CPU.
        again: What that has become on the way down; None on the way up.
        up, down: Evaluations of the network so far.
        words: Where it is.
    """

    index: int
    noise: Tensor
    again: Tensor | None
    up: int
    down: int
    words: str


def there_and_back(checkpoint: Checkpoint, walk: Walk, x0: Tensor, refine: int) -> Iterator[Way]:
    """Lead a picture to its noise, and walk back from there by the same timesteps."""
    device = next(checkpoint.unet.parameters()).device
    denoiser = checkpoint.denoiser(walk.condition, walk.guidance_scale)
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
    return json.dumps(
        {
            "width": x0.shape[3],
            "height": x0.shape[2],
            "channels": x0.shape[1],
            "cell": 132,
            "columns": ["the picture", "its noise", "the picture again", "difference × 5"],
            "rows": [
                {
                    "name": "",
                    "tones": ["x0", "eps", "x0-hat", "x-t"],
                    "cells": [None if x is None else as_base64(x) for x in shown],
                }
            ],
            "words": words,
            "state": state,
            "run": run_id,
        }
    )


def distance(a: Tensor, b: Tensor) -> float:
    """Root mean square over all pixels, of a range from -1 to 1."""
    return float((a - b).square().mean().sqrt())


def as_base64(x: Tensor) -> str:
    """The first image of a batch as bytes for the page."""
    return base64.b64encode(to_uint8(x)[0].tobytes()).decode()
