"""Checkpoints: a folder with `config.json`, `model.safetensors` and a card, `README.md`.

The folder can go to the Hugging Face Hub as it stands, and a Hub id can stand where a folder can.
Weights are safetensors alone, stored in half precision; nothing is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from ..fields import MAX_BYTES, printable
from ..files import own_folder, save_tensors, shipped_folder, write_text
from ..unet import UNet
from .config import CONFIG, CheckpointConfig, schedule_from
from .formats import (
    RESULTS,
    SETTINGS,
    WEIGHTS,
    check_links,
    files_in,
    in_a_sentence,
    modern_name,
    read_settings,
    weights_file,
)
from .hub import CARD, DownloadProgress, check_cached, download, plain_id
from .model import Checkpoint, ModelSettings
from .weights import NetworkT, digest_of, read_network, read_weights

SettingsT = TypeVar("SettingsT")
ModelSettingsT = TypeVar("ModelSettingsT", bound=ModelSettings)


class StoredSettings(Protocol):
    """What a folder says of a network of any kind, a `ModelSettings` or not."""

    @property
    def dataset(self) -> str:
        """What it was trained on, in words."""

    def to_json(self) -> str:
        """The settings as JSON."""


TABLE_BEGIN, TABLE_END = "<!-- table -->", "<!-- /table -->"


def load_checkpoint(
    folder_or_hub_id: str | Path,
    progress: DownloadProgress | None = None,
    name: str | None = None,
    *,
    links: bool = True,
) -> Checkpoint:
    """Read a checkpoint from a folder, or from the Hugging Face Hub ("owner/name").

    It may be one of ours, or a pipeline of diffusers with a `UNet2DModel` and a DDPM or DDIM
    scheduler, whole or flat, today's or older. Where averaged weights (EMA) lie beside those of the
    training's last step, they are taken, which diffusers' own pipeline would not do; see
    `formats`. What its files ask for and walks here do otherwise is noted in `config.notes`. A
    `SamplingRequest` clips as the model asks; to `samplers.sample` hand `clip_x0=config.clip_x0`.

    Args:
        folder_or_hub_id: A folder goes before a Hub id of the same name.
        progress: Called as progress(bytes done, bytes in all) while weights are fetched.
        name: What to call it, where not by its folder or its Hub id.
        links: Whether its files may be links out of its folder, as on one's own machine.

    Raises:
        ValueError: if it is not there, is broken, or cannot be represented, in one sentence.
    """
    name = printable(name or plain_id(str(folder_or_hub_id)))
    folder = Path(folder_or_hub_id)
    if not folder.is_dir():
        folder = download(str(folder_or_hub_id), progress)
    with in_a_sentence(name):
        if not links:
            check_links(folder, SETTINGS)
        config, names = read_settings(folder)
        schedule = config.noise()
    file = weights_file(folder, names, files_in(folder), name)
    with in_a_sentence(name):
        if not links:
            check_links(folder, [file.relative_to(folder).as_posix()])
        digest = digest_of(file)
    check_cached(file, digest, name)
    with in_a_sentence(name):
        unet = read_weights(file, config.unet, str if file.name == WEIGHTS else modern_name)
    # The weights are read once and then only read, by several sessions at a time.
    return Checkpoint(unet.eval().requires_grad_(False), schedule, config, name, digest)


def save_checkpoint(
    folder: str | Path, unet: UNet, config: CheckpointConfig, card: str | None = None
) -> None:
    """Write a checkpoint; each file beside its name, then renamed into place.

    Args:
        folder: Made if it is not there.
        unet: Its weights are stored in half precision.
        config: Its settings.
        card: Text of the README.md; None writes a short one, or keeps one that is there, without
            the table that was measured of the weights before. Their `results.json` goes too.

    Raises:
        ValueError: if the network is not what config describes, or overflows half precision.
    """
    folder = Path(folder)
    if card is None and (folder / CARD).exists():
        card = without_table((folder / CARD).read_text(encoding="utf-8"))
    save_network(folder, unet, config.unet, config, card)
    # What was measured of other weights is not true of these.
    (folder / RESULTS).unlink(missing_ok=True)


def save_network(
    folder: str | Path,
    network: nn.Module,
    shape: object,
    config: StoredSettings,
    card: str | None = None,
) -> None:
    """Write a network of any kind; each file beside its name, then renamed into place.

    Args:
        folder: Made if it is not there.
        network: Its weights are stored in half precision; its `config` is its shape.
        shape: The shape that the settings describe.
        config: The settings.
        card: Text of the README.md; None writes a short one, or keeps one that is there.

    Raises:
        ValueError: if the network is not what config describes, or overflows half precision.
    """
    if network.config != shape:
        raise ValueError("The network is not the one that the configuration describes.")
    half = {k: v.detach().cpu().half().contiguous() for k, v in network.state_dict().items()}
    if not all(bool(torch.isfinite(v).all()) for v in half.values()):
        raise ValueError("A weight is not finite in half precision; the network has diverged.")
    folder = Path(folder)
    save_tensors(folder / WEIGHTS, half, {"format": "pt"})
    write_text(folder / CONFIG, config.to_json())
    if card is not None or not (folder / CARD).exists():
        write_text(folder / CARD, card or f"# {folder.name}\n\nTrained on {config.dataset}.\n")


def read_folder(
    folder: str | Path,
    read: Callable[[bytes], SettingsT],
    build: Callable[[SettingsT], NetworkT],
) -> tuple[NetworkT, SettingsT, str]:
    """Read what `save_network` wrote: network, settings, and SHA-256 of its weights, hex.

    Args:
        folder: The folder.
        read: Reads the settings.
        build: Builds the network that they describe.

    Returns:
        The network is in evaluation mode, on the CPU, in fp32.

    Raises:
        ValueError: if it is not there, is broken, or something else, in one sentence.
    """
    folder = Path(folder)
    with in_a_sentence(printable(folder.name)):
        with open(folder / CONFIG, "rb") as opened:
            config = read(opened.read(MAX_BYTES + 1))
        digest = digest_of(folder / WEIGHTS)
        network = read_network(folder / WEIGHTS, lambda: build(config))
    return network.eval().requires_grad_(False), config, digest


def load_network(
    folder: str | Path,
    read: Callable[[bytes], ModelSettingsT],
    build: Callable[[ModelSettingsT], Any],
    name: str | None = None,
) -> Checkpoint:
    """Read a model that `save_network` wrote; in evaluation mode, on the CPU.

    Args:
        folder: The folder.
        read: Reads the settings.
        build: Builds the network that they describe.
        name: What to call it, where not by its folder.

    Raises:
        ValueError: if it is not there, is broken, or something else, in one sentence.
    """
    network, config, digest = read_folder(folder, read, build)
    short = printable(Path(folder).name)
    return Checkpoint(network, schedule_from(config.schedule), config, name or short, digest)


def without_table(card: str) -> str:
    """A card with nothing between the marks of its measured table."""
    head, mark, rest = card.partition(TABLE_BEGIN)
    _, end, tail = rest.partition(TABLE_END)
    return f"{head}{mark}\n{end}{tail}" if end else card


def checkpoint_folders() -> list[Path]:
    """The folders that hold checkpoints: those that ship, and the folder of one's own."""
    return [shipped_folder(), own_folder()]
