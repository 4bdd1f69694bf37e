"""Families of pictures in folders: trained with a state that a training goes on from, and loaded.

A folder holds `config.json`, `model.safetensors` (half precision) and, while it is trained,
`state.safetensors`: all that the next step depends on. Nothing is ever unpickled.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..data import ImageDataset
from ..fields import parse_json
from ..files import save_tensors, write_text
from ..seeding import parse_seed
from ..training_runs import STATE_FILE, read_module_state, write_module_state
from .family import FamilyStep
from .latent_diffusion import LatentDiffusion
from .picture_flow import PictureFlow
from .pictures import PictureGAN, PictureShape, PictureVAE

PictureFamily = PictureGAN | PictureVAE | PictureFlow | LatentDiffusion
PICTURE_FAMILIES: dict[str, type[PictureFamily]] = {
    "gan": PictureGAN,
    "vae": PictureVAE,
    "flow": PictureFlow,
    "latent": LatentDiffusion,
}
# Of those that keep an average of their weights: the part in training, which is not kept.
RAW: dict[str, str] = {"gan": "generator.", "latent": "network."}
COUNTER = "averaged.n_averaged"
WEIGHTS, CONFIG = "model.safetensors", "config.json"


@dataclass(frozen=True)
class FamilyTraining:
    """The settings of a training of a family on pictures.

    Attributes:
        steps: Optimiser steps in all.
        batch: Pictures a step.
        decay: Last steps, over which the learning rates fall linearly to 0. Those before do not
            depend on it, so that a training can be lengthened or cut short before.
        seed: Of the first weights and of all draws.
        save_every: Steps between saves.

    Raises:
        ValueError: if a number is out of its bounds.
    """

    steps: int = 10_000
    batch: int = 64
    decay: int = 2_000
    seed: int = 0
    save_every: int = 200

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        if min(self.steps, self.batch, self.save_every) < 1 or self.decay < 0:
            raise ValueError("steps, batch and save_every must be at least 1, and decay 0.")
        parse_seed(self.seed, "seed")


def picture_family(kind: str, shape: PictureShape, seed: int = 0) -> PictureFamily:
    """A family with the random weights of a seed.

    Raises:
        ValueError: if there is no such family.
    """
    if kind not in PICTURE_FAMILIES:
        raise ValueError(f"There is no family {kind!r}; choose {', '.join(PICTURE_FAMILIES)}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PICTURE_FAMILIES[kind](shape)


def kind_of(family: PictureFamily) -> str:
    """The name of its kind in `PICTURE_FAMILIES`."""
    return next(kind for kind, made in PICTURE_FAMILIES.items() if isinstance(family, made))


def fit_family(
    family: PictureFamily,
    data: ImageDataset,
    training: FamilyTraining,
    out: Path,
    command: str = "",
) -> Iterator[FamilyStep]:
    """Train into a folder, from its state on if it has one, and yield after every step.

    The state is saved every `save_every` steps and at the end, when the folder becomes one that
    `load_family` reads. Stopping is leaving: what came after the last save is trained again.

    Args:
        family: As `picture_family` gave it; changed in place.
        data: Pictures with labels.
        training: The settings.
        out: The folder.
        command: What a person typed, for config.json.

    Raises:
        ValueError: if the pictures do not fit, or the folder holds a run with other settings.
    """
    shape = family.shape
    if data.shape != shape.sample_shape or data.labels is None:
        raise ValueError(
            f"This family is made for {' × '.join(map(str, shape.sample_shape))} pictures with "
            f"classes, and {data.name} has {' × '.join(map(str, data.shape))}"
            f"{' without classes' if data.labels is None else ''}."
        )
    if len(data.class_names) != shape.num_classes:
        raise ValueError(
            f"This family has {shape.num_classes} classes, {data.name} {len(data.class_names)}."
        )
    same = {
        "kind": kind_of(family),
        "shape": dataclasses.asdict(shape),
        "dataset": data.name,
        "content": data.content,
        "batch": training.batch,
        "seed": training.seed,
    }
    done, seconds, before = 0, 0.0, time.process_time()
    if (out / STATE_FILE).exists():
        done, seconds = read_module_state(out / STATE_FILE, family, family.optimizers, same)
        if done > training.steps:
            raise ValueError(f"{out} holds a run that already did {done} steps.")
    for step in family.learn(
        data,
        training.steps,
        batch=training.batch,
        seed=training.seed,
        done=done,
        decay=training.decay,
    ):
        now = time.process_time()
        seconds, before = seconds + now - before, now
        if step.step % training.save_every == 0 or step.step == training.steps:
            write_module_state(
                out / STATE_FILE, family, family.optimizers, same, step.step, seconds
            )
        if step.step == training.steps:
            settings = dataclasses.asdict(training)
            facts = {"command": command, "cpu_seconds": round(seconds), "settings": settings}
            save_family(out, family, data, facts)
        yield step


def save_family(
    folder: Path, family: PictureFamily, data: ImageDataset, training: dict[str, Any]
) -> None:
    """Write `model.safetensors`, in half precision, and `config.json`.

    Of a GAN and of latent diffusion the averaged network is kept, which draws, and not the one in
    training.
    """
    left_out = (RAW.get(kind_of(family), COUNTER), COUNTER)
    kept = {k: v for k, v in family.state_dict().items() if not k.startswith(left_out)}
    tensors = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in kept.items()}
    save_tensors(folder / WEIGHTS, tensors, {"family": kind_of(family)})
    values = {
        "family": kind_of(family),
        "shape": dataclasses.asdict(family.shape),
        "dataset": data.name,
        "class_names": list(data.class_names),
        "parameters": family.num_parameters,
        "training": training,
    }
    write_text(folder / CONFIG, json.dumps(values, indent=2) + "\n")


@dataclass(frozen=True, eq=False)
class StoredFamily:
    """A family from a folder.

    Attributes:
        family: Ready to draw.
        class_names: The name of each class, in label order.
        dataset: What it learnt.
        parameters: Numbers that were trained, those of a discriminator and an encoder too.
        training: How it was trained: command, seconds of one core, settings.
    """

    family: PictureFamily
    class_names: tuple[str, ...]
    dataset: str
    parameters: int
    training: dict[str, Any]


def load_family(folder: str | Path) -> StoredFamily:
    """Read a family from its folder.

    Raises:
        ValueError: if there is none, or it is broken, in one sentence.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise ValueError(
            f"{folder.name} holds no family: it must have {CONFIG} and {WEIGHTS}, as "
            "`python -m diffusion_core family train` writes them."
        )
    try:
        values = parse_json((folder / CONFIG).read_text(encoding="utf-8"), CONFIG)
        family = picture_family(values["family"], PictureShape(**values["shape"]))
        names = tuple(str(name) for name in values["class_names"])
        if len(names) != family.shape.num_classes:
            raise ValueError(f"{len(names)} names for {family.shape.num_classes} classes")
        with safe_open(str(folder / WEIGHTS), framework="pt") as file:
            found = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if not all(bool(torch.isfinite(v).all()) for v in found.values()):
            raise ValueError("some of its weights are not finite")
        if raw := RAW.get(values["family"]):  # what is trained begins as its average
            averaged = _below("averaged.module.", found)
            found |= {f"{raw}{k}": v for k, v in averaged.items()}
            found[COUNTER] = torch.tensor(1)
        family.load_state_dict({k: v.clone() for k, v in found.items()})
        training, dataset = dict(values["training"]), str(values["dataset"])
        parameters = family.num_parameters
    except (SafetensorError, KeyError, TypeError, AttributeError, RuntimeError, OSError) as error:
        raise ValueError(
            f"The family in {folder.name} is broken; train or fetch it anew."
        ) from error
    except ValueError as error:
        raise ValueError(f"The family in {folder.name} is broken: {error}") from error
    return StoredFamily(family.eval().requires_grad_(False), names, dataset, parameters, training)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
