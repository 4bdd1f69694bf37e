"""Checkpoints: a folder with `config.json`, `model.safetensors` and a card, `README.md`.

The folder can go to the Hugging Face Hub as it stands, and a Hub id can stand where a folder can.
Weights are safetensors alone, stored in half precision; nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import torch
from safetensors.torch import load_file

from ..files import save_tensors, write_text
from ..unet import UNet, num_parameters
from .config import CONFIG, CheckpointConfig
from .formats import (
    RESULTS,
    WEIGHTS,
    files_in,
    fill,
    in_a_sentence,
    modern_names,
    read_settings,
    weights_file,
)
from .hub import CARD, DownloadProgress, check_cached, download, plain_id
from .model import Checkpoint

TABLE_BEGIN, TABLE_END = "<!-- table -->", "<!-- /table -->"


def load_checkpoint(
    folder_or_hub_id: str | Path, progress: DownloadProgress | None = None, name: str | None = None
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

    Raises:
        ValueError: if it is not there, is broken, or cannot be represented, in one sentence.
    """
    name = name or plain_id(str(folder_or_hub_id))
    folder = Path(folder_or_hub_id)
    if not folder.is_dir():
        folder = download(str(folder_or_hub_id), progress)
    with in_a_sentence(name):
        config, names = read_settings(folder)
        schedule = config.noise()
    file = weights_file(folder, names, files_in(folder), name)
    with in_a_sentence(name):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    check_cached(file, digest, name)
    with in_a_sentence(name):
        tensors = load_file(str(file))
        # Settings that ask for far more than is there are refused before memory is given to them.
        if num_parameters(config.unet) > 2 * sum(x.numel() for x in tensors.values()):
            raise ValueError(f"its weights are not those that its {CONFIG} describes: they are few")
        unet = UNet(config.unet)
        fill(unet, tensors if file.name == WEIGHTS else modern_names(tensors))
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
    if unet.config != config.unet:
        raise ValueError("The network is not the one that the configuration describes.")
    half = {k: v.detach().cpu().half().contiguous() for k, v in unet.state_dict().items()}
    if not all(bool(torch.isfinite(v).all()) for v in half.values()):
        raise ValueError("A weight is not finite in half precision; the network has diverged.")
    folder = Path(folder)
    save_tensors(folder / WEIGHTS, half, {"format": "pt"})
    write_text(folder / CONFIG, config.to_json())
    # What was measured of other weights is not true of these.
    (folder / RESULTS).unlink(missing_ok=True)
    if card is None and (folder / CARD).exists():
        card = without_table((folder / CARD).read_text(encoding="utf-8"))
    write_text(folder / CARD, card or f"# {folder.name}\n\nTrained on {config.dataset}.\n")


def without_table(card: str) -> str:
    """A card with nothing between the marks of its measured table."""
    head, mark, rest = card.partition(TABLE_BEGIN)
    _, end, tail = rest.partition(TABLE_END)
    return f"{head}{mark}\n{end}{tail}" if end else card


def checkpoint_folders() -> list[Path]:
    """The folders that hold checkpoints: pretrained/, and the folder of one's own."""
    return [Path(__file__).parents[2] / "pretrained", own_folder()]


def own_folder() -> Path:
    """Where one's own models are kept: the folder that DIFFUSION_MODELS names, else runs/."""
    extra = os.environ.get("DIFFUSION_MODELS")
    return Path(extra) if extra else Path(__file__).parents[2] / "runs"
