"""The shape of a UNet, as a small frozen dataclass that is stored as JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any


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
        mid_attention: The same for the middle.
        head_dim: Channels of one attention head; None is one head.
        norm_groups, norm_eps: Of every group norm.
        dropout: Inside residual blocks.
        scale_shift: Conditioning scales and shifts the norm, in place of an addition.
        time_embedding: "positional" or "fourier".
        flip_sin_to_cos, freq_shift: See `timestep_embedding`.
        downsample_padding: 1 is symmetric, 0 pads right and below only.
        resample: "conv", or "resnet" for resampling inside a residual block.
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

    def __post_init__(self) -> None:
        """Refuse what cannot be built, in one sentence."""
        for name in ("image_size", "channels", "attention", "attributes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.channels or len(self.attention) != len(self.channels):
            raise ValueError("attention must say yes or no for each of the channels' levels.")
        counts = (self.blocks_per_level, self.patch_size, self.norm_groups, *self.channels)
        if min(counts) < 1 or (self.head_dim is not None and self.head_dim < 1):
            raise ValueError(
                "Blocks, patch size, groups, channels and head_dim must be at least 1."
            )
        if bad := [c for c in self.channels if c % self.norm_groups]:
            raise ValueError(f"{bad[0]} channels are not a multiple of {self.norm_groups} groups.")
        attended = [c for c, a in zip(self.channels, self.attention, strict=True) if a]
        attended += [self.channels[-1]] if self.mid_attention else []
        if self.head_dim and (bad := [c for c in attended if c % self.head_dim]):
            raise ValueError(f"{bad[0]} channels are not a multiple of head_dim {self.head_dim}.")
        if self.time_embedding not in ("positional", "fourier"):
            raise ValueError("time_embedding must be 'positional' or 'fourier'.")
        if self.resample not in ("conv", "resnet"):
            raise ValueError("resample must be 'conv' or 'resnet'.")
        if self.num_classes is not None and self.num_classes < 1:
            raise ValueError("num_classes must be at least 1, or None.")
        if self.attributes and (self.num_classes is None or not self.null_label):
            raise ValueError("A network with attributes needs classes and a null label.")
        if min(self.attributes, default=1) < 1:
            raise ValueError("Each of the attributes must have at least 1 value.")

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
