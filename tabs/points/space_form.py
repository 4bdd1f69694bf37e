"""The view "Space" of the Points tab: its form, one table of named fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from diffusion_core.clouds import CATEGORY_NAMES, SUFFIXES
from diffusion_core.generation import SamplingRequest
from diffusion_core.inpainting import INPAINTING_SAMPLERS
from diffusion_core.samplers import SAMPLERS
from diffusion_core.seeding import parse_seed

from ..shared.forms import entry, parsed
from ..shared.number_input import in_range, slider
from ..shared.seed_input import seed_input

# What a cloud comes out of, by the values of the control.
NOISE, VIEW, OWN = "noise", "view", "own"
BEGIN = {NOISE: "Noise", VIEW: "A view of a held-out shape", OWN: "A view of your own cloud"}
NO_CATEGORY = "none"
CATEGORIES = (NO_CATEGORY, *CATEGORY_NAMES)
CLOUDS = 4  # side by side
MOST_STEPS, MOST_SHAPES, MOST_GUIDANCE = 100, 50, 6


def _number(low: float, high: float, name: str, label: str, step: float = 1) -> dict[str, Any]:
    """A slider's control, and how it is read."""
    return {
        "control": partial(slider, low, high, step=step, label=label),
        "parse": lambda value: in_range(value, name, label, low, high),
    }


@dataclass(frozen=True, eq=False)
class SpaceForm:
    """What the view's controls hold.

    Attributes:
        begin: What the clouds come out of: a key of `BEGIN`.
        category: One of `CATEGORIES`.
        shape: Which of the category's held-out shapes the camera sees, from 1.
        azimuth: Where the camera stands, in degrees around the vertical; 0 is before the shape.
        elevation: Its height, in degrees.
        cloud: Path of the file of one's own cloud; None without.
        guidance: Scale of classifier-free guidance; 1 is off.
        sampler: Of the registry.
        steps: Of a walk.
        resample: How often each step of a completion is taken.
        seed: Of the first cloud's noise, in digits; the others have the ones after it.
    """

    begin: str = entry(
        NOISE,
        partial(
            gr.Radio,
            [(words, name) for name, words in BEGIN.items()],
            label="Clouds come out of",
        ),
    )
    category: str = entry(
        "chair",
        partial(gr.Dropdown, [(name, name) for name in CATEGORIES], label="Category"),
    )
    shape: float | None = entry(1, **_number(1, MOST_SHAPES, "shape", "Held-out shape"))
    azimuth: float | None = entry(40, **_number(0, 350, "camera", "Camera, degrees around", 10))
    elevation: float | None = entry(20, **_number(-30, 80, "camera", "Camera, degrees high", 10))
    cloud: str | None = entry(
        None,
        partial(
            gr.File,
            label="Your cloud: .ply, .xyz or .npy, y up",
            file_types=list(SUFFIXES),
            type="filepath",
            height=120,
        ),
    )
    guidance: float | None = entry(
        1.0, **_number(1, MOST_GUIDANCE, "guidance", "Guidance of the category", 0.5)
    )
    sampler: str = entry("ddpm", partial(gr.Dropdown, list(SAMPLERS), label="Sampler"))
    steps: float | None = entry(30, **_number(1, MOST_STEPS, "steps", "Steps"))
    resample: float | None = entry(1, **_number(1, 5, "resample", "Takes of each step"))
    seed: str | int | None = entry(0, partial(seed_input, label="Seed"))

    def request(self) -> SamplingRequest:
        """The walk that the controls mean.

        Raises:
            ValueError: with a sentence for the page, if a control holds what it may not.
        """
        if self.begin not in BEGIN:
            raise ValueError("Choose what the clouds come out of: noise, or a view of a shape.")
        if self.category not in CATEGORIES:
            raise ValueError(f"There is no category {self.category!r}; choose one of the menu.")
        if self.sampler not in SAMPLERS:
            raise ValueError(f"There is no sampler {self.sampler!r}; choose one of the menu.")
        completes = self.begin != NOISE
        if completes and self.sampler not in INPAINTING_SAMPLERS:
            raise ValueError(
                f"{self.sampler} carries more from step to step than the points, so that it cannot "
                f"complete a view; choose {' or '.join(INPAINTING_SAMPLERS)}."
            )
        label = None if self.category == NO_CATEGORY else self.category
        return SamplingRequest(
            num_images=CLOUDS,
            label=label,
            sampler=self.sampler,
            num_steps=round(parsed(self, "steps")),
            eta=1.0 if completes and self.sampler == "ddim" else 0.0,
            guidance_scale=1.0 if label is None else float(parsed(self, "guidance")),
            seed=parse_seed(self.seed),
            resample=round(parsed(self, "resample")) if completes else 0,
        )
