"""What the view "DALL·E 2" draws, as settings, and as a file by which it is drawn again.

A card holds the settings, the pictures that were drawn from, the weights of all three networks, and
a digest of what came out; nothing of it is ever run.
"""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass, field

import numpy as np

from diffusion_core.data import fit_picture, read_picture, to_pil
from diffusion_core.fields import (
    Kind,
    check_fields,
    listed,
    mapping,
    number,
    one_of,
    parse_json,
    text,
    whole,
)
from diffusion_core.samplers import SAMPLERS
from diffusion_core.seeding import MAX_SEED

from .unclip_form import DIFFERENCE, INTERPOLATION, MOST_SCALE, MOST_STEPS, TASKS, WORDS

FORMAT = "diffusion-playground/unclip-1"
MOST_BYTES = 2**20
MOST_CAPTION = 2000  # characters
NETWORKS = ("clip", "prior", "decoder")
_CAPTION, _SCALE = text(MOST_CAPTION, lines=True), number(1, MOST_SCALE)
_HASH = text(64, least=64)
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
CARD: dict[str, Kind] = {
    "format": one_of((FORMAT,)),
    "weights": mapping(dict.fromkeys(NETWORKS, _HASH)),
    "drawing": mapping(),
    "pictures": listed(text(MOST_BYTES, lines=True), 0, 2),
    "versions": mapping(),
    "result": _HASH,
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


@dataclass(frozen=True, eq=False)
class UnclipCard:
    """A drawing that was made, with what it was made by.

    Attributes:
        drawing: The settings.
        weights: SHA-256 of the weights of CLIP, prior and decoder, hex.
        versions: What the last bits of the result depend on, beside the weights.
        result: SHA-256 of the pictures, float32 (K, C, H, W), hex.
    """

    drawing: Drawing
    weights: dict[str, str]
    versions: dict[str, str] = field(default_factory=dict)
    result: str = ""

    def to_json(self) -> str:
        """The card as JSON."""
        values = {
            "format": FORMAT,
            "weights": self.weights,
            "drawing": self.drawing.settings,
            "pictures": [_encode(each) for each in self.drawing.pictures],
            "versions": self.versions,
            "result": self.result,
        }
        return json.dumps(values, indent=2)

    @classmethod
    def from_json(cls, data: str | bytes) -> UnclipCard:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else, in a sentence.
        """
        try:
            values = parse_json(data, "it", MOST_BYTES)
            if not isinstance(values, dict) or values.get("format") != FORMAT:
                raise ValueError(f"it is not a JSON file of the form {FORMAT}.")
            check_fields(values, CARD, required=tuple(CARD), of="it")
            check_fields(values["drawing"], DRAWING, required=tuple(DRAWING), of="its drawing")
            for name in NETWORKS:
                if name not in values["weights"]:
                    raise ValueError(f"its weights name no {name}.")
            pictures = tuple(_decode(each) for each in values["pictures"])
            return cls(
                Drawing(**values["drawing"], pictures=pictures),
                values["weights"],
                {name: str(value) for name, value in values["versions"].items()},
                values["result"],
            )
        except ValueError as error:
            words = str(error)
            raise ValueError(
                f"This is not a run card of this view: {words[:1].lower()}{words[1:]}"
            ) from None

    @property
    def threads(self) -> int:
        """The threads that it was drawn on, as far as it tells."""
        count = self.versions.get("threads", "1")
        return int(count) if count.isdecimal() and 0 < int(count) < 1000 else 1

    def compared(self, again: UnclipCard) -> str:
        """Whether the same came out, in a sentence; if not, what differs."""
        if again.result == self.result:
            return "The replay's result is the same, to the bit."
        other = [
            f"{name} {again.versions.get(name, 'none')} here, {then} then"
            for name, then in self.versions.items()
            if again.versions.get(name) != then
        ]
        why = "; ".join(other) if other else "and nothing that the card knows of does"
        return f"The replay's result differs from the card's: {why}."


def fitted(picture: np.ndarray, size: int) -> np.ndarray:
    """Any picture (H, W, C) as a network takes it: square, in colour, uint8 (size, size, 3)."""
    return np.array(to_pil(fit_picture(picture, size)).convert("RGB"))


def _encode(picture: np.ndarray) -> str:
    buffer = io.BytesIO()
    to_pil(picture).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _decode(text: str) -> np.ndarray:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("its pictures must be PNG in base64.") from None
    return read_picture(data)
