"""The condition that a network takes beside the timestep: a class, and attributes.

A condition is int64, one row an image: (B,) holds classes alone; (B, 1 + K) holds the class and the
values of K attributes. "Unspecified" has a number too, num_classes for the class and -1 for an
attribute, so that a network can be evaluated with all of it unspecified, the null condition (and be
guided away from that). An attribute that does not apply to an image, a pixel avatar's hairdo, is
unspecified as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

UNSPECIFIED = -1
CLASS = "class"
CAPTION = "caption"

AttributeNames = tuple[tuple[str, tuple[str, ...]], ...]
"""The attributes in order, each with the names of its values."""


class ConditionEncoder(nn.Embedding):
    """A condition as one vector an image: y -> (B, E), for the timestep's vector to be added to.

    Summed are a vector of the class and one of each attribute's value. Its own weight is the table
    of classes, which gives it the name that diffusers' `class_embedding` has. The network knows no
    more than y -> (B, E): an encoder of captions can stand in its place.

    Args:
        num_classes: Number of classes, without the null label.
        null_label: Whether there is a vector for "no class".
        attributes: Number of values of each attribute; "unspecified" is one more.
        dim: Size E of the vectors.
    """

    _last: Tensor
    _first: Tensor

    def __init__(
        self, num_classes: int, null_label: bool, attributes: tuple[int, ...], dim: int
    ) -> None:
        """Random weights; those of all attributes together weigh about as much as the class."""
        super().__init__(num_classes + null_label, dim)
        self.num_classes, self.null_label, self.sizes = num_classes, null_label, attributes
        if attributes:
            self.attributes = nn.Embedding(sum(attributes) + len(attributes), dim)
            nn.init.normal_(self.attributes.weight, std=len(attributes) ** -0.5)
            starts = [0, *accumulate(size + 1 for size in attributes[:-1])]
            self.register_buffer("_last", torch.tensor(attributes), persistent=False)
            self.register_buffer("_first", torch.tensor(starts), persistent=False)

    def forward(self, y: Tensor | None, batch_size: int) -> Tensor:  # type: ignore[override]
        """The vectors, (B, E).

        Args:
            y: The condition, (B,) or (B, 1 + K); None is the null condition.
            batch_size: B, which None needs.

        Raises:
            ValueError: if a shape does not fit, or a number of a condition on the CPU.
        """
        y = self.written_out(y, batch_size)
        vector = super().forward(y if y.ndim == 1 else y[:, 0])
        if not self.sizes:
            return vector
        values = y[:, 1:]
        rows = torch.where(values < 0, self._last, values) + self._first  # (B, K)
        return vector + self.attributes(rows).sum(dim=1)

    def written_out(self, y: Tensor | None, batch_size: int) -> Tensor:
        """A condition with what was left out written as its numbers, and checked.

        Args:
            y: The condition, (B,) or (B, 1 + K); None is the null condition.
            batch_size: B, which None needs.

        Returns:
            int64, (B,) of a network without attributes, else (B, 1 + K).

        Raises:
            ValueError: if a shape does not fit, or a number of a condition on the CPU.
        """
        if y is None:
            if not self.null_label:
                raise ValueError("This network has no null label, so it needs a label.")
            y = torch.full((batch_size,), self.num_classes, device=self.weight.device)
        K = len(self.sizes)
        if y.shape[:1] != (batch_size,) or y.shape[1:] not in ((), (1 + K,)):
            wanted = f"({batch_size},)" + (f" or ({batch_size}, {1 + K})" if K else "")
            raise ValueError(f"The labels must be {wanted}, one an image, got {tuple(y.shape)}.")
        classes, values = (y, None) if y.ndim == 1 else (y[:, 0], y[:, 1:])
        # To look at numbers on a GPU is to wait for it, and a compiled graph cannot look at all.
        # Walks and training look before they move them there; see `check_condition`.
        if y.device.type == "cpu" and not torch.compiler.is_compiling():
            check_condition(y, self.num_classes, self.null_label, self.sizes)
        if not K:
            return classes
        if values is None:
            values = torch.full((len(y), K), UNSPECIFIED, device=y.device)
        return torch.cat([classes[:, None], values], dim=1)


def check_condition(
    y: int | Tensor, num_classes: int, null_label: bool, attributes: Sequence[int] = ()
) -> None:
    """Refuse a condition with numbers that a network does not know.

    Args:
        y: The condition, (B,) or (B, 1 + K), or the class of all images. To look at it waits for
            the device that it is on.
        num_classes: Number of classes, without the null label.
        null_label: Whether num_classes itself stands for "no class".
        attributes: Number of values of each of K attributes.

    Raises:
        ValueError: in one sentence.
    """
    y = torch.as_tensor(y)
    classes = y if y.ndim < 2 else y[:, 0]
    last = num_classes - 1 + null_label
    if bool(((classes < 0) | (classes > last)).any()):
        raise ValueError(f"A label must lie in [0, {last}].")
    if y.ndim < 2 or not attributes:
        return
    values, sizes = y[:, 1:], torch.tensor(attributes, device=y.device)
    if bool(((values < UNSPECIFIED) | (values >= sizes)).any()):
        raise ValueError(f"Attributes must lie from -1 to below {', '.join(map(str, attributes))}.")


def null_condition(y: Tensor, num_classes: int) -> Tensor:
    """The condition with class and attributes unspecified, of the same shape as y."""
    if y.ndim == 1:
        return torch.full_like(y, num_classes)
    null = torch.full_like(y, UNSPECIFIED)
    null[:, 0] = num_classes
    return null


def attribute_values(names: AttributeNames, chosen: Mapping[str, str | int]) -> list[int]:
    """The attributes' values as numbers, in order; -1 where one is unspecified.

    Args:
        names: Names of the attributes and of their values.
        chosen: Name or number of a value, by the attribute's name.

    Raises:
        ValueError: if there is no such attribute or value; the message lists the known ones.
    """
    numbers = dict.fromkeys((name for name, _ in names), UNSPECIFIED)
    choices = dict(names)
    for name, value in chosen.items():
        if not choices:
            raise ValueError(f"This model has no attributes; leave {name} out.")
        if name not in choices:
            raise ValueError(f"There is no attribute {name!r}; choose from: {', '.join(choices)}.")
        numbers[name] = _value(name, choices[name], value)
    return list(numbers.values())


def _value(name: str, choices: Sequence[str], value: str | int) -> int:
    if isinstance(value, str) and value in choices:
        return choices.index(value)
    try:
        number = int(value)
    except ValueError:
        number = -1
    if isinstance(value, bool) or not 0 <= number < len(choices):
        raise ValueError(f"There is no {name} {value!r}; choose from: {', '.join(choices)}.")
    return number
