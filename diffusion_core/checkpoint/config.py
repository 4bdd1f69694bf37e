"""The settings of a checkpoint: everything but the weights, as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any

import torch

from ..conditioning import AttributeNames
from ..denoiser import PREDICTION_TYPES
from ..schedule import NoiseSchedule, make_schedule, rescale_zero_terminal_snr
from ..unet import UNetConfig

CONFIG = "config.json"
FORMAT = "diffusion-playground/1"
BETAS = "betas"


@dataclass(frozen=True)
class CheckpointConfig:
    """Everything but the weights.

    Attributes:
        unet: The network's shape.
        schedule: Arguments of `make_schedule`: name, num_train_timesteps, parameters. Or the name
            is "betas", and beside it stand the betas themselves.
        prediction_type: What the network's output means.
        class_names: The names of the classes, in label order; empty for an unconditional network.
        dataset: What it was trained on, in words.
        training: How it was trained: the settings, steps and command; for the card.
        sampling: Recommended settings, by their names in `SamplingRequest`: sampler, variance,
            spacing.
        clip_x0: Predicted images are clipped to [-clip_x0, clip_x0]; 0 is not clipped.
        notes: Sentences about it that a user should read.
        attribute_names: The names of the attributes that it takes as a condition, each with the
            names of its values.
        attribute_classes: For an attribute, the names of the classes that show it; all classes
            show one that is not listed.
    """

    unet: UNetConfig
    schedule: dict[str, Any]
    prediction_type: str = "epsilon"
    class_names: tuple[str, ...] = ()
    dataset: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    sampling: dict[str, Any] = field(default_factory=dict)
    clip_x0: float = 1.0
    notes: tuple[str, ...] = ()
    attribute_names: AttributeNames = ()
    attribute_classes: AttributeNames = ()

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        object.__setattr__(self, "class_names", tuple(self.class_names))
        object.__setattr__(self, "notes", tuple(self.notes))
        if not 0 <= self.clip_x0 < math.inf:
            raise ValueError(f"clip_x0 must be a number of at least 0, got {self.clip_x0}.")
        names = tuple((str(name), tuple(values)) for name, values in self.attribute_names)
        object.__setattr__(self, "attribute_names", names)
        if tuple(len(values) for _, values in names) != self.unet.attributes:
            raise ValueError("There must be a name for each of the network's attribute values.")
        shown = tuple((str(name), tuple(classes)) for name, classes in self.attribute_classes)
        object.__setattr__(self, "attribute_classes", shown)
        if self.prediction_type not in PREDICTION_TYPES:
            raise ValueError(f"There is no prediction_type {self.prediction_type!r}.")
        if self.class_names and len(self.class_names) != self.unet.num_classes:
            raise ValueError("There must be one class name for each of the network's classes.")

    def noise(self) -> NoiseSchedule:
        """The schedule that it was trained with; ValueError if there is no such schedule."""
        if self.schedule.get("name") != BETAS:
            return make_schedule(**self.schedule)
        schedule = NoiseSchedule(torch.tensor(self.schedule[BETAS], dtype=torch.float64))
        zero = self.schedule.get("zero_terminal_snr", False)
        return rescale_zero_terminal_snr(schedule) if zero else schedule

    def to_json(self) -> str:
        """The configuration as JSON."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> CheckpointConfig:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else.
        """
        values = json.loads(text)
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise ValueError(f"its {CONFIG} is not of the form {FORMAT}")
        values["unet"] = UNetConfig.from_dict(values["unet"])
        return cls(**values)
