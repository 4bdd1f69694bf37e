"""The three public endpoints: what the tabs do, for programs, each with typed, documented values.

Gradio reads a function here as it stands: its name, its types and its docstring are what a client,
the page of the API and an MCP tool show. So annotations must be real types (no `from __future__
import annotations`), and every argument is told in one line.
"""

import inspect
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypedDict

import gradio as gr
import torch
from gradio.data_classes import FileDataMeta

from diffusion_core.data import CROPS, fit_picture, from_uint8, to_uint8
from diffusion_core.denoiser import THRESHOLDS
from diffusion_core.generation import RunCard, SamplingRequest, write_pictures
from diffusion_core.process import q_sample
from diffusion_core.samplers import SAMPLERS
from diffusion_core.schedule import MAX_TIMESTEPS, SCHEDULES, SPACINGS, make_schedule
from diffusion_core.seeding import draw_noise, parse_seed

from ..shared import models
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.picture_upload import fetch_plainly, received
from . import mcp
from .validation import (
    labelled,
    listed,
    named,
    number,
    one_of,
    said_plainly,
    summary,
    text,
    truth,
    whole,
)

SMALLEST, LARGEST = 8, 512
MOST_IMAGES, MOST_EVALUATIONS = 16, 50_000
TELL_EVERY = 0.1  # seconds; a cancelled call ends when the next progress is sent
TELL_WAITING = 1.0  # seconds between two messages of a call that waits in the queue


class PictureFile(TypedDict):
    """A picture as Gradio carries it: a file that was uploaded, or that can be downloaded."""

    path: str
    meta: FileDataMeta


def noise(
    picture: PictureFile,
    timestep: int,
    schedule: Literal[SCHEDULES] = "linear",  # type: ignore[valid-type]
    num_train_timesteps: int = 1000,
    size: int = 128,
    crop: Literal[CROPS] = "centre",  # type: ignore[valid-type]
    seed: int = 0,
) -> Iterator[tuple[PictureFile, dict[str, Any]]]:
    """Add Gaussian noise to a picture, as much as a diffusion model sees at one timestep.

    x_t = sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps, with the picture x_0 scaled to [-1, 1]; of
    the schedule flow (1 - u) x_0 + u eps, with u = (timestep + 1) / num_train_timesteps.

    Args:
        picture: A picture file, or its URL: PNG, JPEG, WebP, GIF, BMP or TIFF, at most 10 MB.
        timestep: How far it is noised, from 0 (hardly) to num_train_timesteps - 1 (wholly).
        schedule: How fast the noise grows with the timestep.
        num_train_timesteps: T, the length of the schedule, from 2 to 10,000.
        size: Side in pixels, 8 to 512, of the square that the picture is made to.
        crop: Which square of the picture is kept; "whole picture" keeps all, on grey.
        seed: Of the noise, a whole number of 64 bits; the same seed gives the same noise.

    Returns:
        the noised picture (PNG)
        its numbers as JSON: alpha_bar, snr_db (decibels, or null), the weights of signal and noise
    """
    with said_plainly():
        T = whole(num_train_timesteps, "num_train_timesteps", 2, MAX_TIMESTEPS)
        t = whole(timestep, "timestep", 0, T - 1)
        side = whole(size, "size", SMALLEST, LARGEST)
        generator = torch.Generator().manual_seed(parse_seed(seed, "seed"))
        made = make_schedule(one_of(schedule, "schedule", SCHEDULES), T)
        crop = one_of(crop, "crop", CROPS)
        with COMPUTE_QUEUE.slot():
            x0 = from_uint8(fit_picture(received(picture), side, crop)[None])
            x_t = q_sample(x0, t, draw_noise(x0.shape, generator), made)
        alpha_bar = float(made.alpha_bar(t))
        numbers = {
            "timestep": t,
            "alpha_bar": alpha_bar,
            "snr_db": listed(made.log_snr(torch.tensor([t])) * 10 / math.log(10))[0],
            "signal": float(made.alpha(t)),
            "noise": float(made.sigma(t)),
            "size": [side, side],
            "channels": x0.shape[1],
        }
        with tempfile.TemporaryDirectory() as folder:
            yield _sheet(Path(folder) / "noised.png", x_t), numbers


def schedule(
    name: Literal[SCHEDULES] = "linear",  # type: ignore[valid-type]
    num_train_timesteps: int = 1000,
    zero_terminal_snr: bool = False,
    points: int = 50,
    beta_start: float | None = None,
    beta_end: float | None = None,
    s: float | None = None,
    start: float | None = None,
    end: float | None = None,
    tau: float | None = None,
) -> dict[str, Any]:
    """Compute a noise schedule: how much noise each timestep adds, and how much signal is left.

    Args:
        name: Which schedule.
        num_train_timesteps: T, its length, from 2 to 10,000.
        zero_terminal_snr: Whether it is rescaled so that its last timestep is noise alone.
        points: How many timesteps are listed, evenly chosen, both ends among them; T lists all.
        beta_start: First beta of linear, scaled_linear and sigmoid_beta; else 0.0001.
        beta_end: Last beta of linear, scaled_linear and sigmoid_beta; else 0.02.
        s: Offset of cosine; else 0.008.
        start: Where on the sigmoid the schedule named sigmoid starts; else -3.
        end: Where it ends; else 3.
        tau: Its temperature; else 1.

    Returns:
        JSON with t, betas, alphas_cumprod, log_snr (natural; null where infinite) and a summary
    """
    with said_plainly():
        T = whole(num_train_timesteps, "num_train_timesteps", 2, MAX_TIMESTEPS)
        count = min(whole(points, "points", 2, MAX_TIMESTEPS), T)
        given = {
            "beta_start": beta_start,
            "beta_end": beta_end,
            "s": s,
            "start": start,
            "end": end,
            "tau": tau,
        }
        parameters = {k: number(v, k) for k, v in given.items() if v is not None}
        zero = truth(zero_terminal_snr, "zero_terminal_snr")
        name = one_of(name, "schedule", SCHEDULES)
        with COMPUTE_QUEUE.slot():
            made = make_schedule(name, T, zero_terminal_snr=zero, **parameters)
        t = torch.linspace(0, T - 1, count, dtype=torch.float64).round().long()
        return {
            "name": name,
            "num_train_timesteps": T,
            "parameters": parameters,
            "zero_terminal_snr": zero,
            "t": t.tolist(),
            "betas": made.betas[t].tolist(),
            "alphas_cumprod": made.alphas_cumprod[t].tolist(),
            "log_snr": listed(made.log_snr(t)),
            "summary": summary(made),
        }


def denoise(
    model: str = "fashion-mnist",
    label: str | int | None = None,
    num_images: int = 4,
    sampler: Literal[SAMPLERS] = "ddim",  # type: ignore[valid-type]
    steps: int = 50,
    seed: int = 0,
    guidance_scale: float = 1.0,
    eta: float = 0.0,
    spacing: Literal[SPACINGS] = "trailing",  # type: ignore[valid-type]
    threshold: Literal[THRESHOLDS] = "static",  # type: ignore[valid-type]
    attributes: dict[str, str] | None = None,
) -> Iterator[tuple[PictureFile | None, dict[str, Any]]]:
    """Draw pictures with a diffusion model: walk from noise to images with a sampler.

    The same settings give the same pictures here, on the page and on the command line.

    Args:
        model: Name of a model that the page offers, such as fashion-mnist.
        label: What to draw: a class by name or number, such as Bag; null leaves it open.
        num_images: How many pictures, 1 to 16; picture i has the seed + i.
        sampler: How it walks; ddim, heun and dpmpp_2m do with few steps, ddpm wants many.
        steps: How many steps it takes, 1 to the model's T (mostly 1000); 10 to 50 are usual.
        seed: Of the first picture's noise, a whole number of 64 bits.
        guidance_scale: How hard to insist on the label, 0 to 50; 1 is off, 2 to 4 are strong.
        eta: Fresh noise that ddim adds on the way, from 0 (none) to 1 (as much as ddpm).
        spacing: Which of the model's timesteps are visited.
        threshold: How a guess is kept in range; dynamic keeps shades under strong guidance.
        attributes: What else to ask for, by name, if the model has attributes: {"head": "afro"}.

    Returns:
        the pictures on one sheet, row by row (PNG)
        the run card as JSON: all that it takes to walk to the same pictures again; its engine is
            what evaluated the network, torch where it names none
    """
    with said_plainly():
        checkpoint = models.for_walks(models.listed(text(model, "model")))
        settings = SamplingRequest(
            num_images=whole(num_images, "num_images", 1, MOST_IMAGES),
            label=labelled(label),
            sampler=one_of(sampler, "sampler", SAMPLERS),
            num_steps=whole(steps, "steps", 1, len(checkpoint.schedule)),
            eta=number(eta, "eta", 0, 1),
            spacing=one_of(spacing, "spacing", SPACINGS),
            guidance_scale=number(guidance_scale, "guidance_scale", 0, 50),
            seed=parse_seed(seed, "seed"),
            variance=checkpoint.config.sampling.get("variance", "posterior"),
            attributes=named(attributes),
            threshold=one_of(threshold, "threshold", THRESHOLDS),
        )
        if (cost := settings.cost(checkpoint)) > MOST_EVALUATIONS:
            raise ValueError(
                f"This walk asks the network about {cost:,} pictures, and an endpoint does at most "
                f"{MOST_EVALUATIONS:,}; ask for fewer images or steps."
            )
        checkpoint = models.for_walk(checkpoint, settings)
        models.bounded(settings, checkpoint)
        walker = models.walker(checkpoint)(checkpoint, settings)
        progress, told, of = gr.Progress(), time.monotonic(), walker.num_evaluated
        with COMPUTE_QUEUE.place() as place:
            while not place.wait(TELL_WAITING):
                if place.given_up():
                    return
                yield None, {"step": 0, "of": of}
            for step in walker:
                if place.over():
                    return
                if time.monotonic() - told >= TELL_EVERY:
                    told = time.monotonic()
                    progress((step.index + 1, of), unit="steps")
                    yield None, {"step": step.index + 1, "of": of}
        card = RunCard.of(checkpoint, settings, None, step.x_prev)
        with tempfile.TemporaryDirectory() as folder:
            yield _sheet(Path(folder) / "denoised.png", step.x_prev), card.values()


def build() -> None:
    """Open the endpoints; called inside the page's gr.Blocks, before a tab takes their names."""
    mcp.install()
    for function, answers in (
        (noise, ("picture", "numbers")),
        (schedule, ("schedule",)),
        (denoise, ("pictures", "card")),
    ):
        _plain_answer(function)
        # They wait in the one line for all that computes, beside the page's own events.
        event = gr.api(function, api_name=function.__name__, concurrency_limit=None)
        first, *_ = mcp.explain(function, event, answers)
        if function is noise:
            fetch_plainly(first)


def _sheet(path: Path, x: torch.Tensor) -> PictureFile:
    """Pictures in a PNG file, as the command line writes it; Gradio takes a copy when it is told.

    The copy goes with the app's cache; the file itself with its folder, when the answer is given.
    """
    write_pictures(path, to_uint8(x), None)
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def _plain_answer(function: Any) -> None:
    """Let the signature of a generator name what it yields: Gradio takes it for the answer."""
    if inspect.isgeneratorfunction(function):
        (answer,) = function.__annotations__["return"].__args__
        function.__signature__ = inspect.signature(function).replace(return_annotation=answer)
