"""What the Noise tab computes: picture and noise for the browser, the chain, the exports."""

from __future__ import annotations

import base64
import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import torch
from torch import Tensor

from diffusion_core.exports import write_animation
from diffusion_core.images import from_uint8, to_uint8
from diffusion_core.pictures import fit_picture
from diffusion_core.process import q_sample, q_step
from diffusion_core.samplers import draw_noise
from diffusion_core.schedule import NoiseSchedule, make_schedule
from diffusion_core.walk import MAX_SEED

from .starts import Start

SIZES = (28, 32, 64, 128, 256)
EPS_SCALE = 4096  # eps goes to the browser as int16: an error of at most 1/8192, 0.02 levels
CHAIN_SECONDS = 0.1
SAME = (
    "The two pictures differ, by {:.2f} a pixel, since their noise does; mean and variance agree "
    "within a few of their errors, because a sum of Gaussians is Gaussian."
)


def prepare(picture: np.ndarray | None, size: int, crop: str, seed: float | None, name: str) -> str:
    """What the stage needs to noise a picture by itself: x0, eps and the schedule, as JSON.

    Args:
        picture: uint8, (H, W, C).
        size: Side of the square that it is made to.
        crop: Which square of it; see `fit_picture`.
        seed: Of the noise.
        name: Of the schedule.

    Raises:
        gr.Error: if something does not fit; one sentence.
    """
    try:
        x0, eps, schedule = parts(picture, size, crop, seed, name)
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None
    kind = "grey" if x0.shape[1] == 1 else "colour"
    words = f"{size} × {size} pixels, {kind} · {name} schedule, "
    values = _message(x0, eps)
    values["alpha_bars"] = [float(f"{a:.7g}") for a in schedule.alphas_cumprod.tolist()]
    values["caption"] = words + f"T = {len(schedule)} · noise of seed {int(seed or 0)}"
    return json.dumps(values)


def picture_message(
    picture: np.ndarray | None, size: int, crop: str, seed: float | None
) -> dict[str, Any]:
    """x0 and eps for the browser, as JSON values.

    Raises:
        ValueError: if something does not fit; one sentence.
    """
    x0, eps, _ = parts(picture, size, crop, seed, "linear")
    return _message(x0, eps)


def _message(x0: Tensor, eps: Tensor) -> dict[str, Any]:
    packed = (eps * EPS_SCALE).round().clamp(-32768, 32767).to(torch.int16)
    return {
        "id": secrets.token_hex(4),
        "size": x0.shape[2],
        "channels": x0.shape[1],
        "x0": _base64(to_uint8(x0)[0]),
        "eps": _base64(packed[0].permute(1, 2, 0).numpy()),
    }


def parts(
    picture: np.ndarray | None, size: int, crop: str, seed: float | None, name: str
) -> tuple[Tensor, Tensor, NoiseSchedule]:
    """x0 and eps, each (1, C, size, size), and the schedule.

    Raises:
        ValueError: if something does not fit; one sentence.
    """
    if picture is None:
        raise ValueError("Choose a picture first, or take one of those below.")
    if size not in SIZES:
        raise ValueError(f"The size must be one of {', '.join(map(str, SIZES))}, got {size}.")
    if seed is None or int(seed) != seed or not 0 <= seed <= MAX_SEED:
        raise ValueError(f"The seed must be a whole number from 0 to {MAX_SEED}, got {seed}.")
    x0 = from_uint8(fit_picture(picture, size, crop)[None])
    eps = draw_noise(x0.shape, torch.Generator().manual_seed(int(seed)))
    return x0, eps, make_schedule(name)


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def moments(residual: Tensor) -> dict[str, list[float]]:
    """Mean and variance over all numbers, each with its standard error for a normal sample."""
    n, variance = residual.numel(), float(residual.var())
    mean = float(residual.mean())
    return {
        "mean": [mean, (variance / n) ** 0.5],
        "variance": [variance, variance * (2 / (n - 1)) ** 0.5],
    }


def chain_messages(
    picture: np.ndarray | None, size: int, crop: str, seed: float | None, name: str, t: float
) -> Iterator[str]:
    """Noise a picture by t + 1 single steps and in one jump; messages for the chain's stage.

    The chain is not clipped. Its noise comes from a generator of its own, seeded beside the jump's.
    """
    try:
        x0, eps, schedule = parts(picture, size, crop, seed, name)
        last = max(0, min(int(t), len(schedule) - 1))
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None
    generator = torch.Generator().manual_seed((int(seed or 0) + 1) % (MAX_SEED + 1))
    x, sent = x0, 0.0
    for k in range(last + 1):
        x = q_step(x, k, draw_noise(x.shape, generator), schedule)
        now = time.monotonic()
        if k == last or now - sent >= CHAIN_SECONDS:
            sent = now
            yield json.dumps(_chain_message(x0, x, eps, k, last, schedule))


def _chain_message(
    x0: Tensor, x: Tensor, eps: Tensor, k: int, last: int, schedule: NoiseSchedule
) -> dict[str, Any]:
    signal = float(schedule.alpha_bar(k).sqrt())
    jump = q_sample(x0, k, eps, schedule)
    done = k == last
    apart = float((x - jump).square().mean().sqrt())
    return {
        "size": x0.shape[2],
        "channels": x0.shape[1],
        "k": k + 1,
        "of": last + 1,
        "done": done,
        "chain": _base64(to_uint8(x)[0]),
        "jump": _base64(to_uint8(jump)[0]),
        "variance": float(1 - schedule.alpha_bar(k)),
        "of_chain": moments(x - signal * x0),
        "of_jump": moments(jump - signal * x0),
        "words": SAME.format(apart) if done else "",
    }


def start_here(
    picture: np.ndarray | None, size: int, crop: str, seed: float | None, name: str, t: float
) -> Start:
    """What the Denoise tab begins with: this picture, as noisy as it now is."""
    try:
        x0, _, schedule = parts(picture, size, crop, seed, name)
        t = max(0, min(int(t), len(schedule) - 1))
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None
    return Start(to_uint8(x0)[0], float(schedule.log_snr(t)), f"t = {t} of the {name} schedule")


def animation(
    picture: np.ndarray | None, size: int, crop: str, seed: float | None, name: str
) -> Iterator[str]:
    """Write a GIF of the picture dissolving, 60 timesteps; the file's path, while it is needed."""
    try:
        x0, eps, schedule = parts(picture, size, crop, seed, name)
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None
    timesteps = np.linspace(0, len(schedule) - 1, 60).round().astype(int)
    frames = [to_uint8(q_sample(x0, int(t), eps, schedule))[0] for t in timesteps]
    with tempfile.TemporaryDirectory() as folder:  # Gradio keeps a copy, and lets it go in time
        path = Path(folder) / "noising.gif"
        write_animation(path, frames, fps=20)
        yield str(path)
