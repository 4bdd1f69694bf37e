"""A network that is asked in words as a folder: `config.json`, `model.safetensors`, a card.

It becomes a `Checkpoint` as every model of pictures does, so that walks, guidance and run cards are
those of classes; the folder's form tells it apart. The weights are kept in half precision.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from safetensors import safe_open
from torch import Tensor

from ..checkpoint import (
    CONFIG,
    WEIGHTS,
    Checkpoint,
    in_a_sentence,
    load_checkpoint,
    load_network,
    parameters_in,
    read_folder,
    save_network,
    schedule_from,
)
from ..conditioning import AttributeNames
from ..denoiser import PREDICTION_TYPES
from ..fields import (
    MAX_BYTES,
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
from ..schedule import Schedule
from .captions import Tokenizer, words_of
from .inpainting import Inpainter, InpainterShape
from .network import GlideNetwork, GlideNetworkConfig

FIELDS: dict[str, Kind] = {
    "network": mapping(),
    "schedule": mapping(),
    "vocabulary": listed(text(100, least=1), 1, 20_000),
    "prediction_type": one_of(PREDICTION_TYPES),
    "dataset": text(10_000, lines=True),
    "training": mapping(),
    "sampling": mapping(),
    "clip_x0": number(0, 1000),
    "notes": listed(text(10_000, lines=True), 0, 100),
}
SettingsT = TypeVar("SettingsT", bound="GlideConfig")


@dataclass(frozen=True)
class GlideConfig:
    """Everything but the weights, a `checkpoint.ModelSettings`.

    Attributes:
        network: The network's shape.
        schedule: Arguments of `make_schedule`.
        vocabulary: The words that it knows, in the order of their numbers.
        prediction_type: What the network's output means.
        dataset: What it was trained on, in words.
        training: How it was trained: settings, steps and command.
        sampling: Recommended settings, by their names in `SamplingRequest`.
        clip_x0: Predicted images are clipped to [-clip_x0, clip_x0]; 0 is not clipped.
        notes: Sentences about it that a user should read.

    Raises:
        ValueError: if vocabulary and network do not fit, or there is no such schedule.
    """

    FORMAT: ClassVar[str] = "diffusion-playground-glide/1"
    SHAPE: ClassVar[type[GlideNetworkConfig]] = GlideNetworkConfig

    network: GlideNetworkConfig
    schedule: dict[str, Any]
    vocabulary: tuple[str, ...]
    prediction_type: str = "sample"
    dataset: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    sampling: dict[str, Any] = field(default_factory=dict)
    clip_x0: float = 1.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        words, count = self.vocabulary, self.network.text.num_words
        if len(words) != count:
            raise ValueError(
                f"its vocabulary has {len(words)} words, and must have {count}, as its network."
            )
        if bad := next((w for w in words if words_of(w) != [w]), None):
            raise ValueError(f"its vocabulary holds {printable(bad)!r}, which is not one word.")
        if len(set(words)) != len(words):
            raise ValueError("its vocabulary holds a word twice.")
        schedule_from(self.schedule)

    @property
    def tokenizer(self) -> Tokenizer:
        """What turns captions into this network's numbers."""
        return Tokenizer(self.vocabulary, self.network.text.length)

    def read_caption(self, caption: str) -> Tensor:
        """A caption as a condition, int64 (1, L).

        Raises:
            ValueError: in one sentence; see `Tokenizer.read`.
        """
        return self.tokenizer.read(caption)

    @property
    def class_names(self) -> tuple[str, ...]:
        """It has no classes; it is asked in words."""
        return ()

    @property
    def attribute_names(self) -> AttributeNames:
        """It has no attributes."""
        return ()

    @property
    def attribute_classes(self) -> AttributeNames:
        """It has no attributes."""
        return ()

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
        check_fields(values, FIELDS, required=("network", "schedule", "vocabulary"))
        values["network"] = cls.SHAPE.from_dict(values["network"])
        for name in ("vocabulary", "notes"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)


@dataclass(frozen=True)
class InpainterConfig(GlideConfig):
    """The settings of a network that fills holes by words: a form and a shape of its own."""

    FORMAT: ClassVar[str] = "diffusion-playground-glide-inpainting/1"
    SHAPE: ClassVar[type[GlideNetworkConfig]] = InpainterShape


@dataclass(frozen=True, eq=False)
class InpainterModel:
    """A network that fills holes by words, from its folder.

    Attributes:
        network: The network, in evaluation mode.
        schedule: The schedule that it was trained with.
        config: Its settings.
        name: Its folder's name.
        weights_hash: SHA-256 of its weights file, hex.
    """

    network: Inpainter
    schedule: Schedule
    config: InpainterConfig
    name: str
    weights_hash: str

    def to(self, device: torch.device) -> InpainterModel:
        """Move it to a device, in place; gives the model itself."""
        self.network.to(device)
        return self

    def bound(self, known: Tensor, mask: Tensor) -> Checkpoint:
        """A model of what fills holes of pictures: its walks are those of `inpaint`.

        Args:
            known: The pictures, (N, C, H, W) in [-1, 1].
            mask: 1 where they are kept, 0 where they are filled in, (N, 1, H, W).

        Raises:
            ValueError: if one is of another shape.
        """
        network = self.network.bound(known, mask).eval()
        return Checkpoint(network, self.schedule, self.config, self.name, self.weights_hash)


def save_glide(
    folder: str | Path, network: GlideNetwork, config: GlideConfig, card: str | None = None
) -> None:
    """Write a network that is asked in words; each file beside its name, then renamed into place.

    Args:
        folder: Made if it is not there.
        network: Its weights are stored in half precision.
        config: Its settings.
        card: Text of the README.md; None writes a short one, or keeps one that is there.

    Raises:
        ValueError: if the network is not what config describes, or overflows half precision.
    """
    save_network(folder, network, config.network, config, card)


def save_inpainter(
    folder: str | Path, network: Inpainter, config: InpainterConfig, card: str | None = None
) -> None:
    """Write a network that fills holes by words; see `save_glide`."""
    save_network(folder, network, config.network, config, card)


def is_glide(folder: str | Path) -> bool:
    """Whether a folder holds a network that is asked in words."""
    try:
        with open(Path(folder) / CONFIG, "rb") as opened:
            values = parse_json(opened.read(MAX_BYTES + 1), f"its {CONFIG}")
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and values.get("format") == GlideConfig.FORMAT


def read_glide_settings(folder: str | Path) -> GlideConfig:
    """The settings of a network that is asked in words; its weights are not read.

    Raises:
        ValueError: if they are not there, are broken, or something else, in one sentence.
    """
    with in_a_sentence(printable(Path(folder).name)), open(Path(folder) / CONFIG, "rb") as opened:
        return GlideConfig.from_json(opened.read(MAX_BYTES + 1))


def reads_words(folder: str | Path) -> bool:
    """Whether its attention to words adds anything, as `GlideNetwork.attends`.

    Read are the few weights that tell, and no others.

    Raises:
        ValueError: if the weights are not there or broken, in one sentence.
    """
    file = Path(folder) / WEIGHTS
    with in_a_sentence(printable(Path(folder).name)):
        last = [n for n in parameters_in(file) if n.startswith("cross.") and ".to_out." in n]
        with safe_open(str(file), framework="pt") as opened:
            return any(bool(opened.get_tensor(name).any()) for name in last)


def load_glide(folder: str | Path) -> Checkpoint:
    """Read a network that is asked in words from its folder; in evaluation mode, on the CPU.

    Raises:
        ValueError: if it is not there, is broken, or something else, in one sentence.
    """
    return load_network(
        folder, GlideConfig.from_json, lambda config: GlideNetwork(config.network), str(folder)
    )


def load_inpainter(folder: str | Path) -> InpainterModel:
    """Read a network that fills holes by words from its folder; see `load_glide`."""

    def build(config: InpainterConfig) -> Inpainter:
        assert isinstance(config.network, InpainterShape)
        return Inpainter(config.network)

    network, config, digest = read_folder(folder, InpainterConfig.from_json, build)
    name, schedule = printable(Path(folder).name), schedule_from(config.schedule)
    return InpainterModel(network, schedule, config, name, digest)


def load_model(folder_or_hub_id: str | Path) -> Checkpoint:
    """A model of pictures of either kind: asked in words, or by classes; see `load_checkpoint`.

    Raises:
        ValueError: as the two that it calls.
    """
    return (load_glide if is_glide(folder_or_hub_id) else load_checkpoint)(folder_or_hub_id)
