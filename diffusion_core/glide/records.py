"""What is recorded of avatars, as facts that captions are written of; and captioned pictures.

Facts are a mapping: the class, attributes and parts by their names, each with its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from ..conditioning import CLASS
from ..data import AvatarFile, ImageDataset
from .captions import Caption, Tokenizer, describe

CAPTIONS_EACH = 8  # of a picture, in a training: of ever other words


class Records(Protocol):
    """A row of facts."""

    def __len__(self) -> int:
        """How many there are."""

    def facts(self, index: int, /) -> Mapping[str, str]:
        """Those of one."""


class AvatarRecords:
    """The facts of a file of avatars.

    Args:
        file: The avatars; without parts their captions tell class and attributes alone.
    """

    def __init__(self, file: AvatarFile) -> None:
        """Hold the file."""
        self._file = file

    def __len__(self) -> int:
        """The number of pictures."""
        return len(self._file.labels)

    def facts(self, index: int) -> dict[str, str]:
        """What is recorded of a picture."""
        file = self._file
        found = {CLASS: file.class_names[int(file.labels[index])]}
        for names, values in (
            (file.attribute_names, file.attributes),
            (file.part_names, file.parts),
        ):
            if values is not None:
                row = zip(names, values[index].tolist(), strict=True)
                found |= {name: each[v] for (name, each), v in row if v >= 0}
        return found


def caption_of(records: Records, index: int, seed: int) -> Caption:
    """The caption of this number: of the facts `index` modulo their number, in words of its own."""
    return describe(records.facts(index % len(records)), seed, index)


class CaptionedPictures:
    """Pictures with captions, as `training.train` takes them.

    Every picture counts `CAPTIONS_EACH` times, each with another caption.

    Args:
        pictures: The pictures, with labels.
        records: What is recorded of them, in the same order.
        tokenizer: Turns captions into conditions.
        seed: Of the captions.

    Raises:
        ValueError: if there are not as many records as pictures, or there are no labels.
    """

    def __init__(
        self, pictures: ImageDataset, records: Records, tokenizer: Tokenizer, seed: int = 0
    ) -> None:
        """Hold the parts; captions are written when they are asked for."""
        if len(records) != len(pictures) or pictures.labels is None:
            raise ValueError(
                f"{pictures.name} has {len(pictures):,} pictures, and needs as many records of "
                f"what they show, with their styles; got {len(records):,}."
            )
        self.pictures, self.records = pictures, records
        self.tokenizer, self.seed = tokenizer, seed

    def __len__(self) -> int:
        """Pictures, each as often as it has captions."""
        return len(self.pictures) * CAPTIONS_EACH

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor | None]:
        """Images (B, C, H, W) in [-1, 1] and the numbers of their styles (B,)."""
        return self.pictures.batch(indices % len(self.pictures))

    def conditions(self, indices: Tensor) -> Tensor:
        """Their captions as conditions, int64 (B, length)."""
        captions = [caption_of(self.records, i, self.seed) for i in indices.tolist()]
        return torch.cat([self.tokenizer.read(caption.text) for caption in captions])

    @cached_property
    def evenly(self) -> Tensor:
        """Indices among which every style is equally frequent; see `ImageDataset.evenly`."""
        own, n = self.pictures.evenly, len(self.pictures)
        return torch.cat([own + n * k for k in range(CAPTIONS_EACH)])
