"""What the player needs of a walk: its frames as they are computed, and what stays the same."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.images import from_uint8, grid, to_pil, to_uint8
from diffusion_core.pictures import fit_picture
from diffusion_core.trajectory import Walk, walk

from .player import Frame

NO_CLASS = "none"


@dataclass
class Stops:
    """One stop sign for each session, so that Stop is heeded after the step being computed.

    A Stop may arrive before the run that it means: the last ones are remembered by name.
    """

    signs: dict[str, tuple[str, threading.Event]] = field(default_factory=dict)
    refused: deque[str] = field(default_factory=lambda: deque(maxlen=256))

    def begin(self, session: str, run_id: str) -> threading.Event:
        """A sign for a new run; an older run of the session sees its own raised."""
        if session in self.signs:
            self.signs.pop(session)[1].set()
        sign = threading.Event()
        if run_id in self.refused:
            sign.set()
        self.signs[session] = (run_id, sign)
        return sign

    def end(self, session: str, run_id: str) -> None:
        """Forget a run that is over, unless another has taken its place."""
        if session in self.signs and self.signs[session][0] == run_id:
            del self.signs[session]

    def stop(self, session: str, run_id: str) -> None:
        """Raise the sign of a run, now or as soon as it begins; other runs go on."""
        self.refused.append(run_id)
        if session in self.signs and self.signs[session][0] == run_id:
            self.signs.pop(session)[1].set()


@dataclass(frozen=True, eq=False)
class Start:
    """A picture to begin a walk with, and how far it is noised.

    Attributes:
        picture: uint8, (H, W, C), square.
        log_snr: Natural logarithm of signal to noise that it is noised to.
        where: The timestep and schedule that this was, in words.
    """

    picture: np.ndarray
    log_snr: float
    where: str

    def fit(self, checkpoint: Checkpoint) -> tuple[Tensor, int]:
        """The picture in the model's size and channels, (1, C, H, W), and the nearest timestep.

        Nearest in log-SNR: the same share of noise, whatever the model's schedule calls it.
        """
        C, H, W = checkpoint.image_shape
        image = to_pil(fit_picture(self.picture, H)).convert("L" if C == 1 else "RGB")
        x0 = from_uint8(np.array(image.resize((W, H))).reshape(1, H, W, C))
        every = checkpoint.schedule.log_snr(torch.arange(len(checkpoint.schedule)))
        return x0, int((every - self.log_snr).abs().argmin())

    def words(self, checkpoint: Checkpoint) -> str:
        """What happens to the picture with this model, for the page."""
        C, H, W = checkpoint.image_shape
        _, t = self.fit(checkpoint)
        return (
            f"**From your picture:** made {H} × {W} and {'grey' if C == 1 else 'colour'} for this "
            f"model, and noised to its t = {t}, where there is as much noise as at {self.where}. "
            f"The model has only seen {checkpoint.config.dataset}: what it cannot make out in the "
            "noise it fills in from there, so another world comes back as that one."
        )


def frames(
    checkpoint: Checkpoint, settings: Walk, start_from: Tensor | None = None
) -> Iterator[Frame]:
    """Compute a walk and yield what the page shows of it: one frame a step, and the end.

    Each frame holds the sheets of x_t and x0_hat.
    """
    start = time.perf_counter()
    step = None
    for step in walk(checkpoint, settings, start_from):
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
    steps = settings.timesteps(checkpoint)
    C, H, W = checkpoint.image_shape
    height, width = grid(np.zeros((settings.num_images, H, W, C), np.uint8)).shape[:2]
    label = checkpoint.label(settings.label)
    names = checkpoint.config.class_names
    named = "no class" if label is None else names[label] if names else f"class {label}"
    last_seed = settings.seed + settings.num_images - 1
    seeds = f"seed {settings.seed}" + (f" to {last_seed}" if settings.num_images > 1 else "")
    words = [
        checkpoint.name.rsplit("/", 1)[-1],
        named,
        f"{settings.sampler}, {len(steps)} steps",
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


def settings_of(
    checkpoint: Checkpoint, label: str | None, guidance: float, sampler: str, steps: float,
    seed: float | None, images: float, eta: float = 0.0, spacing: str = "trailing",
    t_start: int | None = None,
) -> Walk:  # fmt: skip
    """The page's controls as a walk.

    Raises:
        ValueError: with a sentence for the page, if they do not fit.
    """
    if seed is None or steps is None or guidance is None:
        raise ValueError("Fill in seed, steps and guidance.")
    chosen = None if label in (None, "", NO_CLASS) else label
    if chosen is None and guidance != 1:
        raise ValueError("Guidance needs a class: choose one, or set guidance to 1.")
    settings = Walk(
        num_images=_whole(images, "number of images"), label=chosen, sampler=sampler,
        num_steps=_whole(steps, "number of steps"), eta=eta if sampler == "ddim" else 0.0,
        spacing=spacing, guidance_scale=float(guidance), seed=_whole(seed, "seed"),
        t_start=t_start,
    )  # fmt: skip
    head(checkpoint, settings)  # raises what does not fit this model
    return settings


def _whole(value: float, name: str) -> int:
    if int(value) != value:
        raise ValueError(f"The {name} must be a whole number, got {value}.")
    return int(value)
