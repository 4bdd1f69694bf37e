"""A drawing of one of the views as a file by which it is drawn again.

A card holds the settings of a drawing, the pictures that it was drawn from, the weights of all
networks, and a digest of what came out; nothing of it is ever run.
"""

from __future__ import annotations

import hashlib
import json
import platform
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from diffusion_core.fields import Kind, check_fields, listed, mapping, one_of, parse_json, text

from .pictures import as_png, of_png

MOST_BYTES = 2**20
_HASH = text(64, least=64)


class Drawn(Protocol):
    """The settings of a drawing."""

    @property
    def settings(self) -> dict[str, object]:
        """All but the pictures, as plain values."""

    @property
    def pictures(self) -> tuple[np.ndarray, ...]:
        """What it is drawn from, uint8 (H, W, C) each."""


DrawnT = TypeVar("DrawnT", bound=Drawn)


@dataclass(frozen=True, eq=False)
class DrawingCard(Generic[DrawnT]):
    """A drawing that was made, with what it was made by.

    Attributes:
        drawing: The settings.
        weights: SHA-256 of the weights of each of its networks, hex.
        versions: What the last bits of the result depend on, beside the weights.
        result: SHA-256 of the pictures' floats, hex; see `digest`.
    """

    FORMAT: ClassVar[str]
    NETWORKS: ClassVar[tuple[str, ...]]
    SETTINGS: ClassVar[Mapping[str, Kind]]

    drawing: DrawnT
    weights: dict[str, str]
    versions: dict[str, str] = field(default_factory=dict)
    result: str = ""

    @staticmethod
    @abstractmethod
    def drawn(settings: dict[str, Any], pictures: tuple[np.ndarray, ...]) -> DrawnT:
        """The drawing of settings that were checked.

        Raises:
            ValueError: if they do not fit together.
        """

    def to_json(self) -> str:
        """The card as JSON."""
        values = {
            "format": self.FORMAT,
            "weights": self.weights,
            "drawing": self.drawing.settings,
            "pictures": [as_png(each) for each in self.drawing.pictures],
            "versions": self.versions,
            "result": self.result,
        }
        return json.dumps(values, indent=2)

    @classmethod
    def from_json(cls, data: str | bytes) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else, in a sentence.
        """
        kinds: dict[str, Kind] = {
            "format": one_of((cls.FORMAT,)),
            "weights": mapping(dict.fromkeys(cls.NETWORKS, _HASH)),
            "drawing": mapping(),
            "pictures": listed(text(MOST_BYTES, lines=True), 0, 2),
            "versions": mapping(),
            "result": _HASH,
        }
        try:
            values = parse_json(data, "it", MOST_BYTES)
            if not isinstance(values, dict) or values.get("format") != cls.FORMAT:
                raise ValueError(f"it is not a JSON file of the form {cls.FORMAT}.")
            check_fields(values, kinds, required=tuple(kinds), of="it")
            needed = tuple(cls.SETTINGS)
            check_fields(values["drawing"], cls.SETTINGS, required=needed, of="its drawing")
            for name in cls.NETWORKS:
                if name not in values["weights"]:
                    raise ValueError(f"its weights name no {name}.")
            return cls(
                cls.drawn(values["drawing"], tuple(of_png(each) for each in values["pictures"])),
                values["weights"],
                {name: str(value) for name, value in values["versions"].items()},
                values["result"],
            )
        except ValueError as error:
            words = str(error)
            raise ValueError(
                f"This is not a run card of this view: {words[:1].lower()}{words[1:]}"
            ) from None

    def check_weights(self, weights: Mapping[str, str]) -> None:
        """Refuse a card of other networks.

        Args:
            weights: Those that are here, as the attribute.

        Raises:
            ValueError: with a sentence for the page.
        """
        for name, own in weights.items():
            if self.weights[name] != own:
                network = f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
                raise ValueError(
                    f"The run card was made with {network} of other weights than the one here; "
                    "open a card of this view."
                )

    @property
    def threads(self) -> int:
        """The threads that it was drawn on, as far as it tells."""
        count = self.versions.get("threads", "1")
        return int(count) if count.isdecimal() and 0 < int(count) < 1000 else 1

    def compared(self, again: DrawingCard[DrawnT]) -> str:
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


def versions(device: torch.device) -> dict[str, str]:
    """What the last bits of a result depend on here, beside weights and settings."""
    return {
        "torch": torch.__version__,
        "device": device.type,
        "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "threads": str(torch.get_num_threads()),
    }


def digest(*pictures: Tensor) -> str:
    """SHA-256 of pictures as float32, one batch after the other, hex."""
    found = hashlib.sha256()
    for x in pictures:
        found.update(x.detach().float().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
