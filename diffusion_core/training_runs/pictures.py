"""The pictures of a training run, kept beside it, so that it can go on later and elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch

from ..data import ImageDataset, load_dataset
from ..files import replace_file, write_text

PICTURES_FILE, NAME_FILE = "pictures.npz", "pictures.txt"


class _Numbers(TypedDict, total=False):
    """What a data set may hold beside its pictures, by its names in the file of kept pictures."""

    labels: np.ndarray
    attributes: np.ndarray


def keep_pictures(folder: Path, dataset: ImageDataset) -> None:
    """Keep the pictures of a run, or the name that stands for them, so that it can go on later."""
    write_text(folder / NAME_FILE, dataset.name)
    try:
        if load_dataset(dataset.name).content == dataset.content:
            return
    except ValueError:
        pass
    numbers: _Numbers = {}
    if dataset.labels is not None:
        numbers["labels"] = dataset.labels.numpy()
    if dataset.attributes is not None:
        numbers["attributes"] = dataset.attributes.numpy()
    names = json.dumps([dataset.name, dataset.class_names, dataset.attribute_names])

    def write(path: Path) -> None:
        with open(path, "wb") as file:
            np.savez(file, pictures=dataset.pictures, names=np.array(names), **numbers)

    replace_file(folder / PICTURES_FILE, write)


def kept_pictures(folder: Path) -> ImageDataset:
    """The pictures of a run: kept beside it, else those that their name stands for.

    Raises:
        ValueError: if they cannot be read.
    """
    if not (folder / PICTURES_FILE).exists():
        try:
            return load_dataset((folder / NAME_FILE).read_text(encoding="utf-8").strip())
        except OSError as error:
            raise ValueError(f"The pictures of {folder.name} are gone.") from error
    with np.load(folder / PICTURES_FILE, allow_pickle=False) as file:
        name, classes, attributes = json.loads(str(file["names"]))
        numbers = {k: torch.from_numpy(file[k]) for k in ("labels", "attributes") if k in file}
        return ImageDataset(
            name,
            file["pictures"],
            labels=numbers.get("labels"),
            class_names=tuple(classes),
            attributes=numbers.get("attributes"),
            attribute_names=tuple((each, tuple(values)) for each, values in attributes),
        )
