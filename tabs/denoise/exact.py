"""The exact denoiser beside the network: the posterior mean over the training images at hand."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.conditioning import attribute_values
from diffusion_core.data import load_dataset
from diffusion_core.denoiser import ExactDenoiser
from diffusion_core.generation import SamplingRequest

EXACT_IMAGES = 200  # at most; of these, spread evenly, the page says how many there are
EMBEDDED = {"fashion-mnist": "fashion-mnist-2000", "avatars": "avatars-3000"}  # the images at hand


def exact_of(checkpoint: Checkpoint, walk: SamplingRequest) -> ExactDenoiser:
    """The best denoiser of `EXACT_IMAGES` embedded training images, of the walk's class if any.

    Raises:
        ValueError: if the images that this model was trained on are not embedded.
    """
    dataset = checkpoint.config.dataset
    name = next((part for whole, part in EMBEDDED.items() if dataset.startswith(whole)), None)
    if name is None or checkpoint.image_shape != load_dataset(name).shape:
        raise ValueError(
            "The exact answer needs the training images, and those of "
            f"{dataset or 'this model'} are not here."
        )
    return _exact(checkpoint, name, walk.label, walk.attributes)


@lru_cache(maxsize=16)
def _exact(
    checkpoint: Checkpoint, name: str, label: str | int | None, attributes: tuple[Any, ...]
) -> ExactDenoiser:
    dataset = load_dataset(name)
    alike = torch.ones(len(dataset), dtype=torch.bool)
    if label is not None and dataset.labels is not None:
        alike &= dataset.labels == checkpoint.label(label)
    if attributes and dataset.attributes is not None:
        values = attribute_values(checkpoint.config.attribute_names, dict(attributes))
        for k, value in enumerate(values):
            if value >= 0:
                alike &= dataset.attributes[:, k] == value
    found = alike.nonzero()[:, 0]
    if not len(found):
        raise ValueError(
            f"None of the {len(dataset):,} training images at hand shows all of this, so that "
            "there is no exact answer beside it; ask for less, or switch it off."
        )
    count = min(EXACT_IMAGES, len(found))
    chosen = torch.linspace(0, len(found) - 1, count, dtype=torch.float64).round().long()
    images, _ = dataset.batch(found[chosen])
    return ExactDenoiser(images, checkpoint.schedule)
