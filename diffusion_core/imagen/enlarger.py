"""The model of super-resolution: from a small picture to a large one (Saharia et al. 2022).

    x_t (B, C, H, W), t (B,), small z (B, C, h, w), level s (B,), y (B, L) -> (B, C, H, W)

What it is given is not the clean small picture but one with noise of a level that it is told,

    z = cos(s π/2) x_small + sin(s π/2) ε,    s in [0, 1]

which is called noise conditioning augmentation (Ho et al. 2021, section 4.2; Saharia et al. 2022,
section 2.4). Trained at every level, it learns how far to trust a picture that a model made, and
to draw anew what it cannot trust; the level at sampling is one's choice.

Two ways lead through it. The trunk, a UNet, sees large patches (8 × 8 pixels as channels) of x_t,
and the patches of z that lie there: it costs no more than on a picture of a quarter of the pixels,
and knows what is where. But its features are fewer numbers than a picture has, so that edges cannot
go through it. They go by a shallow branch at full resolution, of four 3 × 3 convolutions on x_t and
on z enlarged, which the trunk tells by a few maps what to draw. The output is

    (1 + p) cos(s π/2) · enlarged z + q x_t + what the branch writes,

where cos(s π/2) z is the best linear estimate of x_small from z if pixels have variance 1. Where
there is little noise in x_t, little is left to be written, as in Karras et al. (2022, section 5).
Trunk and branch are told t, s and the caption in one vector; p and q follow from it, and begin at
zero, as does what the branch writes.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoint import unet_from
from ..clip import Clip
from ..fields import Kind, check_fields, mapping, whole
from ..unet import EmbeddingMLP, UNet, UNetConfig, timestep_embedding
from .base import (
    READ,
    WRITTEN,
    patches_read,
    patches_written,
    take_over_nothing,
    trunk_of,
    vector_size,
)
from .captions import CAPTION, CaptionConfig, CaptionVector, InWords

LEVEL_SCALE = 1000.0  # a level in [0, 1] is embedded as a timestep of so many is
ENLARGER: dict[str, Kind] = {
    "unet": mapping(),
    "caption": mapping(CAPTION),
    "ratio": whole(2, 16),
    "width": whole(1, 128),
    "maps": whole(1, 64),
}


@dataclass(frozen=True)
class EnlargerConfig(InWords):
    """The shape of a model of super-resolution; a `denoiser.NetworkConfig`.

    Attributes:
        unet: The UNet of large pictures, without classes; its trunk works on its patches.
        caption: The captions'.
        ratio: How many times larger the large pictures are than the small ones.
        width: Channels of the branch at full resolution.
        maps: Maps at full resolution that the trunk tells the branch.

    Raises:
        ValueError: if the parts do not fit together.
    """

    unet: UNetConfig
    caption: CaptionConfig
    ratio: int = 4
    width: int = 24
    maps: int = 6

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        values = {name: getattr(self, name) for name in ("ratio", "width", "maps")}
        kinds = {name: ENLARGER[name] for name in values}
        check_fields(values, kinds, required=tuple(kinds), of="its network")
        unet = self.unet
        if unet.patch_size % self.ratio:
            raise ValueError(
                f"The patches of {unet.patch_size} pixels must be a multiple of the ratio, "
                f"{self.ratio}."
            )
        unet.check_image_size()
        if unet.num_classes is not None or unet.in_channels != unet.out_channels:
            raise ValueError(
                "The UNet of super-resolution has no classes, and no learned variance."
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EnlargerConfig:
        """The shape that `dataclasses.asdict` gave, also when it was JSON since.

        Raises:
            ValueError: if a field is missing or holds something else.
        """
        check_fields(values, ENLARGER, required=tuple(ENLARGER), of="its network")
        caption = CaptionConfig.from_dict(values["caption"])
        return cls(**{**values, "unet": unet_from(values["unet"]), "caption": caption})

    @property
    def trunk(self) -> UNetConfig:
        """The UNet that takes patches of x_t and z as channels, and gives maps as patches."""
        unet, patch = self.unet, self.unet.patch_size
        C, H, W = unet.sample_shape
        return dataclasses.replace(
            unet,
            image_size=(H // patch, W // patch),
            in_channels=C * (patch**2 + (patch // self.ratio) ** 2),
            out_channels=self.maps * patch**2,
            patch_size=1,
        )

    @property
    def sample_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the large pictures."""
        return self.unet.sample_shape

    @property
    def small_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of the small pictures."""
        C, H, W = self.sample_shape
        return C, H // self.ratio, W // self.ratio

    @property
    def patch_size(self) -> int:
        """Side of the patches that are its trunk's channels."""
        return self.unet.patch_size

    @property
    def time_embedding(self) -> str:
        """How the timestep enters; see `denoiser.network_output`."""
        return self.unet.time_embedding

    @property
    def dropout(self) -> float:
        """That of the trunk."""
        return self.unet.dropout


class Enlarger(nn.Module):
    """The network; see the module's docstring.

    Args:
        config: Its shape.
        clip: The CLIP that reads captions; see `CaptionVector`.

    Raises:
        ValueError: if the CLIP has another shape.
    """

    def __init__(self, config: EnlargerConfig, clip: Clip) -> None:
        """Random weights, by torch's own generator; it begins as the enlargement alone."""
        super().__init__()
        self.config = config
        E, C, width = vector_size(config.unet), config.sample_shape[0], config.width
        self.trunk = UNet(config.trunk)
        self.caption = CaptionVector(config.caption, E, clip)
        self.level = EmbeddingMLP(config.unet.channels[0], E)
        self.first = nn.Conv2d(2 * C, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.third = nn.Conv2d(width + config.maps + C, width, 3, padding=1)
        self.last = nn.Conv2d(width, C, 3, padding=1)
        # Scale and shift behind first and third, then p and q.
        self.told = nn.Linear(E, 4 * width + 2)
        for layer in (self.level.linear_2, self.last, self.told):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)

    def forward(
        self, x_t: Tensor, t: Tensor, z: Tensor, level: Tensor, y: Tensor | None = None
    ) -> Tensor:
        """Predict from noisy large pictures.

        Args:
            x_t: (B, C, H, W).
            t: Timesteps, (B,).
            z: Small pictures, with noise of their level in them, (B, C, h, w); see `augmented`.
            level: s of each, float (B,) in [0, 1].
            y: Captions as conditions, int64 (B, L); None is the empty caption.

        Raises:
            ValueError: if a shape or a caption does not fit.
        """
        config, B = self.config, len(t)
        if x_t.shape != (B, *config.sample_shape) or z.shape != (B, *config.small_shape):
            theirs, own = (
                " and ".join(" × ".join(map(str, s)) for s in shapes)
                for shapes in (
                    (x_t.shape[1:], z.shape[1:]),
                    (config.sample_shape, config.small_shape),
                )
            )
            raise ValueError(
                f"Large and small pictures must be {own}, one small picture each; got {theirs}."
            )
        patch = config.unet.patch_size
        patches = torch.cat(
            [
                F.pixel_unshuffle(x_t, patch),
                F.pixel_unshuffle(z, patch // config.ratio),
            ],
            dim=1,
        )
        features = timestep_embedding(level * LEVEL_SCALE, config.unet.channels[0])
        emb = self.trunk.conditioning(patches, t) + self.caption(y, B)
        emb = emb + self.level(features.to(emb.dtype))
        maps = F.pixel_shuffle(self.trunk.evaluate(patches, emb), patch)
        large = enlarged(z, config.ratio)
        told, gates = self.told(F.silu(emb))[:, :, None, None].tensor_split([4 * config.width], 1)
        a, b, c, d = told.chunk(4, dim=1)
        p, q = gates.chunk(2, dim=1)
        h = F.silu(self.first(torch.cat([x_t, large], dim=1)) * (1 + a) + b)
        h = F.silu(self.second(h))
        h = F.silu(self.third(torch.cat([h, maps, x_t], dim=1)) * (1 + c) + d)
        signal = torch.cos(level * (math.pi / 2)).to(large.dtype)[:, None, None, None]
        return ((1 + p) * signal * large + q * x_t + self.last(h)).to(x_t.dtype)

    @property
    def num_parameters(self) -> int:
        """Number of its parameters, without the CLIP's."""
        return sum(p.numel() for p in self.parameters())

    def bound(self, z: Tensor, level: float) -> BoundEnlarger:
        """The same network with the small pictures (B, C, h, w) of a walk, noise of `level` in."""
        return BoundEnlarger(self, z, level)


class BoundEnlarger(nn.Module):
    """A model of super-resolution with the small pictures of a walk, as a `denoiser.Network`.

    A batch of x_t holds the large pictures of all small ones in their order, once or, under
    guidance, several times.

    Args:
        enlarger: The network; its weights are shared.
        z: The small pictures, with noise of their level in them, (N, C, h, w). They go where the
            network goes, and are none of its weights.
        level: Their s, from 0 to 1.

    Raises:
        ValueError: if pictures or level do not fit.
    """

    small: Tensor

    def __init__(self, enlarger: Enlarger, z: Tensor, level: float) -> None:
        """Hold the parts; nothing is computed."""
        super().__init__()
        if z.shape[1:] != enlarger.config.small_shape or not len(z):
            own = " × ".join(map(str, enlarger.config.small_shape))
            raise ValueError(f"The small pictures must be {own}, got {tuple(z.shape)}.")
        check_level(level)
        self.enlarger, self.s = enlarger, float(level)
        self.small = z.to(enlarger.caption.nothing.device)

    @property
    def config(self) -> EnlargerConfig:
        """The network's shape."""
        return self.enlarger.config

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Predict from noisy large pictures (k N, C, H, W); see `Enlarger`.

        Raises:
            ValueError: if there are not as many as small pictures, or a multiple of it.
        """
        times, over = divmod(len(x_t), len(self.small))
        if over or not times:
            raise ValueError(
                f"There are {len(self.small)} small pictures; a batch must be a multiple of that, "
                f"got {len(x_t)}."
            )
        z = self.small.repeat(times, 1, 1, 1).to(x_t.dtype)
        return self.enlarger(x_t, t, z, x_t.new_full((len(x_t),), self.s), y)

    def _apply(self, fn: Any, recurse: bool = True) -> BoundEnlarger:
        """Whatever moves the weights moves the small pictures."""
        self.small = fn(self.small)
        return super()._apply(fn, recurse)


def check_level(level: float) -> None:
    """Refuse a level of augmentation that is none.

    Raises:
        ValueError: if it is not from 0 to 1.
    """
    if not 0 <= level <= 1:
        raise ValueError(f"The augmentation must lie between 0 and 1, got {level}.")


def augmented(small: Tensor, level: Tensor, noise: Tensor) -> Tensor:
    """Small pictures with noise of a level: cos(s π/2) x + sin(s π/2) ε, as x (B, C, h, w).

    Args:
        small: Pictures in [-1, 1].
        level: s of each, (B,), from 0, the picture itself, to 1, noise alone.
        noise: ε, standard normal, as the pictures.
    """
    angle = (level.to(small) * (math.pi / 2))[:, None, None, None]
    return angle.cos() * small + angle.sin() * noise


def shrunk(pictures: Tensor, ratio: int) -> Tensor:
    """Pictures (B, C, H, W) at a side that is so many times smaller, by the mean over the area."""
    return F.avg_pool2d(pictures, ratio)


def enlarged(small: Tensor, ratio: int) -> Tensor:
    """Pictures (B, C, h, w) at a side that is so many times larger, bilinear."""
    return F.interpolate(small, scale_factor=float(ratio), mode="bilinear", align_corners=False)


def enlarger_shape(
    unet: UNetConfig,
    clip: Clip,
    side: int,
    ratio: int = 4,
    *,
    width: int = 24,
    maps: int = 6,
    hidden: int = 256,
) -> EnlargerConfig:
    """The shape of a model of super-resolution that goes on from a UNet with classes.

    Args:
        unet: Of the UNet; patches are made larger in proportion to the side.
        clip: The CLIP that reads captions.
        side: Of the large pictures.
        ratio: How many times larger they are than the small ones.
        width: Channels of the branch at full resolution.
        maps: Maps at full resolution that the trunk tells the branch.
        hidden: Numbers of the caption's hidden layer.

    Raises:
        ValueError: if the side or the patches do not fit.
    """
    before = unet.image_size[0]
    if unet.image_size != (before, before) or side % before:
        raise ValueError(f"A side of {side} is no multiple of {unet.image_size}.")
    large = dataclasses.replace(
        unet,
        image_size=(side, side),
        patch_size=unet.patch_size * side // before,
        num_classes=None,
        attributes=(),
    )
    return EnlargerConfig(large, CaptionConfig.of(clip, hidden), ratio, width, maps)


def enlarger_from(unet: UNet, clip: Clip, side: int, seed: int = 0, **sizes: int) -> Enlarger:
    """The model of super-resolution with the weights of a UNet with classes.

    Its trunk begins as that UNet on x_t shrunk by the mean, whose estimate the first maps tell the
    branch.

    Args:
        unet: The UNet.
        clip: The CLIP that reads captions.
        side: Of the large pictures.
        seed: Of the random weights of what is new.
        sizes: See `enlarger_shape`.

    Raises:
        ValueError: as `enlarger_shape`.
    """
    config = enlarger_shape(unet.config, clip, side, **sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Enlarger(config, clip)
    old, new = unet.config.patch_size, config.unet.patch_size
    weights, own = trunk_of(unet), network.trunk.state_dict()
    seen = patches_read(unet.conv_in.weight, old, new)
    weights[READ] = torch.cat([seen, torch.zeros_like(own[READ][:, seen.shape[1] :])], dim=1)
    for name in ("weight", "bias"):
        written = patches_written(getattr(unet.conv_out, name), old, new)
        full = torch.zeros_like(own[f"{WRITTEN}.{name}"])
        count = min(len(full), len(written))
        full[:count] = written[:count]
        weights[f"{WRITTEN}.{name}"] = full
    network.trunk.load_state_dict(weights)
    take_over_nothing(network.caption, unet)
    return network
