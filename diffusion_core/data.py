"""Data sets as tensors in [-1, 1].

A data set is held as uint8 in memory and turned into floats a batch at a time. These there are:

    fashion-mnist-2000   2,000 of its training pictures, 200 a class, embedded in this package
    fashion-mnist        the whole set, 60,000 + 10,000 pictures; read from disk, else downloaded
    mnist, kmnist, cifar10   as torchvision downloads them; see `downloads`
    avatars              90,000 + 10,000 drawn faces with attributes; made by a recipe
    avatars-3000         3,000 of its training pictures, embedded in this package
    a folder             of pictures; subfolders, if there are any, name the classes
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .avatars import AvatarFile, find_avatars
from .conditions import AttributeNames
from .downloads import SETS, cache_folder, download
from .images import from_uint8
from .pictures import fit_picture, read_picture

FASHION_CLASSES = (
    "T-shirt", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
DATASETS = (
    "fashion-mnist",
    "fashion-mnist-2000",
    "avatars",
    "avatars-3000",
    *(name for name in SETS if name != "fashion-mnist"),
)
EMBEDDED = Path(__file__).parent / "datasets" / "fashion-mnist-2000.npz"
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
_IDX_FILES = {"train": "train", "test": "t10k"}

Source = tuple[str, str, Callable[[], np.ndarray]]
"""A picture to be read: its name for messages, its class or "", and what reads it."""


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Pictures and labels in memory.

    Attributes:
        name: For messages and cards.
        pictures: uint8, (N, H, W, C).
        labels: int64, (N,), or None.
        class_names: One a class, in label order; empty without labels.
        unreadable: Files that were left out, with the reason.
        attributes: int64, (N, K), or None: what each picture shows beside its class; -1 where an
            attribute does not apply.
        attribute_names: Of the K attributes and their values.
    """

    name: str
    pictures: np.ndarray
    labels: Tensor | None = None
    class_names: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    attributes: Tensor | None = None
    attribute_names: AttributeNames = ()

    def __len__(self) -> int:
        """N, the number of pictures."""
        return len(self.pictures)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        H, W, C = self.pictures.shape[1:]
        return C, H, W

    @cached_property
    def content(self) -> str:
        """A hash of pictures, labels and attributes, hex: equal names may hide other pictures."""
        digest = hashlib.blake2b(np.ascontiguousarray(self.pictures).data, digest_size=16)
        for known in (self.labels, self.attributes):
            if known is not None:
                digest.update(known.numpy().tobytes())
        return digest.hexdigest()

    @cached_property
    def attribute_classes(self) -> AttributeNames:
        """For each attribute that only some classes show, the names of those."""
        if self.labels is None or self.attributes is None:
            return ()
        found = []
        for k, (name, _) in enumerate(self.attribute_names):
            seen = self.labels[self.attributes[:, k] >= 0].unique().tolist()
            if len(seen) < len(self.class_names):
                found.append((name, tuple(self.class_names[i] for i in seen)))
        return tuple(found)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor | None]:
        """Images (B, C, H, W) in [-1, 1] and their labels (B,), for int64 indices (B,)."""
        images = from_uint8(self.pictures[indices.numpy()])
        return images, None if self.labels is None else self.labels[indices]

    def conditions(self, indices: Tensor) -> Tensor | None:
        """What is known of the images: (B, 1 + K), or without attributes their labels (B,)."""
        if self.labels is None or self.attributes is None:
            return None if self.labels is None else self.labels[indices]
        return torch.cat([self.labels[indices, None], self.attributes[indices]], dim=1)


def load_dataset(
    name_or_folder: str | Path, *, split: str = "train", size: int | None = None
) -> ImageDataset:
    """Load a data set by name, or the pictures of a folder.

    Args:
        name_or_folder: One of `DATASETS`, or a path.
        split: "train" or "test"; only whole sets have a test split.
        size: Pictures of a folder are cropped to a square and resized to size × size; None is 32.

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
        with np.load(EMBEDDED, allow_pickle=False) as file:
            pictures, labels = file["pictures"][..., None], torch.from_numpy(file["labels"]).long()
        return ImageDataset(name, pictures, labels, FASHION_CLASSES)
    folder = Path(name_or_folder)
    if not folder.exists():
        raise ValueError(
            f"There is no data set or folder {name!r}; "
            f"give a folder of pictures or one of {', '.join(DATASETS)}."
        )
    if not folder.is_dir():
        raise ValueError(f"{name} is a file; give the folder that holds the pictures.")
    size = 32 if size is None else size
    check_size(size)
    return _folder(folder, size)


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
    return _fashion(*download(
        "fashion-mnist", split,
        "use fashion-mnist-2000, or set FASHION_MNIST_DIR to a folder with its .gz files",
    ))  # fmt: skip


def _fashion(pictures: np.ndarray, labels: Tensor) -> ImageDataset:
    return ImageDataset("fashion-mnist", pictures, labels.long(), FASHION_CLASSES)


def _avatars(name: str, file: AvatarFile) -> ImageDataset:
    labels, attributes = (torch.from_numpy(x).long() for x in (file.labels, file.attributes))
    return ImageDataset(
        name, file.pictures, labels, file.class_names, (), attributes, file.attribute_names
    )


def _folder(folder: Path, size: int) -> ImageDataset:
    """Every readable picture below a folder; the first level of subfolders names the classes."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    inside = [file.relative_to(folder).parts for file in files]
    sources: list[Source] = [
        (file.name, parts[0] if len(parts) > 1 else "", partial(read_picture, file))
        for file, parts in zip(files, inside, strict=True)
    ]
    dataset = gather(folder.name, sources, size)
    if not len(dataset):
        seen = f"none of its {len(files)} pictures can be read" if files else "it holds no pictures"
        raise ValueError(f"{folder} cannot be used: {seen} ({', '.join(SUFFIXES)}).")
    return dataset


def check_size(size: int) -> None:
    """Refuse a side that pictures cannot be resized to.

    Raises:
        ValueError: if it is not from 1 to 1024.
    """
    if not 1 <= size <= 1024:
        raise ValueError(f"The size of a picture must be from 1 to 1024 pixels, got {size}.")


def gather(
    name: str,
    sources: Sequence[Source],
    size: int,
    progress: Callable[[int, int], None] | None = None,
) -> ImageDataset:
    """Read pictures one after the other, and make a data set of those that can be read.

    Grey stays grey only if all are. Classes count only if every picture has one and there are at
    least two. In memory are the pictures at size × size, and one at a time as it came.

    Args:
        name: Of the data set.
        sources: Where the pictures come from, in order; what cannot be read raises ValueError.
        size: Each is cropped to a square and resized to size × size.
        progress: Called with (done, total) after each.

    Returns:
        The data set; without any picture, if none can be read.
    """
    stack = np.empty((len(sources), size, size, 3), np.uint8)
    classes: list[str] = []
    unreadable: list[str] = []
    grey = True
    for done, (shown, label, read) in enumerate(sources, start=1):
        try:
            picture = fit_picture(read(), size)
        except ValueError as error:
            unreadable.append(f"{shown}: {error}")
        else:
            grey = grey and bool((picture == picture[..., :1]).all())
            stack[len(classes)] = picture
            classes.append(label)
        if progress is not None:
            progress(done, len(sources))
    pictures = stack[: len(classes), ..., :1].copy() if grey else stack[: len(classes)]
    names = tuple(sorted(set(classes)))
    if len(names) < 2 or "" in names:
        return ImageDataset(name, pictures, unreadable=tuple(unreadable))
    number = {label: index for index, label in enumerate(names)}
    labels = torch.tensor([number[label] for label in classes])
    return ImageDataset(name, pictures, labels, names, tuple(unreadable))
