"""The settings of a checkpoint: everything but the weights, as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ..conditioning import CLASS, AttributeNames
from ..denoiser import PREDICTION_TYPES, check_prediction
from ..fields import (
    Kind,
    check_fields,
    either,
    flag,
    listed,
    mapping,
    number,
    one_of,
    optional,
    pair,
    parse_json,
    shown,
    text,
    whole,
)
from ..samplers import SAMPLERS, VARIANCES
from ..schedule import (
    MAX_TIMESTEPS,
    SCHEDULES,
    SPACINGS,
    NoiseSchedule,
    Schedule,
    make_schedule,
    rescale_zero_terminal_snr,
)
from ..unet import ACTIVATIONS, UNetConfig

CONFIG = "config.json"
FORMAT = "diffusion-playground/1"
BETAS = "betas"

MAX_LEVELS, MAX_SIDE, MAX_CLASSES, MAX_NAME = 10, 4096, 100_000, 300
PICTURE_CHANNELS = (1, 3)  # grey and colour: what can be shown and kept
RESAMPLES = ("conv", "resnet")
NAME = text(MAX_NAME, least=1)
LEVELS = {"least": 1, "most": MAX_LEVELS}

UNET: dict[str, Kind] = {
    "image_size": listed(whole(1, MAX_SIDE), 2, 2),
    "in_channels": one_of(PICTURE_CHANNELS),
    "out_channels": one_of((1, 2, 3, 6)),  # twice the pictures' where it learned its variance
    "patch_size": whole(1, 64),
    "channels": listed(whole(1, 16_384), **LEVELS),
    "blocks_per_level": whole(1, 64),
    "attention": listed(flag(), **LEVELS),
    "mid_attention": flag(),
    "head_dim": optional(whole(1, 16_384)),
    "norm_groups": whole(1, 16_384),
    "norm_eps": number(0, 1, above=True),
    "dropout": number(0, 0.999),
    "scale_shift": flag(),
    "time_embedding": one_of(("positional", "fourier")),
    "flip_sin_to_cos": flag(),
    "freq_shift": number(-8192, 8192),
    "downsample_padding": one_of((0, 1)),
    "resample": one_of(RESAMPLES),
    "num_classes": optional(whole(1, MAX_CLASSES)),
    "null_label": flag(),
    "attributes": listed(whole(1, 10_000), 0, 100),
    "attention_up": optional(listed(flag(), **LEVELS)),
    "mid_norm_groups": optional(whole(0, 16_384)),
    "mid_scale": number(1e-3, 1e3),
    "activation": one_of(ACTIVATIONS),
    "time_dim": optional(whole(1, 65_536)),
    "center_input": flag(),
    "resample_down": optional(listed(one_of(RESAMPLES), **LEVELS)),
    "resample_up": optional(listed(one_of(RESAMPLES), **LEVELS)),
}
BETA = number(0, 1, above=True)
SCHEDULE: dict[str, Kind] = {
    "name": one_of((*SCHEDULES, BETAS)),
    "num_train_timesteps": whole(2, MAX_TIMESTEPS),
    "zero_terminal_snr": flag(),
    BETAS: listed(BETA, 2, MAX_TIMESTEPS),
    "beta_start": BETA,
    "beta_end": BETA,
    "s": number(0, 100),
    "start": number(-100, 100),
    "end": number(-100, 100),
    "tau": number(1e-3, 100),
}
SAMPLING: dict[str, Kind] = {  # by their names in `SamplingRequest`
    "label": optional(either(NAME, whole(0, MAX_CLASSES))),
    "sampler": one_of([*SAMPLERS]),
    "num_steps": whole(1, MAX_TIMESTEPS),
    "eta": number(0, 1),
    "spacing": one_of(SPACINGS),
    "variance": one_of(VARIANCES),
    "guidance_scale": number(0, 100),
}
NAMES_OF_EACH = listed(pair(NAME, listed(NAME, 0, 10_000)), 0, 100)
FIELDS: dict[str, Kind] = {
    "schedule": mapping(SCHEDULE),
    "prediction_type": one_of(PREDICTION_TYPES),
    "class_names": listed(NAME, 0, MAX_CLASSES),
    "dataset": text(10_000, lines=True),
    "training": mapping(
        {
            "settings": mapping(),
            "command": text(100_000, lines=True),
            "steps": whole(0, 10**12),
            "init": optional(text(10_000)),
        }
    ),
    "sampling": mapping(SAMPLING),
    "clip_x0": number(0, 1000),
    "notes": listed(text(10_000, lines=True), 0, 100),
    "attribute_names": NAMES_OF_EACH,
    "attribute_classes": NAMES_OF_EACH,
}


def unet_from(values: Any) -> UNetConfig:
    """The shape of a network, from a file: every field is checked before it is used.

    Raises:
        ValueError: in one sentence that names the field, what it holds and what it may hold.
    """
    return UNetConfig(**check_fields(values, UNET, of="its unet", prefix="its unet."))


def schedule_from(values: Mapping[str, Any]) -> Schedule:
    """The noise schedule that settings name, or whose betas they hold.

    Args:
        values: Arguments of `make_schedule`; or the name is "betas", and beside it stand the betas
            themselves, and perhaps "zero_terminal_snr".

    Raises:
        ValueError: in one sentence, if there is no such schedule.
    """
    check_fields(values, SCHEDULE, of="its schedule", prefix="its schedule.", required=("name",))
    if values["name"] != BETAS:
        return make_schedule(**values)
    known = ("name", BETAS, "num_train_timesteps", "zero_terminal_snr")
    if unknown := [key for key in values if key not in known]:
        raise ValueError(f"its schedule.{unknown[0]} has no use beside betas.")
    if BETAS not in values:
        raise ValueError(f"its schedule.betas is missing, and must be {SCHEDULE[BETAS].words}.")
    schedule = NoiseSchedule(torch.tensor(values[BETAS], dtype=torch.float64))
    zero = values.get("zero_terminal_snr", False)
    return rescale_zero_terminal_snr(schedule) if zero else schedule


def _tuples(names: Any) -> AttributeNames:
    return tuple((name, tuple(values)) for name, values in names)


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
        """Refuse what cannot be, or does not fit together; by the name of the field."""
        check_fields({name: getattr(self, name) for name in FIELDS}, FIELDS)
        object.__setattr__(self, "class_names", tuple(self.class_names))
        object.__setattr__(self, "notes", tuple(self.notes))
        object.__setattr__(self, "attribute_names", _tuples(self.attribute_names))
        object.__setattr__(self, "attribute_classes", _tuples(self.attribute_classes))
        self.unet.check_image_size()
        self._check_names()
        channels = self.unet.in_channels
        if self.unet.out_channels not in (channels, 2 * channels):
            raise ValueError(
                f"its unet.out_channels is {self.unet.out_channels}, and must be {channels}, the "
                f"channels of its pictures, or {2 * channels} where it learned its variance."
            )
        if self.sampling.get("variance") == "learned" and not self.unet.learned_variance:
            raise ValueError(
                "its sampling.variance is learned, and its unet gives none: unet.out_channels must "
                f"be {2 * channels} for that."
            )
        check_prediction(self.prediction_type, self.noise())

    def _check_names(self) -> None:
        """Refuse names that are repeated, or of which there are more or fewer than needed."""
        names, shape = self.class_names, self.unet
        if names and len(names) != shape.num_classes:
            raise ValueError(
                f"its class_names are {len(names)}, and must be {shape.num_classes or 0}, one for "
                "each of the network's classes."
            )
        sizes = tuple(len(values) for _, values in self.attribute_names)
        if sizes != shape.attributes:
            raise ValueError(
                f"its attribute_names have {shown(sizes)} values, and must have "
                f"{shown(shape.attributes)}, a name for each of the network's attribute values."
            )
        attributes = [name for name, _ in self.attribute_names]
        of_values = {f"attribute_names.{name}": values for name, values in self.attribute_names}
        lists = {"class_names": names, "attribute_names": [CLASS, *attributes], **of_values}
        for field_name, listed_names in lists.items():
            repeated = [name for name, times in Counter(listed_names).items() if times > 1]
            if repeated:
                raise ValueError(f"its {field_name} hold {shown(repeated[0])} twice.")
        known = set(names)
        for name, classes in self.attribute_classes:
            if name not in attributes:
                raise ValueError(
                    f"its attribute_classes name {shown(name)}, which is not among its "
                    "attribute_names."
                )
            if unknown := [each for each in classes if each not in known]:
                raise ValueError(
                    f"its attribute_classes.{name} name {shown(unknown[0])}, which is not among "
                    "its class_names."
                )

    def noise(self) -> Schedule:
        """The schedule that it was trained with; ValueError if there is no such schedule."""
        return schedule_from(self.schedule)

    def to_json(self) -> str:
        """The configuration as JSON."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> CheckpointConfig:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else.
        """
        values = parse_json(text, f"its {CONFIG}")
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise ValueError(f"its {CONFIG} is not of the form {FORMAT}.")
        table = {"unet": mapping(), **FIELDS}
        check_fields(values, table, required=("unet", "schedule"))
        values["unet"] = unet_from(values["unet"])
        return cls(**values)
