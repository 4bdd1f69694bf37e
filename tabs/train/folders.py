"""A run's folder: what it needs, beside state and checkpoint, to go on after a restart."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import torch

from diffusion_core.data import load_dataset
from diffusion_core.image_dataset import ImageDataset
from diffusion_core.state import replace_file, write_text

PLAN_FILE, PICTURES_FILE, NAME_FILE = "plan.json", "pictures.npz", "pictures.txt"


def keep_pictures(folder: Path, dataset: ImageDataset) -> None:
    """Keep the pictures of a run, or the name that stands for them, so that it can go on later."""
    write_text(folder / NAME_FILE, dataset.name)
    try:
        if load_dataset(dataset.name).content == dataset.content:
            return
    except ValueError:
        pass
    known = {"labels": dataset.labels, "attributes": dataset.attributes}
    numbers = {name: tensor.numpy() for name, tensor in known.items() if tensor is not None}
    names = json.dumps([dataset.name, dataset.class_names, dataset.attribute_names])

    def write(path: Path) -> None:
        with open(path, "wb") as file:
            np.savez(file, pictures=dataset.pictures, names=np.array(names), **numbers)

    replace_file(folder / PICTURES_FILE, write)


def kept_pictures(folder: Path) -> ImageDataset:
    """The pictures of a run: kept beside it, else those that their name stands for.

    Raises:
        ValueError: if they cannot be had.
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
            class_names=tuple(classes),
            attribute_names=tuple((each, tuple(values)) for each, values in attributes),
            **numbers,
        )


def free_folder(within: Path, name: str) -> Path:
    """A folder of that name, or with a number after it where there is one already."""
    plain = re.sub(r"[^\w.-]+", "-", name.strip().lower(), flags=re.ASCII).strip("-.") or "my-model"
    plain, number = plain[:40], 1
    folder = within / plain
    while folder.exists():
        number += 1
        folder = within / f"{plain}-{number}"
    return folder
