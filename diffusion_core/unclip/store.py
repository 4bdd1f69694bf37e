"""Prior and decoder as folders: `config.json`, `model.safetensors` in half precision, a card.

Both name the CLIP whose embeddings they know by the SHA-256 of its weights: embeddings of another
one mean nothing to them, and look alike. The prior becomes a `Checkpoint` of embeddings that is
asked in words; the decoder becomes one of pictures where it is bound to embeddings.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..checkpoint import (
    CONFIG,
    Checkpoint,
    GuidingClip,
    load_network,
    read_folder,
    save_network,
    schedule_from,
)
from ..clip import Clip
from ..conditioning import AttributeNames
from ..denoiser import (
    PREDICTION_TYPES,
    ClassifierFreeGuidance,
    ModelDenoiser,
    ScheduledDenoiser,
)
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
from ..schedule import Schedule
from .decoder import DecoderConfig, DecoderNetwork
from .prior import PriorConfig, PriorNetwork

PRIOR_FORMAT = "diffusion-playground-unclip-prior/1"
DECODER_FORMAT = "diffusion-playground-unclip-decoder/1"
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
_PRIOR_FIELDS: dict[str, Kind] = {**_FIELDS, "vocabulary": listed(text(100, least=1), 1, 20_000)}
SettingsT = TypeVar("SettingsT", bound="_Settings")


@dataclass(frozen=True)
class _Settings:
    """Everything but the weights and the network's shape, a `checkpoint.ModelSettings`.

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


@dataclass(frozen=True, kw_only=True)
class PriorSettings(_Settings):
    """The settings of a prior.

    Attributes:
        network: The network's shape.
        vocabulary: The words that its CLIP knows, in the order of their numbers.

    Raises:
        ValueError: if vocabulary and network do not fit, or there is no such schedule.
    """

    network: PriorConfig
    vocabulary: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        super().__post_init__()
        words, count = self.vocabulary, self.network.num_words
        if len(set(words)) != count or len(words) != count:
            raise ValueError(f"its vocabulary must have {count} different words, as its network.")
        if bad := next((w for w in words if words_of(w) != [w]), None):
            raise ValueError(f"its vocabulary holds {printable(bad)!r}, which is not one word.")

    def read_caption(self, caption: str) -> Tensor:
        """A caption as a condition, int64 (1, L).

        Raises:
            ValueError: in one sentence; see `Tokenizer.read`.
        """
        return Tokenizer(self.vocabulary, self.network.length).read(caption)

    def to_json(self) -> str:
        """The settings as JSON."""
        return json.dumps({"format": PRIOR_FORMAT, **dataclasses.asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, data: str | bytes) -> PriorSettings:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else.
        """
        values = _values(data, PRIOR_FORMAT, _PRIOR_FIELDS, "vocabulary")
        values["network"] = PriorConfig.from_dict(values["network"])
        return cls(**{**values, "vocabulary": tuple(values["vocabulary"])})


@dataclass(frozen=True, kw_only=True)
class DecoderSettings(_Settings):
    """The settings of a decoder.

    Attributes:
        network: The network's shape.
    """

    network: DecoderConfig

    def to_json(self) -> str:
        """The settings as JSON."""
        return json.dumps({"format": DECODER_FORMAT, **dataclasses.asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, data: str | bytes) -> DecoderSettings:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else.
        """
        values = _values(data, DECODER_FORMAT, _FIELDS)
        return cls(**{**values, "network": DecoderConfig.from_dict(values["network"])})


@dataclass(frozen=True, eq=False)
class Decoder:
    """A decoder from its folder, with its CLIP.

    Attributes:
        network: The network, in evaluation mode.
        clip: The CLIP whose embeddings it knows.
        schedule: The schedule that it was trained with.
        config: Its settings.
        name: Its folder's name.
        weights_hash: SHA-256 of its weights file, hex.
    """

    network: DecoderNetwork
    clip: Clip
    schedule: Schedule
    config: DecoderSettings
    name: str
    weights_hash: str

    @property
    def device(self) -> torch.device:
        """The device that it is on."""
        return self.network.nothing.device

    def to(self, device: torch.device) -> Decoder:
        """Move decoder and CLIP to a device, in place; gives the decoder itself."""
        self.network.to(device)
        self.clip.to(device)
        return self

    def bound(self, z: Tensor) -> Checkpoint:
        """A model of pictures, whose condition y (B,) is the number of an embedding of (N, D)."""
        network = self.network.bound(z).eval()
        return Checkpoint(network, self.schedule, self.config, self.name, self.weights_hash)

    def denoiser(
        self, z: Tensor | None, guidance_scale: float = 1.0, there: Tensor | None = None
    ) -> ScheduledDenoiser:
        """The denoiser of pictures that have these embeddings, one each, (B, D); None is none.

        Args:
            z: Embeddings of length 1.
            guidance_scale: How far the estimate is pushed towards them; 1.0 is off.
            there: Which of them count, bool (B,): the other pictures have none. None is all.

        Raises:
            ValueError: if the scale is out of its bounds, or there is nothing to be guided by.
        """
        if z is None:
            none = torch.zeros(1, self.network.config.features)
            return self.bound(none).denoiser(None, guidance_scale)
        numbers, model = torch.arange(len(z)), self.bound(z)
        denoiser = model.denoiser(numbers, guidance_scale)
        if there is None:
            return denoiser
        y = torch.where(there.cpu(), numbers, len(z))
        some = ModelDenoiser(model.network, self.schedule, self.config.prediction_type, y)
        return some if guidance_scale == 1.0 else ClassifierFreeGuidance(some, guidance_scale)


def save_prior(
    folder: str | Path, prior: PriorNetwork, settings: PriorSettings, card: str | None = None
) -> None:
    """Write a prior; each file beside its name, then renamed into place.

    Args:
        folder: Made if it is not there.
        prior: Its weights are stored in half precision, without the CLIP's.
        settings: Its settings.
        card: Text of the README.md; None writes a short one, or keeps one that is there.

    Raises:
        ValueError: if the prior is not what the settings describe, or overflows half precision.
    """
    save_network(folder, prior, settings.network, settings, card)


def save_decoder(
    folder: str | Path, decoder: DecoderNetwork, settings: DecoderSettings, card: str | None = None
) -> None:
    """Write a decoder; see `save_prior`."""
    save_network(folder, decoder, settings.network, settings, card)


def load_prior(folder: str | Path, by: GuidingClip) -> Checkpoint:
    """A prior from its folder, as a model of embeddings; in evaluation mode, on the CPU.

    Args:
        folder: The folder.
        by: The CLIP that it was trained with, as `load_clip` gave it.

    Raises:
        ValueError: if it is not there, is broken, or something else, or belongs to another CLIP, in
            one sentence.
    """
    _check_there(folder, "prior")
    return load_network(
        folder,
        PriorSettings.from_json,
        lambda settings: PriorNetwork(settings.network, settings.check_clip(by)),
    )


def load_decoder(folder: str | Path, by: GuidingClip) -> Decoder:
    """A decoder from its folder; see `load_prior`."""
    _check_there(folder, "decoder")

    def build(settings: DecoderSettings) -> DecoderNetwork:
        settings.check_clip(by)
        return DecoderNetwork(settings.network)

    network, settings, digest = read_folder(folder, DecoderSettings.from_json, build)
    clip, schedule = settings.check_clip(by), schedule_from(settings.schedule)
    return Decoder(network, clip, schedule, settings, printable(Path(folder).name), digest)


def _check_there(folder: str | Path, kind: str) -> None:
    if not (Path(folder) / CONFIG).is_file():
        raise ValueError(
            f"{printable(Path(folder).name)} holds no {kind}; train one with `python -m "
            "pretrained.recipes.unclip`."
        )


def _values(data: str | bytes, form: str, kinds: dict[str, Kind], *needed: str) -> dict[str, Any]:
    values = parse_json(data, f"its {CONFIG}")
    if not isinstance(values, dict) or values.pop("format", None) != form:
        raise ValueError(f"its {CONFIG} is not of the form {form}.")
    check_fields(values, kinds, required=("network", "schedule", "clip", *needed))
    return {**values, "notes": tuple(values.get("notes", ()))}
