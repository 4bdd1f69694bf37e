"""What the view "GLIDE: inpainting" fills, as settings, and as a file by which it is done again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from diffusion_core.fields import Kind, check_fields, number, text, whole
from diffusion_core.seeding import MAX_SEED

from .captions import MOST_CAPTION
from .drawing_card import DrawingCard
from .filling_form import MOST_REPEATS, MOST_SCALE, MOST_STEPS

FILLING: dict[str, Kind] = {
    "caption": text(MOST_CAPTION, lines=True),
    "scale": number(1, MOST_SCALE),
    "steps": whole(1, MOST_STEPS),
    "repeats": whole(1, MOST_REPEATS),
    "seed": whole(0, MAX_SEED),
}


@dataclass(frozen=True, eq=False)
class Filling:
    """The settings that, with the weights, determine what fills a hole.

    Attributes:
        caption: What the whole picture shall show; "" is nothing.
        scale: Scale of guidance; 1 is off.
        steps: Steps of ddim with eta 1.
        repeats: How often RePaint takes each of them.
        seed: Of all noise.
        pictures: The picture and, white where it is kept and black where it is filled, its mask,
            uint8 (H, W, 3) each.
    """

    caption: str
    scale: float
    steps: int
    repeats: int
    seed: int
    pictures: tuple[np.ndarray, ...]

    def __post_init__(self) -> None:
        """Refuse what cannot be filled, in one sentence."""
        check_fields(self.settings, FILLING, required=tuple(FILLING), of="its drawing")
        if len(self.pictures) != 2 or self.pictures[0].shape != self.pictures[1].shape:
            raise ValueError("It needs a picture, and a mask of the same size.")

    @property
    def settings(self) -> dict[str, object]:
        """All but the pictures, as plain values."""
        return {name: getattr(self, name) for name in FILLING}


class FillingCard(DrawingCard[Filling]):
    """A hole that was filled, with the weights of both networks; see `DrawingCard`."""

    FORMAT = "diffusion-playground/filling-1"
    NETWORKS = ("inpainter", "model")
    SETTINGS = FILLING

    @staticmethod
    def drawn(settings: dict[str, Any], pictures: tuple[np.ndarray, ...]) -> Filling:
        """The filling of settings that were checked."""
        return Filling(**settings, pictures=pictures)
