"""What the view "DALL·E 2" draws, as settings, and as a file by which it is drawn again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from diffusion_core.fields import Kind, check_fields, number, one_of, text, whole
from diffusion_core.samplers import SAMPLERS
from diffusion_core.seeding import MAX_SEED

from .captions import MOST_CAPTION
from .drawing_card import DrawingCard
from .unclip_form import DIFFERENCE, INTERPOLATION, MOST_SCALE, MOST_STEPS, TASKS, WORDS

_CAPTION, _SCALE = text(MOST_CAPTION, lines=True), number(1, MOST_SCALE)
DRAWING: dict[str, Kind] = {
    "task": one_of(TASKS),
    "caption": _CAPTION,
    "before": _CAPTION,
    "after": _CAPTION,
    "prior_scale": _SCALE,
    "scale": _SCALE,
    "sampler": one_of(SAMPLERS),
    "steps": whole(1, MOST_STEPS),
    "eta": number(0, 1),
    "seed": whole(0, MAX_SEED),
}


@dataclass(frozen=True, eq=False)
class Drawing:
    """The settings that, with the weights, determine what is drawn.

    Attributes:
        task: A key of `TASKS`.
        caption: Of `WORDS`.
        before: Of `DIFFERENCE`, what is there.
        after: What shall be there.
        prior_scale: Scale of the prior's guidance; 1 is off.
        scale: Scale of the decoder's guidance; 1 is off.
        sampler: Of the decoder's walk.
        steps: Of that walk, and of the way to a picture's noise.
        eta: DDIM's stochasticity.
        seed: Of all noise.
        pictures: What is drawn from, uint8 (H, W, C) each.
    """

    task: str
    caption: str = ""
    before: str = ""
    after: str = ""
    prior_scale: float = 1.0
    scale: float = 1.0
    sampler: str = "ddim"
    steps: int = 10
    eta: float = 0.0
    seed: int = 0
    pictures: tuple[np.ndarray, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn, in one sentence."""
        check_fields(self.settings, DRAWING, required=tuple(DRAWING), of="its drawing")
        needed = {WORDS: 0, INTERPOLATION: 2}.get(self.task, 1)
        if len(self.pictures) != needed:
            raise ValueError(f"This drawing needs {needed} pictures, got {len(self.pictures)}.")
        for name in {WORDS: ("caption",), DIFFERENCE: ("before", "after")}.get(self.task, ()):
            if not getattr(self, name).strip():
                raise ValueError("A caption is empty; write what the picture shows.")

    @property
    def settings(self) -> dict[str, object]:
        """All but the pictures, as plain values."""
        return {name: getattr(self, name) for name in DRAWING}


class UnclipCard(DrawingCard[Drawing]):
    """A drawing that was made, with the weights of CLIP, prior and decoder; see `DrawingCard`."""

    FORMAT = "diffusion-playground/unclip-1"
    NETWORKS = ("clip", "prior", "decoder")
    SETTINGS = DRAWING

    @staticmethod
    def drawn(settings: dict[str, Any], pictures: tuple[np.ndarray, ...]) -> Drawing:
        """The drawing of settings that were checked."""
        return Drawing(**settings, pictures=pictures)
