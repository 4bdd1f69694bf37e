"""Checkpoints: a folder with `config.json`, `model.safetensors` and a card, `README.md`.

The folder can go to the Hugging Face Hub as it stands, and a Hub id can stand where a folder can.
Weights are safetensors alone, stored in half precision; nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from .checkpoint_config import CONFIG, CheckpointConfig
from .conditions import CLASS, attribute_values
from .guidance import ClassifierFreeGuidance, ModelDenoiser
from .hub import CARD, Progress, check_cached, download, plain_id
from .layouts import (
    WEIGHTS,
    files_in,
    fill,
    in_a_sentence,
    modern_names,
    read_settings,
    weights_file,
)
from .process import Denoiser
from .resources import num_parameters
from .schedule import NoiseSchedule
from .state import replace_file, write_text
from .unet import UNet

Asked = str | int | Tensor | Mapping[str, Any] | Sequence[Any] | None
TABLE_BEGIN, TABLE_END = "<!-- table -->", "<!-- /table -->"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A network, the schedule that it was trained with, and what is known of it.

    Attributes:
        unet: In evaluation mode, fp32.
        schedule: Of the training.
        config: As in the folder.
        name: The folder's name or the Hub id.
        weights_hash: SHA-256 of the weights file, hex.
    """

    unet: UNet
    schedule: NoiseSchedule
    config: CheckpointConfig
    name: str
    weights_hash: str

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images that it makes."""
        return (self.unet.config.in_channels, *self.unet.config.image_size)

    def label(self, name_or_index: str | int | None) -> int | None:
        """The label of a class given by its name or number; None stays None.

        Raises:
            ValueError: if the model has no such class.
        """
        if name_or_index is None:
            return None
        count = self.unet.config.num_classes
        if count is None:
            raise ValueError(f"{self.name} has no classes; leave the class out.")
        if isinstance(name_or_index, str) and name_or_index in self.config.class_names:
            return self.config.class_names.index(name_or_index)
        try:
            index = int(name_or_index)
        except ValueError:
            index = -1
        if not 0 <= index < count:
            named = [f"{i} {n}" for i, n in enumerate(self.config.class_names)]
            raise ValueError(
                f"There is no class {name_or_index!r}; choose 0 to {count - 1}"
                + (f" ({', '.join(named)})." if named else ".")
            )
        return index

    def condition(self, asked: Asked) -> int | Tensor | None:
        """What pictures are asked to show, in the network's numbers.

        Args:
            asked: A class by name or number; or a mapping with the class and attributes by their
                names, {"class": "open-peeps", "head": "afro"}, each of which may be left out; or a
                sequence of such, one an image; or a tensor (B,) or (B, 1 + K), which is checked.
                None asks for nothing.

        Returns:
            The number of a class, labels (B,), conditions (B, 1 + K) or (1, 1 + K) for all images,
            or None.

        Raises:
            ValueError: if the model has no such class, attribute or value.
        """
        if isinstance(asked, Tensor):
            classes = (asked if asked.ndim == 1 else asked[:, 0]).unique().tolist()
            for label in classes:
                if asked.ndim == 1 or label != self.unet.config.num_classes:
                    self.label(label)
            return asked
        if isinstance(asked, Mapping):
            names, label = self.config.attribute_names, self.label(asked.get(CLASS))
            if not names and set(asked) <= {CLASS}:
                return label
            wanted = {k: v for k, v in asked.items() if k != CLASS}
            values = attribute_values(names, wanted)
            for name, classes in self.config.attribute_classes:
                known = [self.label(c) for c in classes]
                if name in wanted and label is not None and label not in known:
                    raise ValueError(
                        f"Only {' and '.join(classes)} can be asked for {name}; choose that class, "
                        f"or leave {name} out."
                    )
            said = self.unet.config.num_classes if label is None else label
            return torch.tensor([[said, *values]])
        if isinstance(asked, Sequence) and not isinstance(asked, str):
            each = [self.condition(x if isinstance(x, Mapping) else {CLASS: x}) for x in asked]
            if any(x is None for x in each):
                raise ValueError("Each image of a sequence needs a class.")
            rows = [torch.tensor([x]) if isinstance(x, int) else x for x in each]
            return torch.cat(rows)  # type: ignore[arg-type]
        return self.label(asked)

    def denoiser(self, y: Asked = None, guidance_scale: float = 1.0) -> Denoiser:
        """The network as a denoiser, guided where the scale asks for it.

        Args:
            y: What is asked for; see `condition`.
            guidance_scale: 1.0 is off; needs something to be asked for.

        Raises:
            ValueError: if condition or scale do not fit the model.
        """
        y = self.condition(y)
        if not 0 <= guidance_scale <= 100:
            raise ValueError(
                f"The guidance scale must lie between 0 and 100, got {guidance_scale}."
            )
        conditional = ModelDenoiser(self.unet, self.schedule, self.config.prediction_type, y)
        if guidance_scale == 1.0:
            return conditional
        if y is None or not self.unet.config.null_label:
            raise ValueError("Guidance needs a class and a model with a null label; set it to 1.")
        return ClassifierFreeGuidance(conditional, guidance_scale)


def load_checkpoint(
    folder_or_hub_id: str | Path, progress: Progress | None = None, name: str | None = None
) -> Checkpoint:
    """Read a checkpoint from a folder, or from the Hugging Face Hub ("owner/name").

    It may be one of ours, or a pipeline of diffusers with a `UNet2DModel` and a DDPM or DDIM
    scheduler, whole or flat, today's or older. Where averaged weights (EMA) lie beside those of the
    training's last step, they are taken, which diffusers' own pipeline would not do; see
    `layouts`. What its files ask for and walks here do otherwise is told in `config.notes`. A
    `Walk` clips as the model asks; to `samplers.sample` hand `clip_x0=config.clip_x0`.

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
    # The weights are read once and then only looked at, by several sessions at a time.
    return Checkpoint(unet.eval().requires_grad_(False), schedule, config, name, digest)


def save_checkpoint(
    folder: str | Path, unet: UNet, config: CheckpointConfig, card: str | None = None
) -> None:
    """Write a checkpoint; each file beside its name, then renamed into place.

    Args:
        folder: Made if it is not there.
        unet: Its weights are stored in half precision.
        config: All else.
        card: Text of the README.md; None writes a short one, or keeps one that is there, without
            the table that was measured of the weights before.

    Raises:
        ValueError: if the network is not what config describes, or overflows half precision.
    """
    if unet.config != config.unet:
        raise ValueError("The network is not the one that the configuration describes.")
    half = {k: v.detach().cpu().half().contiguous() for k, v in unet.state_dict().items()}
    if not all(bool(torch.isfinite(v).all()) for v in half.values()):
        raise ValueError("A weight is not finite in half precision; the network has diverged.")
    folder = Path(folder)
    replace_file(folder / WEIGHTS, lambda file: save_file(half, str(file), {"format": "pt"}))
    write_text(folder / CONFIG, config.to_json())
    if card is None and (folder / CARD).exists():
        # What was measured of other weights is not true of these.
        card = without_table((folder / CARD).read_text(encoding="utf-8"))
    write_text(folder / CARD, card or f"# {folder.name}\n\nTrained on {config.dataset}.\n")


def without_table(card: str) -> str:
    """A card with nothing between the marks of its measured table."""
    head, mark, rest = card.partition(TABLE_BEGIN)
    _, end, tail = rest.partition(TABLE_END)
    return f"{head}{mark}\n{end}{tail}" if end else card


def checkpoint_folders() -> list[Path]:
    """Where checkpoints lie: in pretrained/, and in the folder of one's own."""
    return [Path(__file__).parents[1] / "pretrained", own_folder()]


def own_folder() -> Path:
    """Where one's own models are kept: the folder that DIFFUSION_MODELS names, else runs/."""
    extra = os.environ.get("DIFFUSION_MODELS")
    return Path(extra) if extra else Path(__file__).parents[1] / "runs"
