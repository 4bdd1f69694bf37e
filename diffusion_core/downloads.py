"""Data sets that torchvision downloads: MNIST, KMNIST, Fashion-MNIST, CIFAR-10."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

DIGITS = tuple("0123456789")
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
THINGS = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
# Each with its name in torchvision and its classes; Fashion-MNIST's stand with the set itself.
SETS = {
    "mnist": ("MNIST", DIGITS),
    "kmnist": ("KMNIST", KANA),
    "cifar10": ("CIFAR10", THINGS),
    "fashion-mnist": ("FashionMNIST", ()),
}


def cache_folder() -> Path:
    """Where downloads are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "diffusion-playground"


def download(name: str, split: str, otherwise: str) -> tuple[np.ndarray, Tensor]:
    """Pictures uint8 (N, H, W, C) and labels int64 (N,) of a set; downloaded only once.

    Args:
        name: One of `SETS`.
        split: "train" or "test".
        otherwise: What to do where it cannot be had, as the end of a sentence.

    Raises:
        ValueError: if it is not here and cannot be downloaded.
    """
    import torchvision.datasets

    known = getattr(torchvision.datasets, SETS[name][0])
    try:
        found = known(str(cache_folder()), train=split == "train", download=True)
    except (RuntimeError, OSError) as error:
        raise ValueError(
            f"{name} is not on this machine and could not be downloaded; {otherwise}."
        ) from error
    pictures = np.asarray(found.data)
    pictures = pictures[..., None] if pictures.ndim == 3 else pictures
    return pictures.copy(), torch.as_tensor(found.targets).long()
