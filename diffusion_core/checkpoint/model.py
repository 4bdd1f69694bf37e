"""A loaded checkpoint: the network, its schedule, and the denoiser that both make together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..conditioning import CLASS, attribute_values
from ..denoiser import ClassifierFreeGuidance, ModelDenoiser, ScheduledDenoiser
from ..schedule import NoiseSchedule
from ..unet import UNet
from .config import CheckpointConfig

ConditionRequest = str | int | Tensor | Mapping[str, Any] | Sequence[Any] | None


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A network, the schedule that it was trained with, and its settings.

    Attributes:
        unet: The network, in evaluation mode, fp32.
        schedule: The schedule that it was trained with.
        config: The settings, as in the folder.
        name: The folder's name or the Hub id.
        weights_hash: SHA-256 of the weights file, hex.
    """

    unet: UNet
    schedule: NoiseSchedule
    config: CheckpointConfig
    name: str
    weights_hash: str

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images that it makes."""
        return (self.unet.config.in_channels, *self.unet.config.image_size)

    def label(self, name_or_index: str | int | None) -> int | None:
        """The label of a class given by its name or number; None stays None.

        Raises:
            ValueError: if the model has no such class.
        """
        if name_or_index is None:
            return None
        count = self.unet.config.num_classes
        if count is None:
            raise ValueError(f"{self.name} has no classes; leave the class out.")
        if isinstance(name_or_index, str) and name_or_index in self.config.class_names:
            return self.config.class_names.index(name_or_index)
        try:
            index = int(name_or_index)
        except ValueError:
            index = -1
        if not 0 <= index < count:
            named = [f"{i} {n}" for i, n in enumerate(self.config.class_names)]
            raise ValueError(
                f"There is no class {name_or_index!r}; choose 0 to {count - 1}"
                + (f" ({', '.join(named)})." if named else ".")
            )
        return index

    def condition(self, asked: ConditionRequest) -> int | Tensor | None:
        """The condition of pictures, given by names, in the network's numbers.

        Args:
            asked: A class by name or number; or a mapping with the class and attributes by their
                names, {"class": "open-peeps", "head": "afro"}, each of which may be left out; or a
                sequence of such, one an image; or a tensor (B,) or (B, 1 + K), which is checked.
                None is no condition.

        Returns:
            The number of a class, labels (B,), conditions (B, 1 + K) or (1, 1 + K) for all images,
            or None.

        Raises:
            ValueError: if the model has no such class, attribute or value.
        """
        if isinstance(asked, Tensor):
            classes = (asked if asked.ndim == 1 else asked[:, 0]).unique().tolist()
            for label in classes:
                if asked.ndim == 1 or label != self.unet.config.num_classes:
                    self.label(label)
            return asked
        if isinstance(asked, Mapping):
            names, label = self.config.attribute_names, self.label(asked.get(CLASS))
            if not names and set(asked) <= {CLASS}:
                return label
            wanted = {k: v for k, v in asked.items() if k != CLASS}
            values = attribute_values(names, wanted)
            for name, classes in self.config.attribute_classes:
                known = [self.label(c) for c in classes]
                if name in wanted and label is not None and label not in known:
                    raise ValueError(
                        f"Only {' and '.join(classes)} can be asked for {name}; choose that class, "
                        f"or leave {name} out."
                    )
            said = self.unet.config.num_classes if label is None else label
            return torch.tensor([[said, *values]])
        if isinstance(asked, Sequence) and not isinstance(asked, str):
            each = [self.condition(x if isinstance(x, Mapping) else {CLASS: x}) for x in asked]
            if any(x is None for x in each):
                raise ValueError("Each image of a sequence needs a class.")
            rows = [torch.tensor([x]) if isinstance(x, int) else x for x in each]
            return torch.cat(rows)  # type: ignore[arg-type]
        return self.label(asked)

    def denoiser(
        self, y: ConditionRequest = None, guidance_scale: float = 1.0
    ) -> ScheduledDenoiser:
        """The network as a denoiser, guided where the scale asks for it.

        Args:
            y: The condition; see `condition`.
            guidance_scale: How far the estimate is pushed towards the condition; 1.0 is off, and
                any other needs a condition.

        Raises:
            ValueError: if condition or scale do not fit the model.
        """
        y = self.condition(y)
        if not 0 <= guidance_scale <= 100:
            raise ValueError(
                f"The guidance scale must lie between 0 and 100, got {guidance_scale}."
            )
        conditional = ModelDenoiser(self.unet, self.schedule, self.config.prediction_type, y)
        if guidance_scale == 1.0:
            return conditional
        if y is None or not self.unet.config.null_label:
            raise ValueError("Guidance needs a class and a model with a null label; set it to 1.")
        return ClassifierFreeGuidance(conditional, guidance_scale)
