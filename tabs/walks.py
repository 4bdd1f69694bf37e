"""What the player needs of a walk: its frames as they are computed, and what stays the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.images import grid, to_uint8
from diffusion_core.schedule import spaced_timesteps
from diffusion_core.trajectory import Walk, walk

from .player import Frame


@dataclass
class Stops:
    """One stop sign for each session, so that Stop is heeded after the step being computed."""

    signs: dict[str, threading.Event] = field(default_factory=dict)

    def begin(self, session: str) -> threading.Event:
        """A fresh sign; an older run of the session sees its own raised."""
        self.stop(session)
        self.signs[session] = threading.Event()
        return self.signs[session]

    def stop(self, session: str) -> None:
        """Raise the session's sign, if it has one."""
        if sign := self.signs.pop(session, None):
            sign.set()


def frames(checkpoint: Checkpoint, settings: Walk) -> Iterator[Frame]:
    """Compute a walk and yield what the page shows of it: one frame a step, and the end.

    Each frame holds the sheets of x_t and x0_hat.
    """
    start = time.perf_counter()
    step = None
    for step in walk(checkpoint, settings):
        pictures = (sheet(step.x_t), sheet(step.x0_hat))
        alpha_bar = float(checkpoint.schedule.alpha_bar(step.t))
        ms = 1000 * (time.perf_counter() - start)
        yield Frame(pictures, step.t, alpha_bar, step.nfe, ms)
    assert step is not None
    final = sheet(step.x_prev)
    yield Frame((final, final), -1, 1.0, step.nfe, 1000 * (time.perf_counter() - start))


def sheet(x: Tensor) -> np.ndarray:
    """Images (B, C, H, W) in [-1, 1] as one picture, the same that the command line writes."""
    return grid(to_uint8(x))


def head(checkpoint: Checkpoint, settings: Walk, prefix: str = "") -> dict[str, object]:
    """What the player needs beside the frames."""
    steps = spaced_timesteps(len(checkpoint.schedule), settings.num_steps, settings.spacing)
    C, H, W = checkpoint.image_shape
    height, width = grid(np.zeros((settings.num_images, H, W, C), np.uint8)).shape[:2]
    label = checkpoint.label(settings.label)
    named = "no class" if label is None else checkpoint.config.class_names[label]
    last_seed = settings.seed + settings.num_images - 1
    seeds = f"seed {settings.seed}" + (f" to {last_seed}" if settings.num_images > 1 else "")
    words = [
        checkpoint.name.rsplit("/", 1)[-1],
        named,
        f"{settings.sampler}, {settings.num_steps} steps",
        f"guidance {settings.guidance_scale:g}",
        *([f"eta {settings.eta:g}"] if settings.eta else []),
        seeds,
        f"weights {checkpoint.weights_hash[:8]}",
    ]
    return {
        "width": width,
        "height": height,
        "channels": C,
        "alpha_bars": [round(float(checkpoint.schedule.alpha_bar(t)), 5) for t in [*steps, -1]],
        "caption": prefix + " · ".join(words),
    }
