"""Base model and model of super-resolution as folders, and a cascade as the folder of both.

Each is `config.json`, `model.safetensors` in half precision and a card, and names the CLIP that
reads its captions by the SHA-256 of its weights. The base becomes a `Checkpoint` that is asked in
words; the other one becomes such a model where it is bound to small pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

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
from ..clip import InWordsSettings
from ..fields import Kind, number, printable
from ..schedule import Schedule
from .base import BaseConfig, BaseNetwork
from .enlarger import Enlarger, EnlargerConfig

BASE_FOLDER, ENLARGER_FOLDER = "base", "enlarger"


@dataclass(frozen=True, kw_only=True)
class BaseSettings(InWordsSettings):
    """The settings of a base model.

    Attributes:
        network: The network's shape.
    """

    FORMAT: ClassVar[str] = "diffusion-playground-imagen-base/1"

    network: BaseConfig

    @staticmethod
    def read_shape(values: dict[str, Any]) -> BaseConfig:
        """The network's shape; see `BaseConfig.from_dict`."""
        return BaseConfig.from_dict(values)


@dataclass(frozen=True, kw_only=True)
class EnlargerSettings(InWordsSettings):
    """The settings of a model of super-resolution.

    Attributes:
        network: The network's shape.
        augmentation: Recommended level of the noise in the small picture.

    Raises:
        ValueError: as `InWordsSettings`, or if the level is not from 0 to 1.
    """

    FORMAT: ClassVar[str] = "diffusion-playground-imagen-enlarger/1"
    KINDS: ClassVar[dict[str, Kind]] = {**InWordsSettings.KINDS, "augmentation": number(0, 1)}

    network: EnlargerConfig
    augmentation: float = 0.1

    @staticmethod
    def read_shape(values: dict[str, Any]) -> EnlargerConfig:
        """The network's shape; see `EnlargerConfig.from_dict`."""
        return EnlargerConfig.from_dict(values)


@dataclass(frozen=True, eq=False)
class EnlargerModel:
    """A model of super-resolution from its folder, with its CLIP.

    Attributes:
        network: The network, in evaluation mode.
        schedule: The schedule that it was trained with.
        config: Its settings.
        name: Its folder's name.
        weights_hash: SHA-256 of its weights file, hex.
    """

    network: Enlarger
    schedule: Schedule
    config: EnlargerSettings
    name: str
    weights_hash: str

    @property
    def device(self) -> torch.device:
        """The device that it is on."""
        return self.network.caption.nothing.device

    def to(self, device: torch.device) -> EnlargerModel:
        """Move it and its CLIP to a device, in place; gives the model itself."""
        self.network.to(device)
        return self

    def bound(self, z: Tensor, level: float) -> Checkpoint:
        """A model of the large pictures of small ones (N, C, h, w) that have noise of `level`.

        Its walks have N pictures, or a multiple of it; see `BoundEnlarger`.

        Raises:
            ValueError: if pictures or level do not fit.
        """
        network = self.network.bound(z, level).eval()
        return Checkpoint(network, self.schedule, self.config, self.name, self.weights_hash)


def save_base(
    folder: str | Path, network: BaseNetwork, settings: BaseSettings, card: str | None = None
) -> None:
    """Write a base model; each file beside its name, then renamed into place.

    Args:
        folder: Made if it is not there.
        network: Its weights are stored in half precision, without the CLIP's.
        settings: Its settings.
        card: Text of the README.md; None writes a short one, or keeps one that is there.

    Raises:
        ValueError: if the network is not what the settings describe, or overflows half precision.
    """
    save_network(folder, network, settings.network, settings, card)


def save_enlarger(
    folder: str | Path, network: Enlarger, settings: EnlargerSettings, card: str | None = None
) -> None:
    """Write a model of super-resolution; see `save_base`."""
    save_network(folder, network, settings.network, settings, card)


def load_base(folder: str | Path, by: GuidingClip) -> Checkpoint:
    """A base model from its folder; in evaluation mode, on the CPU.

    Args:
        folder: The folder.
        by: The CLIP that it was trained with, as `load_clip` gave it.

    Raises:
        ValueError: if it is not there, is broken, or something else, or belongs to another CLIP, in
            one sentence.
    """
    _check_there(folder, "base model", "base")

    def build(settings: BaseSettings) -> BaseNetwork:
        return BaseNetwork(settings.network, settings.check_clip(by))

    return load_network(folder, BaseSettings.from_json, build)


def load_enlarger(folder: str | Path, by: GuidingClip) -> EnlargerModel:
    """A model of super-resolution from its folder; see `load_base`."""
    _check_there(folder, "model of super-resolution", "enlarge")

    def build(settings: EnlargerSettings) -> Enlarger:
        return Enlarger(settings.network, settings.check_clip(by))

    network, settings, digest = read_folder(folder, EnlargerSettings.from_json, build)
    schedule = schedule_from(settings.schedule)
    return EnlargerModel(network, schedule, settings, printable(Path(folder).name), digest)


def _check_there(folder: str | Path, kind: str, command: str) -> None:
    if not (Path(folder) / CONFIG).is_file():
        raise ValueError(
            f"{printable(Path(folder).name)} holds no {kind}; train one with `python -m "
            f"pretrained.recipes.imagen {command}`."
        )
