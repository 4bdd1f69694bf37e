"""Data sets by name, as tensors in [-1, 1].

fashion-mnist-2000   2,000 of its training pictures, 200 a class, embedded in this package
fashion-mnist        the whole set, 60,000 + 10,000 pictures; read from disk, else downloaded
mnist, kmnist, cifar10   as torchvision downloads them
avatars              90,000 + 10,000 drawn faces with attributes; made by a recipe
avatars-3000         3,000 of its training pictures, embedded in this package
a folder or zip      of pictures; subfolders, if there are any, name the classes
"""

from __future__ import annotations

import gzip
import os
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..files import cache_folder
from .avatars import AvatarFile, find_avatars
from .dataset import ImageDataset
from .places import shown_name
from .ranges import AUTOMATIC
from .uploads import load_uploads

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


FASHION_CLASSES = (
    "T-shirt",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
DATASETS = (
    "fashion-mnist",
    "fashion-mnist-2000",
    "avatars",
    "avatars-3000",
    *(name for name in SETS if name != "fashion-mnist"),
)
EMBEDDED_FASHION = Path(__file__).parent / "embedded" / "fashion-mnist-2000.npz"
_IDX_FILES = {"train": "train", "test": "t10k"}


def load_dataset(
    name_or_folder: str | Path,
    *,
    split: str = "train",
    size: int | None = None,
    value_range: str | float = AUTOMATIC,
    max_pictures: int = 1_000_000,
    follow_links: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> ImageDataset:
    """Load a data set by name, or the pictures of a folder or a zip.

    Args:
        name_or_folder: One of `DATASETS`, or a path.
        split: "train" or "test"; only whole sets have a test split.
        size: Pictures of a folder are cropped to a square and resized to size × size; None is 32.
        value_range: Of a folder's pictures with more than 8 bits a value, which are black and
            white: see `load_uploads`.
        max_pictures: Of a folder with more, so many are drawn at random.
        follow_links: Whether links in a folder are followed.
        progress: Called while a folder is read: see `load_uploads`.

    Raises:
        ValueError: if there is no such data set, folder or split, or nothing in it can be read.
    """
    name = str(name_or_folder)
    if name in SETS and split not in _IDX_FILES:
        raise ValueError(f"{name} has the splits train and test, not {split!r}.")
    if name == "fashion-mnist":
        return _fashion_mnist(split)
    if name in SETS:
        pictures, targets = download(name, split, "use fashion-mnist-2000")
        return ImageDataset(name, pictures, targets, SETS[name][1])
    if name == "avatars" and split in _IDX_FILES:
        return _avatars(name, AvatarFile.read(find_avatars(), split))
    if split != "train":
        whole = ", ".join([*SETS, "avatars"])
        raise ValueError(f"{name} has no {split} split; only {whole} have one.")
    if name == "avatars-3000":
        return _avatars(name, AvatarFile.embedded())
    if name == "fashion-mnist-2000":
        with np.load(EMBEDDED_FASHION, allow_pickle=False) as file:
            pictures, labels = file["pictures"][..., None], torch.from_numpy(file["labels"]).long()
        return ImageDataset(name, pictures, labels, FASHION_CLASSES)
    path = _found(Path(name_or_folder))
    if path is None:
        raise ValueError(
            f"There is no data set or folder {name!r}; give a folder of pictures, a zip, or one of "
            f"{', '.join(DATASETS)}."
        )
    if not path.is_dir() and path.suffix.lower() != ".zip":
        raise ValueError(f"{name} is a file; give the folder that holds the pictures, or a zip.")
    shown = shown_name(path)
    return load_uploads(
        [path],
        size=32 if size is None else size,
        name=shown if path.is_dir() else shown[: -len(path.suffix)],
        max_pictures=max_pictures,
        value_range=value_range,
        follow_links=follow_links,
        progress=progress,
    )


def _found(path: Path) -> Path | None:
    """The path as it is typed, or as macOS writes it (decomposed); None where there is nothing."""
    for form in (None, "NFC", "NFD"):
        tried = path if form is None else Path(unicodedata.normalize(form, str(path)))  # type: ignore[arg-type]
        try:
            if tried.exists():
                return tried
        except (OSError, ValueError):  # a name that is too long, or holds a zero byte
            return None
    return None


def _fashion_mnist(split: str) -> ImageDataset:
    """Read the IDX files where they lie, else let torchvision download them."""
    roots = [os.environ.get("FASHION_MNIST_DIR"), "/usr/share/datasets/fashion-mnist"]
    for root in [Path(r) for r in roots if r] + [cache_folder() / "FashionMNIST" / "raw"]:
        files = [
            root / f"{_IDX_FILES[split]}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")
        ]
        if all(file.exists() for file in files):
            try:
                pixels = np.frombuffer(gzip.decompress(files[0].read_bytes()), np.uint8, offset=16)
                labels = np.frombuffer(gzip.decompress(files[1].read_bytes()), np.uint8, offset=8)
                return _fashion(
                    pixels.reshape(-1, 28, 28, 1).copy(), torch.from_numpy(labels.copy())
                )
            except (OSError, EOFError, ValueError, zlib.error) as error:
                raise ValueError(f"The files of fashion-mnist in {root} are broken.") from error
    return _fashion(
        *download(
            "fashion-mnist",
            split,
            "use fashion-mnist-2000, or set FASHION_MNIST_DIR to a folder with its .gz files",
        )
    )


def _fashion(pictures: np.ndarray, labels: Tensor) -> ImageDataset:
    return ImageDataset("fashion-mnist", pictures, labels.long(), FASHION_CLASSES)


def _avatars(name: str, file: AvatarFile) -> ImageDataset:
    labels, attributes = (torch.from_numpy(x).long() for x in (file.labels, file.attributes))
    return ImageDataset(
        name, file.pictures, labels, file.class_names, (), attributes, file.attribute_names
    )
