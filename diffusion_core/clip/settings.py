"""The settings of models that stand on a CLIP: format, fields and JSON of their folders.

A model that was trained with the embeddings of a CLIP names it by the SHA-256 of its weights: those
of another one mean nothing to it, and look alike. A subclass gives its form a name, and says how
its network's shape is read.
"""

from __future__ import annotations

import dataclasses
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from torch import Tensor

from ..checkpoint import CONFIG, GuidingClip, schedule_from
from ..conditioning import AttributeNames
from ..denoiser import PREDICTION_TYPES
from ..fields import (
    Kind,
    check_fields,
    listed,
    mapping,
    number,
    one_of,
    parse_json,
    printable,
    text,
)
from ..glide import Tokenizer, words_of
from .network import Clip

_FIELDS: dict[str, Kind] = {
    "network": mapping(),
    "schedule": mapping(),
    "clip": text(64, least=64),
    "prediction_type": one_of(PREDICTION_TYPES),
    "dataset": text(10_000, lines=True),
    "training": mapping(),
    "sampling": mapping(),
    "clip_x0": number(0, 1000),
    "notes": listed(text(10_000, lines=True), 0, 100),
}
SettingsT = TypeVar("SettingsT", bound="OnClipSettings")


@dataclass(frozen=True)
class OnClipSettings(ABC):
    """Everything but the weights, a `checkpoint.ModelSettings`; a subclass has a `network` too.

    Attributes:
        schedule: Arguments of `make_schedule`.
        clip: SHA-256 of the weights of the CLIP whose embeddings it knows, hex.
        prediction_type: What the network's output means.
        dataset: What it was trained on, in words.
        training: How it was trained: settings, steps and command.
        sampling: Recommended settings, by their names in `SamplingRequest`.
        clip_x0: Predicted samples are clipped to [-clip_x0, clip_x0]; 0 is not clipped.
        notes: Sentences about it that a user should read.

    Raises:
        ValueError: if there is no such schedule.
    """

    FORMAT: ClassVar[str] = ""
    KINDS: ClassVar[dict[str, Kind]] = _FIELDS
    NEEDED: ClassVar[tuple[str, ...]] = ("network", "schedule", "clip")

    schedule: dict[str, Any]
    clip: str
    prediction_type: str = "sample"
    dataset: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    sampling: dict[str, Any] = field(default_factory=dict)
    clip_x0: float = 0.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        schedule_from(self.schedule)

    @staticmethod
    @abstractmethod
    def read_shape(values: dict[str, Any]) -> Any:
        """The network's shape, from plain values.

        Raises:
            ValueError: if a field is missing or holds something else.
        """

    @property
    def class_names(self) -> tuple[str, ...]:
        """It has no classes."""
        return ()

    @property
    def attribute_names(self) -> AttributeNames:
        """It has no attributes."""
        return ()

    @property
    def attribute_classes(self) -> AttributeNames:
        """It has no attributes."""
        return ()

    def check_clip(self, by: GuidingClip) -> Clip:
        """The network of a CLIP, if it is the one that this was trained with.

        Raises:
            ValueError: if it is another.
        """
        if by.weights_hash != self.clip or not isinstance(by.network, Clip):
            raise ValueError(
                f"it was trained with the CLIP whose weights are {printable(self.clip[:8])}, and "
                f"{by.name} has {by.weights_hash[:8]}; name that CLIP."
            )
        return by.network

    def to_json(self) -> str:
        """The settings as JSON."""
        return json.dumps({"format": self.FORMAT, **dataclasses.asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls: type[SettingsT], data: str | bytes) -> SettingsT:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else.
        """
        values = parse_json(data, f"its {CONFIG}")
        if not isinstance(values, dict) or values.pop("format", None) != cls.FORMAT:
            raise ValueError(f"its {CONFIG} is not of the form {cls.FORMAT}.")
        check_fields(values, cls.KINDS, required=cls.NEEDED)
        values["network"] = cls.read_shape(values["network"])
        tuples = {name: tuple(values.get(name, ())) for name in ("notes", "vocabulary")}
        return cls(**{**values, **{k: v for k, v in tuples.items() if k in cls.KINDS}})


@dataclass(frozen=True, kw_only=True)
class InWordsSettings(OnClipSettings):
    """The settings of a model that is asked in words, which its CLIP reads.

    Attributes:
        network: The network's shape, which says how many words there are, and their most numbers.
        vocabulary: The words that its CLIP knows, in the order of their numbers.

    Raises:
        ValueError: if vocabulary and network do not fit, or there is no such schedule.
    """

    KINDS: ClassVar[dict[str, Kind]] = {
        **_FIELDS,
        "vocabulary": listed(text(100, least=1), 1, 20_000),
    }
    NEEDED: ClassVar[tuple[str, ...]] = (*OnClipSettings.NEEDED, "vocabulary")

    network: Any
    vocabulary: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        super().__post_init__()
        words, count = self.vocabulary, self.network.num_words
        if len(set(words)) != count or len(words) != count:
            raise ValueError(f"its vocabulary must have {count} different words, as its network.")
        if bad := next((w for w in words if words_of(w) != [w]), None):
            raise ValueError(f"its vocabulary holds {printable(bad)!r}, which is not one word.")

    @property
    def tokenizer(self) -> Tokenizer:
        """What turns captions into the CLIP's numbers."""
        return Tokenizer(self.vocabulary, self.network.length)

    def read_caption(self, caption: str) -> Tensor:
        """A caption as a condition, int64 (1, L).

        Raises:
            ValueError: in one sentence; see `Tokenizer.read`.
        """
        return self.tokenizer.read(caption)
