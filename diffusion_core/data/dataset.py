"""Pictures and labels in memory: what a data set is, and how one is gathered from pictures.

It is held as uint8 and turned into floats a batch at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..conditioning import AttributeNames
from ..fields import printable
from .images import fit_picture, from_uint8
from .ranges import AUTOMATIC, RawPicture, find_range, range_words


class Source(NamedTuple):
    """A picture to be read.

    Attributes:
        shown: Its name in messages.
        read: Reads it for a square of a given side; raises ValueError where that cannot be done.
        label: The name of its class; "" where it has none.
    """

    shown: str
    read: Callable[[int], RawPicture]
    label: str = ""


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Pictures and labels in memory.

    Attributes:
        name: The name of the set, for messages and cards.
        pictures: uint8, (N, H, W, C).
        labels: int64, (N,), or None.
        class_names: The name of each class, in label order; empty without labels.
        unreadable: Files that were left out, with the reason.
        attributes: int64, (N, K), or None: what each picture shows beside its class; -1 where an
            attribute does not apply.
        attribute_names: The names of the K attributes, each with the names of its values.
        notes: Sentences on what else was left out, and on how the values were read.
    """

    name: str
    pictures: np.ndarray
    labels: Tensor | None = None
    class_names: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    attributes: Tensor | None = None
    attribute_names: AttributeNames = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """N, the number of pictures."""
        return len(self.pictures)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        H, W, C = self.pictures.shape[1:]
        return C, H, W

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on how the pictures were read, and on what was left out."""
        if not self.unreadable:
            return self.notes
        count = len(self.unreadable)
        first = "; ".join(self.unreadable[:5]) + (f"; and {count - 5} more" if count > 5 else "")
        return (*self.notes, f"Left out, as they cannot be read: {count:,}. {first}")

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
        """For each attribute that only some classes show, the names of those classes."""
        if self.labels is None or self.attributes is None:
            return ()
        found = []
        for k, (name, _) in enumerate(self.attribute_names):
            seen = self.labels[self.attributes[:, k] >= 0].unique().tolist()
            if len(seen) < len(self.class_names):
                found.append((name, tuple(self.class_names[i] for i in seen)))
        return tuple(found)

    @cached_property
    def evenly(self) -> Tensor:
        """Indices among which every class is equally frequent, int64: of the rarer ones repeated.

        Without labels: each picture once.
        """
        if self.labels is None:
            return torch.arange(len(self))
        members = [(self.labels == label).nonzero()[:, 0] for label in self.labels.unique()]
        most = max(len(own) for own in members)
        return torch.cat([own.repeat(-(-most // len(own)))[:most] for own in members])

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor | None]:
        """Images (B, C, H, W) in [-1, 1] and their labels (B,), for int64 indices (B,)."""
        images = from_uint8(self.pictures[indices.numpy()])
        return images, None if self.labels is None else self.labels[indices]

    def conditions(self, indices: Tensor) -> Tensor | None:
        """The conditions of the images: (B, 1 + K), or without attributes their labels (B,)."""
        if self.labels is None or self.attributes is None:
            return None if self.labels is None else self.labels[indices]
        return torch.cat([self.labels[indices, None], self.attributes[indices]], dim=1)


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
    value_range: str | float = AUTOMATIC,
    progress: Callable[[int, int], None] | None = None,
) -> ImageDataset:
    """Read pictures one after the other, and make a data set of those that can be read.

    Grey stays grey only if all are. Classes count only if every picture has one and there are at
    least two. In memory are the pictures at size × size, and one at a time as it came. Pictures
    with more than 8 bits a value become levels when all are read, by one range for all whole
    numbers among them and one for all floats.

    Args:
        name: The name of the data set.
        sources: The pictures, in order; what cannot be read raises ValueError.
        size: Each is cropped to a square and resized to size × size.
        value_range: A key of `RANGES`, or the value that is white.
        progress: Called with (done, total) after each.

    Returns:
        The data set; without any picture, if none can be read.
    """
    stack = np.empty((len(sources), size, size, 3), np.uint8)
    classes: list[str] = []
    unreadable: list[str] = []
    deep: dict[int, RawPicture] = {}  # by the place in the stack
    grey = True
    for done, (shown, read, label) in enumerate(sources, start=1):
        try:
            picture = read(size)
            square = fit_picture(picture.values, size)
        except ValueError as error:
            unreadable.append(f"{printable(shown)}: {error}")
        else:
            if picture.deep:
                clipped = square.clip(picture.low, picture.high)  # the resampling overshoots
                deep[len(classes)] = replace(picture, values=clipped)
            else:
                grey = grey and bool((square == square[..., :1]).all())
                stack[len(classes)] = square
            classes.append(printable(label))
        if progress is not None:
            progress(done, len(sources))
    notes = []
    for floats in (False, True):
        alike = {at: picture for at, picture in deep.items() if picture.floats == floats}
        if alike:
            every = list(alike.values())
            found = find_range(every, value_range)
            notes.append(range_words(every, found))
            for at, picture in alike.items():
                stack[at] = found.levels(picture.values)
    pictures = stack[: len(classes), ..., :1].copy() if grey else stack[: len(classes)]
    name, names = printable(name), tuple(sorted(set(classes)))
    told = (tuple(unreadable), None, (), tuple(notes))
    if len(names) < 2 or "" in names:
        return ImageDataset(name, pictures, None, (), *told)
    number = {label: index for index, label in enumerate(names)}
    labels = torch.tensor([number[label] for label in classes])
    return ImageDataset(name, pictures, labels, names, *told)
