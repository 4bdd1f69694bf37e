"""A picture led to the noise that would have made it, and back: DDIM inversion."""

from __future__ import annotations

import base64
import dataclasses
import json
import logging
from collections.abc import Iterator
from typing import Any

import gradio as gr
from torch import Tensor

from diffusion_core.images import to_uint8
from diffusion_core.inversion import invert
from diffusion_core.samplers import sample

from .asking import PICTURE, Asked
from .running import BROKE_OFF
from .runs import REPLAY_LIMIT, STOPS, within


def lead_to_noise(request: gr.Request, *values: Any) -> Iterator[str]:
    """DDIM inversion: picture to noise and back; messages for the gallery.

    Args:
        request: Of the session.
        *values: Those of `Asked`; the rounds of refinement; the run's name.
    """
    *asked_values, refine, run_id = values
    asked, stage = Asked(*asked_values), f"{request.session_hash} lead"
    sign = STOPS.begin(stage, run_id)
    try:
        checkpoint = asked.checkpoint()
        asked = asked._replace(begin=PICTURE, images=1, sampler="ddim", eta=0, exact=False)
        walk, given = asked.walk(checkpoint)
        assert given is not None
        rounds = 2 + int(refine)
        within(dataclasses.replace(walk, t_start=None), checkpoint, REPLAY_LIMIT // rounds)
        device = next(checkpoint.unet.parameters()).device
        denoiser = checkpoint.denoiser(checkpoint.label(walk.label), walk.guidance_scale)
        schedule, x0 = checkpoint.schedule, given.picture
        noise, again, ups, downs = x0, None, 0, 0
        for up in invert(
            denoiser, x0.to(device), schedule, num_steps=walk.num_steps, spacing=walk.spacing,
            refine=int(refine),
        ):  # fmt: skip
            noise, ups = up.x_next.cpu(), up.nfe
            if sign.is_set():
                yield _both_ways(x0, noise, None, "Stopped.", run_id, "stopped")
                return
            if up.index % 8 == 7:
                words = f"t = {up.t_next} on the way to noise"
                yield _both_ways(x0, noise, None, words, run_id)
        for down in sample(
            denoiser, noise.to(device), schedule, num_steps=walk.num_steps, spacing=walk.spacing,
            clip_x0=False,
        ):  # fmt: skip
            again, downs = down.x_prev.cpu(), down.nfe
            if sign.is_set():
                yield _both_ways(x0, noise, again, "Stopped.", run_id, "stopped")
                return
            if down.index % 8 == 7:
                words = f"t = {down.t_prev} on the way back"
                yield _both_ways(x0, noise, again, words, run_id)
        assert again is not None
        neighbours = (noise[..., 1:] * noise[..., :-1]).mean() / noise.square().mean()
        yield _both_ways(
            x0, noise, again,
            f"The noise that leads to this picture has mean {float(noise.mean()):.2f} and standard "
            f"deviation {float(noise.std()):.2f}; neighbours agree by {float(neighbours):.2f} "
            "(of plain noise: 0, 1 and 0). "
            f"The picture comes back with an error of {distance(again, x0):.3f} after "
            f"{ups} evaluations up and {downs} down. More steps or more rounds bring it "
            "nearer.",
            run_id, "done",
        )  # fmt: skip
    except ValueError as error:
        yield json.dumps({"error": str(error)})
    except Exception:
        logging.exception("A way to noise broke off")
        yield json.dumps({"error": BROKE_OFF})
    finally:
        STOPS.end(stage, run_id)


def _both_ways(
    x0: Tensor, noise: Tensor, again: Tensor | None, words: str, run_id: str,
    state: str = "running",
) -> str:  # fmt: skip
    apart = None if again is None or state != "done" else 5 * (again - x0)
    shown = [x0, noise, again, apart]
    return json.dumps({
        "width": x0.shape[3], "height": x0.shape[2], "channels": x0.shape[1], "cell": 132,
        "columns": ["the picture", "its noise", "the picture again", "difference × 5"],
        "rows": [{
            "name": "", "tones": ["x0", "eps", "x0-hat", "x-t"],
            "cells": [None if x is None else as_base64(x) for x in shown],
        }],
        "words": words, "state": state, "run": run_id,
    })  # fmt: skip


def distance(a: Tensor, b: Tensor) -> float:
    """Root mean square over all pixels, of a range from -1 to 1."""
    return float((a - b).square().mean().sqrt())


def as_base64(x: Tensor) -> str:
    """The first image of a batch as bytes for the page."""
    return base64.b64encode(to_uint8(x)[0].tobytes()).decode()
