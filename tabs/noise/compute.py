"""What the Noise tab computes: picture and noise for the browser, the chain, the exports."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import numpy as np
from torch import Tensor

from diffusion_core.data import parse_range, to_levels, to_uint8
from diffusion_core.generation import write_animation
from diffusion_core.process import q_sample, q_step
from diffusion_core.schedule import FlowSchedule, Schedule, make_schedule
from diffusion_core.seeding import draw_noise, image_generators, parse_seed

from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import FILE, sentence_of
from ..shared.picture_and_noise import message, picture_and_noise
from ..shared.start_image import StartImage
from ..shared.wire import ChainMessage, Moments, NoiseMessage, as_base64
from .form import NoiseForm
from .pictures import name_of

CHAIN_SECONDS = 0.1
SAME = (
    "The two pictures differ, by {:.2f} a pixel, since their noise does; mean and variance agree "
    "within a few of their errors, because a sum of Gaussians is Gaussian."
)


def prepare(form: NoiseForm) -> str:
    """x0, eps and the schedule as JSON, from which the browser noises the picture by itself.

    Raises:
        gr.Error: if something does not fit; one sentence.
    """
    try:
        x0, eps, schedule = parts(form)
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None
    told = levels_of(form)[1]
    ranged = f" · {told}" if told else ""
    kind = "grey" if x0.shape[1] == 1 else "colour"
    words = f"{form.size} × {form.size} pixels, {kind} · {form.schedule} schedule, "
    values: NoiseMessage = {
        **message(x0, eps),
        "alpha_bars": [float(f"{a:.7g}") for a in schedule.alphas_cumprod.tolist()],
        "straight": isinstance(schedule, FlowSchedule),
        "file": f"{name_of(form.picture)}-{form.schedule}",
        "caption": words + f"T = {len(schedule)} · noise of seed {parse_seed(form.seed)}" + ranged,
    }
    return json.dumps(values)


def parts(form: NoiseForm) -> tuple[Tensor, Tensor, Schedule]:
    """x0 and eps, each (1, C, size, size), and the schedule; ValueError as `picture_and_noise`."""
    x0, eps = picture_and_noise(form.picture, form.size, form.crop, form.seed, form.value_range)
    return x0, eps, make_schedule(form.schedule)


def levels_of(form: NoiseForm) -> tuple[np.ndarray, str]:
    """The picture as uint8, (H, W, C), and the sentence on its range; "" where it needs none."""
    assert form.picture is not None
    return to_levels(form.picture, parse_range(form.value_range))


def moments(residual: Tensor) -> Moments:
    """Mean and variance over all numbers, each with its standard error for a normal sample."""
    n, variance = residual.numel(), float(residual.var())
    mean = float(residual.mean())
    return {
        "mean": (mean, (variance / n) ** 0.5),
        "variance": (variance, variance * (2 / (n - 1)) ** 0.5),
    }


def chain_messages(form: NoiseForm, t: float) -> Iterator[str]:
    """Noise a picture by t + 1 single steps and in one jump; messages for the chain's stage.

    The chain is not clipped. Its noise comes from a generator of its own, seeded beside the jump's.
    """
    try:
        x0, eps, schedule = parts(form)
        last = max(0, min(int(t), len(schedule) - 1))
        generator = image_generators(parse_seed(form.seed), 2)[1]
        x, sent = x0, 0.0
        with COMPUTE_QUEUE.slot() as place:
            for k in range(last + 1):
                if place.over():
                    return
                x = q_step(x, k, draw_noise(x.shape, generator), schedule)
                now = time.monotonic()
                if k == last or now - sent >= CHAIN_SECONDS:
                    sent = now
                    yield json.dumps(_chain_message(x0, x, eps, k, last, schedule))
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None


def _chain_message(
    x0: Tensor, x: Tensor, eps: Tensor, k: int, last: int, schedule: Schedule
) -> ChainMessage:
    signal = float(schedule.alpha(k))
    jump = q_sample(x0, k, eps, schedule)
    done = k == last
    apart = float((x - jump).square().mean().sqrt())
    return {
        "size": x0.shape[2],
        "channels": x0.shape[1],
        "k": k + 1,
        "of": last + 1,
        "done": done,
        "chain": as_base64(to_uint8(x)[0]),
        "jump": as_base64(to_uint8(jump)[0]),
        "variance": float(schedule.noise_variance(k)),
        "of_chain": moments(x - signal * x0),
        "of_jump": moments(jump - signal * x0),
        "words": SAME.format(apart) if done else "",
    }


def start_here(form: NoiseForm, t: float) -> StartImage:
    """This picture and its present noise, for the Denoise tab to begin with."""
    try:
        x0, _, schedule = parts(form)
        t = max(0, min(int(t), len(schedule) - 1))
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None
    where = f"t = {t} of the {form.schedule} schedule"
    return StartImage(to_uint8(x0)[0], float(schedule.log_snr(t)), where)


def animation(form: NoiseForm) -> Iterator[str]:
    """Write a GIF of the picture dissolving, 60 timesteps; the file's path, while it is needed."""
    try:
        x0, eps, schedule = parts(form)
        timesteps = np.linspace(0, len(schedule) - 1, 60).round().astype(int)
        with tempfile.TemporaryDirectory() as folder:  # Gradio keeps a copy, and lets it go in time
            path = Path(folder) / f"{name_of(form.picture)}-{form.schedule}-noising.gif"
            with COMPUTE_QUEUE.slot():
                frames = [to_uint8(q_sample(x0, int(t), eps, schedule))[0] for t in timesteps]
                write_animation(path, frames)
            yield str(path)
    except (ValueError, OSError) as error:
        raise gr.Error(sentence_of(error, FILE), print_exception=False) from None
