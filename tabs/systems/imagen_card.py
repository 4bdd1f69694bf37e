"""What the view "Imagen" draws, as settings, and as a file by which it is drawn again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from diffusion_core.denoiser import THRESHOLDS
from diffusion_core.fields import Kind, check_fields, number, one_of, text, whole
from diffusion_core.samplers import SAMPLERS
from diffusion_core.seeding import MAX_SEED

from .captions import MOST_CAPTION
from .drawing_card import DrawingCard
from .imagen_form import CLIPPING, LEVELS, MOST_SCALE, MOST_STEPS, PICTURE, TASKS

_SCALE = number(1, MOST_SCALE)
DRAWING: dict[str, Kind] = {
    "task": one_of(TASKS),
    "caption": text(MOST_CAPTION, lines=True),
    "scale": _SCALE,
    "large_scale": _SCALE,
    "augmentation": number(0, 1),
    "threshold": one_of(THRESHOLDS),
    "sampler": one_of(SAMPLERS),
    "steps": whole(1, MOST_STEPS),
    "seed": whole(0, MAX_SEED),
}


@dataclass(frozen=True, eq=False)
class Drawing:
    """The settings that, with the weights, determine what is drawn.

    Attributes:
        task: A key of `TASKS`.
        caption: What is drawn; "" is anything.
        scale: Scale of the first walk's guidance; 1 is off.
        large_scale: Scale of the second walk's guidance.
        augmentation: Level of the noise in the small picture.
        threshold: Of both walks.
        sampler: Of both walks.
        steps: Of each walk.
        seed: Of all noise.
        pictures: What is shrunk, uint8 (H, W, C); without one the first walk draws it.
    """

    task: str
    caption: str = ""
    scale: float = 1.0
    large_scale: float = 1.0
    augmentation: float = 0.1
    threshold: str = THRESHOLDS[0]
    sampler: str = "dpmpp_2m"
    steps: int = 10
    seed: int = 0
    pictures: tuple[np.ndarray, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn, in one sentence."""
        check_fields(self.settings, DRAWING, required=tuple(DRAWING), of="its drawing")
        least, most = int(self.task == PICTURE), int(self.task in (PICTURE, LEVELS))
        if not least <= len(self.pictures) <= most:
            raise ValueError(
                f"This drawing needs {most or 'no'} picture, got {len(self.pictures)}."
            )
        if self.task == CLIPPING and not self.caption.strip():
            raise ValueError("Guidance leads to a caption; write one to compare thresholds.")

    @property
    def settings(self) -> dict[str, object]:
        """All but the picture, as plain values."""
        return {name: getattr(self, name) for name in DRAWING}


class ImagenCard(DrawingCard[Drawing]):
    """A drawing that was made, with the weights of all three networks; see `DrawingCard`."""

    FORMAT = "diffusion-playground/imagen-1"
    NETWORKS = ("clip", "base", "enlarger")
    SETTINGS = DRAWING

    @staticmethod
    def drawn(settings: dict[str, Any], pictures: tuple[np.ndarray, ...]) -> Drawing:
        """The drawing of settings that were checked."""
        return Drawing(**settings, pictures=pictures)
