"""All that is random in training, from generators seeded by what they are for.

Nothing here remembers: step k draws the same whether the run was resumed before it or not.
"""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor

from .conditions import nothing
from .image_dataset import ImageDataset
from .schedule import NoiseSchedule
from .train_config import TrainConfig
from .unet_config import UNetConfig


def seeded(*parts: object) -> torch.Generator:
    """A CPU generator whose seed is a hash of the parts: equal parts, equal numbers."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def batch_indices(config: TrainConfig, step: int, size: int) -> Tensor:
    """Which images step k sees, int64 (B,): the k-th slice of an endless row of shuffles."""
    first, parts, needed = step * config.batch_size, [], config.batch_size
    while needed:
        epoch, offset = divmod(first, size)
        order = torch.randperm(size, generator=seeded(config.seed, "epoch", epoch))
        parts.append(order[offset : offset + needed])
        needed -= len(parts[-1])
        first += len(parts[-1])
    return torch.cat(parts)


def draw_step(
    config: TrainConfig, unet: UNetConfig, schedule: NoiseSchedule, dataset: ImageDataset, step: int
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """All that is random in a step, for the whole batch, on the CPU: x0, t, eps, y.

    Of a condition with attributes, all is left out with the probability of label_dropout, and each
    part, the class too, by itself with that of attribute_dropout. Of a share of sparse_attributes
    each attribute, but not the class, is left out at a rate that is itself drawn from 0 to 1: of
    many pictures little is said, and a person may choose one attribute or the class alone.
    """
    if config.even_classes:
        indices = dataset.evenly[batch_indices(config, step, len(dataset.evenly))]
    else:
        indices = batch_indices(config, step, len(dataset))
    x0, y = dataset.batch(indices)
    generator = seeded(config.seed, "step", step)
    t = torch.randint(len(schedule), (len(x0),), generator=generator)
    eps = torch.randn(x0.shape, generator=generator)
    if config.flip:  # from its own generator: all else is drawn as without it
        mirrored = torch.rand(len(x0), generator=seeded(config.seed, "flip", step)) < 0.5
        x0 = torch.where(mirrored[:, None, None, None], x0.flip(3), x0)
    if unet.num_classes is None or y is None:
        return x0, t, eps, None
    if unet.null_label:
        dropped = torch.rand(len(x0), generator=generator) < config.label_dropout
        y = torch.where(dropped, unet.num_classes, y)
        if unet.attributes:
            said = dataset.conditions(indices)
            assert said is not None
            alone = torch.rand(said.shape, generator=generator) < config.attribute_dropout
            if config.sparse_attributes:  # drawn last: all else is drawn as without it
                rate = torch.rand(len(x0), 1, generator=generator)
                sparse = torch.rand(len(x0), 1, generator=generator) < config.sparse_attributes
                left_out = torch.rand(said.shape, generator=generator) < rate
                left_out[:, 0] = False  # the class
                alone |= sparse & left_out
            y = torch.where(dropped[:, None] | alone, nothing(said, unet.num_classes), said)
    return x0, t, eps, y


def seeded_dropout(config: UNetConfig, *parts: object) -> Any:
    """Dropout draws from torch's global generator: seed it for this step, and put it back."""
    if not config.dropout:
        return torch.autograd.profiler.record_function("no dropout")
    fork = torch.random.fork_rng()

    class _Seeded:
        def __enter__(self) -> None:
            fork.__enter__()
            torch.manual_seed(seeded("dropout", *parts).initial_seed() % 2**63)

        def __exit__(self, *error: Any) -> None:
            fork.__exit__(*error)

    return _Seeded()
