"""Prior and decoder as folders: `config.json`, `model.safetensors` in half precision, a card.

Both name the CLIP whose embeddings they know by the SHA-256 of its weights: embeddings of another
one mean nothing to them, and look alike. The prior becomes a `Checkpoint` of embeddings that is
asked in words; the decoder becomes one of pictures where it is bound to embeddings.
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
from ..clip import Clip, InWordsSettings, OnClipSettings
from ..denoiser import ClassifierFreeGuidance, ModelDenoiser, ScheduledDenoiser
from ..fields import printable
from ..schedule import Schedule
from .decoder import DecoderConfig, DecoderNetwork
from .prior import PriorConfig, PriorNetwork


@dataclass(frozen=True, kw_only=True)
class PriorSettings(InWordsSettings):
    """The settings of a prior.

    Attributes:
        network: The network's shape.
    """

    FORMAT: ClassVar[str] = "diffusion-playground-unclip-prior/1"

    network: PriorConfig

    @staticmethod
    def read_shape(values: dict[str, Any]) -> PriorConfig:
        """The network's shape; see `PriorConfig.from_dict`."""
        return PriorConfig.from_dict(values)


@dataclass(frozen=True, kw_only=True)
class DecoderSettings(OnClipSettings):
    """The settings of a decoder.

    Attributes:
        network: The network's shape.
    """

    FORMAT: ClassVar[str] = "diffusion-playground-unclip-decoder/1"

    network: DecoderConfig

    @staticmethod
    def read_shape(values: dict[str, Any]) -> DecoderConfig:
        """The network's shape; see `DecoderConfig.from_dict`."""
        return DecoderConfig.from_dict(values)


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
