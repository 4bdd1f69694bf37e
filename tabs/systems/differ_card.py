"""What the view "How the systems differ" draws, as settings, and as a file by which it is again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffusion_core.fields import Kind, check_fields, number, text, whole
from diffusion_core.glide import Tokenizer
from diffusion_core.seeding import MAX_SEED

from .captions import MOST_CAPTION
from .differ_form import MOST_CLASSIFIER_SCALE, MOST_SCALE, MOST_STEPS
from .drawing_card import DrawingCard

COMPARISON: dict[str, Kind] = {
    "caption": text(MOST_CAPTION, lines=True),
    "scale": number(1, MOST_SCALE),
    "classifier_scale": number(0, MOST_CLASSIFIER_SCALE),
    "steps": whole(1, MOST_STEPS),
    "seed": whole(0, MAX_SEED),
}


@dataclass(frozen=True, eq=False)
class Comparison:
    """The settings that, with the weights of all systems, determine their pictures.

    Attributes:
        caption: What all of them draw.
        scale: Of classifier-free guidance; 1 is off.
        classifier_scale: Of the classifier's guidance; 0 is off.
        steps: Of every walk to a picture.
        seed: Of all noise.
    """

    caption: str
    scale: float = 2.0
    classifier_scale: float = 8.0
    steps: int = 10
    seed: int = 0

    pictures: ClassVar[tuple[np.ndarray, ...]] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn, in one sentence."""
        check_fields(self.settings, COMPARISON, required=tuple(COMPARISON), of="its drawing")
        Tokenizer().read(self.caption)

    @property
    def settings(self) -> dict[str, object]:
        """All of them, as plain values."""
        return {name: getattr(self, name) for name in COMPARISON}


class DifferCard(DrawingCard[Comparison]):
    """A comparison that was made, with the weights of all networks; see `DrawingCard`.

    A network that was not there has `MISSING` in their place.
    """

    FORMAT = "diffusion-playground/differ-1"
    NETWORKS = ("avatars", "clip", "glide", "prior", "decoder", "base", "enlarger")
    SETTINGS = COMPARISON
    MISSING: ClassVar[str] = "0" * 64

    @staticmethod
    def drawn(settings: dict[str, Any], pictures: tuple[np.ndarray, ...]) -> Comparison:
        """The comparison of settings that were checked."""
        return Comparison(**settings)
