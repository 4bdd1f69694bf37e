"""The shape of a UNet, as a small frozen dataclass that is stored as JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

ACTIVATIONS = ("silu", "mish", "gelu", "relu")


@dataclass(frozen=True)
class UNetConfig:
    """The shape of a UNet; JSON in and out.

    Attributes:
        image_size: Height and width that it is made for; others work where the levels divide them.
        in_channels, out_channels: Of the images.
        patch_size: p folds p × p pixels into channels; 1 is off.
        channels: Feature channels of each level, from fine to coarse.
        blocks_per_level: Residual blocks on the way down; one more on the way up.
        attention: For each level, whether it attends to itself.
        attention_up: The same on the way up; None is as on the way down.
        mid_attention: The same for the middle.
        head_dim: Channels of one attention head; None is one head.
        norm_groups, norm_eps: Of every group norm.
        mid_norm_groups: Of the middle's attention; None is norm_groups, 0 is no norm.
        mid_scale: The middle's sums of branch and shortcut are divided by it.
        activation: Of residual blocks: "silu", "mish", "gelu" or "relu".
        dropout: Inside residual blocks.
        scale_shift: Conditioning scales and shifts the norm, in place of an addition.
        time_embedding: "positional" or "fourier".
        time_dim: Size of the conditioning vector; None is 4 times the first level's channels.
        flip_sin_to_cos, freq_shift: See `timestep_embedding`.
        center_input: Take images in [0, 1] to [-1, 1] first, as 2 x - 1.
        downsample_padding: 1 is symmetric, 0 pads right and below only.
        resample: "conv", or "resnet" for resampling inside a residual block.
        resample_down, resample_up: The same for each level, on leaving it downwards or upwards;
            None is `resample` at every one.
        num_classes: Labels 0 to num_classes - 1; None is an unconditional network.
        null_label: Add one label, num_classes, that means "no class" (for guidance).
        attributes: How many values each attribute has that an image is asked for beside its class;
            see `conditions`.
    """

    image_size: tuple[int, int] = (32, 32)
    in_channels: int = 3
    out_channels: int = 3
    patch_size: int = 1
    channels: tuple[int, ...] = (64, 128, 256)
    blocks_per_level: int = 2
    attention: tuple[bool, ...] = (False, False, True)
    mid_attention: bool = True
    head_dim: int | None = 32
    norm_groups: int = 32
    norm_eps: float = 1e-5
    dropout: float = 0.0
    scale_shift: bool = False
    time_embedding: str = "positional"
    flip_sin_to_cos: bool = True
    freq_shift: float = 0.0
    downsample_padding: int = 1
    resample: str = "conv"
    num_classes: int | None = None
    null_label: bool = True
    attributes: tuple[int, ...] = ()
    attention_up: tuple[bool, ...] | None = None
    mid_norm_groups: int | None = None
    mid_scale: float = 1.0
    activation: str = "silu"
    time_dim: int | None = None
    center_input: bool = False
    resample_down: tuple[str, ...] | None = None
    resample_up: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be built, in one sentence."""
        for name in (
            "image_size",
            "channels",
            "attention",
            "attributes",
            "attention_up",
            "resample_down",
            "resample_up",
        ):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(getattr(self, name)))
        levels = len(self.channels)
        if not levels or any(len(a) != levels for a in (self.attention, self.up_attention)):
            raise ValueError("attention must say yes or no for each of the channels' levels.")
        counts = (self.blocks_per_level, self.patch_size, self.norm_groups, *self.channels)
        if min(counts) < 1 or (self.head_dim is not None and self.head_dim < 1):
            raise ValueError(
                "Blocks, patch size, groups, channels and head_dim must be at least 1."
            )
        if bad := [c for c in self.channels if c % self.norm_groups]:
            raise ValueError(f"{bad[0]} channels are not a multiple of {self.norm_groups} groups.")
        attended = [self.channels[-1]] if self.mid_attention else []
        for attention in (self.attention, self.up_attention):
            attended += [c for c, a in zip(self.channels, attention, strict=True) if a]
        if self.head_dim and (bad := [c for c in attended if c % self.head_dim]):
            raise ValueError(f"{bad[0]} channels are not a multiple of head_dim {self.head_dim}.")
        if self.time_embedding not in ("positional", "fourier"):
            raise ValueError("time_embedding must be 'positional' or 'fourier'.")
        kinds = [self.resample_kinds(way) for way in ("down", "up")]
        if any(len(k) != levels or not set(k) <= {"conv", "resnet"} for k in kinds):
            raise ValueError("resample must be 'conv' or 'resnet', at every level.")
        if self.mid_norm_groups and self.channels[-1] % self.mid_norm_groups:
            raise ValueError(
                f"{self.channels[-1]} channels are not a multiple of {self.mid_norm_groups} groups."
            )
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}.")
        if not self.mid_scale > 0 or (self.time_dim is not None and self.time_dim < 1):
            raise ValueError("mid_scale and time_dim must be above 0.")
        if self.num_classes is not None and self.num_classes < 1:
            raise ValueError("num_classes must be at least 1, or None.")
        if self.attributes and (self.num_classes is None or not self.null_label):
            raise ValueError("A network with attributes needs classes and a null label.")
        if min(self.attributes, default=1) < 1:
            raise ValueError("Each of the attributes must have at least 1 value.")

    @property
    def up_attention(self) -> tuple[bool, ...]:
        """For each level, whether it attends to itself on the way up."""
        return self.attention if self.attention_up is None else self.attention_up

    def resample_kinds(self, way: str) -> tuple[str, ...]:
        """Either "conv" or "resnet" for each level that is left "down" or "up"."""
        kinds = self.resample_down if way == "down" else self.resample_up
        return (self.resample,) * len(self.channels) if kinds is None else kinds

    @property
    def divisor(self) -> int:
        """Height and width must be multiples of this."""
        return self.patch_size * 2 ** (len(self.channels) - 1)

    def to_json(self) -> str:
        """The configuration as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> UNetConfig:
        """Read what `to_json` wrote; an unknown key is a ValueError."""
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"A UNet has no setting {unknown[0]!r}.")
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> UNetConfig:
        """Read what `to_json` wrote."""
        return cls.from_dict(json.loads(text))
