"""The network that takes a noisy picture and a timestep and predicts what was added.

A UNet (Ronneberger et al. 2015) in the form of Ho et al. 2020: residual blocks with group norm,
self-attention at chosen levels, skip connections from the way down to the way up, and the timestep
in every block. It knows no schedule: what its output means (eps, v or x0) is up to `denoiser`.

    x_t (B, C, H, W), t (B,), y (B,) or (B, 1 + K) -> (B, C_out, H, W)

Structure, module and parameter names are those of diffusers' `UNet2DModel`, so that its weights fit
as they are. Feature maps are (B, C, H, W); the conditioning vector `emb` is (B, E). One thing is
added: a patch size p folds every p × p pixels into channels first (space-to-depth), which makes
small images cheap: the same cost buys p times the channels.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .conditioning import ConditionEncoder

__all__ = ["UNet", "UNetConfig", "prediction_alone"]

NetworkT = TypeVar("NetworkT", bound=nn.Module)
Attended = Callable[[Tensor], Tensor]
ACTIVATIONS = ("silu", "mish", "gelu", "relu")


@dataclass(frozen=True)
class UNetConfig:
    """The shape of a UNet; JSON in and out.

    Attributes:
        image_size: Height and width that it is made for; others work where the levels divide them.
        in_channels, out_channels: Channels of the noisy images and of the output: as many as the
            images have, or twice that many, of which the second half is v of a learned variance.
        patch_size: p folds p × p pixels into channels; 1 is off.
        channels: Feature channels of each level, from fine to coarse.
        blocks_per_level: Residual blocks on the way down; one more on the way up.
        attention: For each level, whether it attends to itself.
        attention_up: The same for the levels on the way up; None is as on the way down.
        mid_attention: Whether the middle attends to itself.
        head_dim: Channels of one attention head; None is one head.
        norm_groups, norm_eps: Number of groups and epsilon of every group norm.
        mid_norm_groups: Groups of the middle's attention; None is norm_groups, 0 is no norm.
        mid_scale: The middle's sums of branch and shortcut are divided by it.
        activation: Activation of residual blocks: "silu", "mish", "gelu" or "relu".
        dropout: Probability of dropout inside residual blocks.
        scale_shift: Conditioning scales and shifts the norm, in place of an addition.
        time_embedding: "positional", or "fourier" for random features of a noise level; see
            `denoiser.network_output`.
        time_dim: Size of the conditioning vector; None is 4 times the first level's channels.
        flip_sin_to_cos, freq_shift: See `timestep_embedding`.
        center_input: Take images in [0, 1] to [-1, 1] first, as 2 x - 1.
        downsample_padding: 1 is symmetric, 0 pads right and below only.
        resample: "conv", or "resnet" for resampling inside a residual block.
        resample_down, resample_up: The same for each level, on leaving it downwards or upwards;
            None is `resample` at every one.
        num_classes: Labels 0 to num_classes - 1; None is an unconditional network.
        null_label: Add one label, num_classes, that means "no class" (for guidance).
        attributes: Number of values of each attribute that a condition holds beside the class; see
            `conditioning`.
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
        if len(self.image_size) != 2 or min(self.image_size) < 1:
            raise ValueError(
                f"image_size is {self.image_size}, and must be height and width, each at least 1."
            )
        if min(self.in_channels, self.out_channels) < 1:
            raise ValueError("in_channels and out_channels must be at least 1.")
        if not 0 <= self.dropout < 1 or not self.norm_eps > 0:
            raise ValueError("dropout must be from 0 to below 1, and norm_eps above 0.")
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
        half = self.channels[0] // 2
        if self.time_embedding == "positional" and half and not self.freq_shift < half:
            raise ValueError(
                f"freq_shift is {self.freq_shift}, and must be below {half}, half of the first "
                "level's channels."
            )

    def check_image_size(self) -> None:
        """Refuse an image size that the network cannot take, before pictures of it are made.

        Raises:
            ValueError: if the levels do not divide it, or leave a group norm a single number,
                which has no variance.
        """
        if bad := [side for side in self.image_size if side % self.divisor]:
            raise ValueError(
                f"image_size is {self.image_size}, and its sides must be multiples of "
                f"{self.divisor}, the patch size {self.patch_size} times 2 for each further level, "
                f"got {bad[0]}."
            )
        height, width = (side // self.patch_size for side in self.image_size)
        shapes = [(c, self.norm_groups, i) for i, c in enumerate(self.channels)]
        if self.mid_attention and self.mid_norm_groups:
            shapes.append((self.channels[-1], self.mid_norm_groups, len(self.channels) - 1))
        for c, groups, i in shapes:
            if c // groups * (height >> i) * (width >> i) < 2:
                raise ValueError(
                    f"{groups} groups of {c} channels at {height >> i} × {width >> i} pixels hold "
                    "one number each, which cannot be normed; there must be fewer groups, or "
                    "larger pictures."
                )

    @property
    def up_attention(self) -> tuple[bool, ...]:
        """For each level, whether it attends to itself on the way up."""
        return self.attention if self.attention_up is None else self.attention_up

    def resample_kinds(self, way: str) -> tuple[str, ...]:
        """Either "conv" or "resnet" for each level that is left "down" or "up"."""
        kinds = self.resample_down if way == "down" else self.resample_up
        return (self.resample,) * len(self.channels) if kinds is None else kinds

    @property
    def sample_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images that it denoises."""
        return (self.in_channels, *self.image_size)

    @property
    def learned_variance(self) -> bool:
        """Whether it gives v beside its prediction; see `process.learned_log_variance`."""
        return self.out_channels == 2 * self.in_channels

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


def timestep_embedding(
    t: Tensor, dim: int, *, flip_sin_to_cos: bool = True, freq_shift: float = 0.0
) -> Tensor:
    """Write a timestep as sines and cosines of geometrically spaced frequencies.

    emb_k = sin(t · 10000^(-k / (dim/2 - freq_shift)))        (Vaswani et al. 2017, section 3.5)

    Args:
        t: Timesteps, (B,).
        dim: Size of the embedding; an odd one is padded by a zero.
        flip_sin_to_cos: Cosines first, then sines; else sines first.
        freq_shift: 1 makes the lowest frequency exactly 1/10000 (Ho et al.), 0 is diffusers' own.

    Returns:
        float32, (B, dim).
    """
    half = dim // 2
    k = torch.arange(half, dtype=torch.float32, device=t.device)
    angles = t.float()[:, None] * torch.exp(-math.log(10000.0) * k / (half - freq_shift))[None]
    parts = [angles.cos(), angles.sin()] if flip_sin_to_cos else [angles.sin(), angles.cos()]
    return F.pad(torch.cat(parts, dim=1), (0, dim % 2))


class FourierEmbedding(nn.Module):
    """Random Fourier features of a noise level's logarithm (Song et al. 2021)."""

    def __init__(self, dim: int, scale: float = 16.0, flip_sin_to_cos: bool = False) -> None:
        """Dim is the size of the embedding; the frequencies are drawn once and kept."""
        super().__init__()
        self.flip_sin_to_cos = flip_sin_to_cos
        self.weight = nn.Parameter(torch.randn(dim // 2) * scale, requires_grad=False)

    def forward(self, log_level: Tensor) -> Tensor:
        """(B,) logarithms to (B, dim)."""
        angles = log_level.float()[:, None] * self.weight[None] * 2 * math.pi
        parts = (
            [angles.cos(), angles.sin()] if self.flip_sin_to_cos else [angles.sin(), angles.cos()]
        )
        return torch.cat(parts, dim=1)


class EmbeddingMLP(nn.Module):
    """Two linear layers that turn the timestep's embedding into the conditioning vector."""

    def __init__(self, in_dim: int, dim: int) -> None:
        """In_dim sines and cosines in, dim numbers out."""
        super().__init__()
        self.linear_1 = nn.Linear(in_dim, dim)
        self.linear_2 = nn.Linear(dim, dim)

    def forward(self, emb: Tensor) -> Tensor:
        """(B, in_dim) to (B, dim)."""
        return self.linear_2(F.silu(self.linear_1(emb)))


class ResnetBlock(nn.Module):
    """Norm, SiLU, conv, twice, around a shortcut (He et al. 2016; Ho et al. 2020, appendix B).

    The conditioning enters between the two halves: added to the feature map, or, with
    `scale_shift`, as a scale and a shift of the second norm (Dhariwal and Nichol 2021).
    `resample` of "down" or "up" changes the resolution inside the block (Brock et al. 2019). Branch
    plus shortcut are divided by `divide`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        emb_dim: int,
        *,
        groups: int = 32,
        eps: float = 1e-5,
        dropout: float = 0.0,
        scale_shift: bool = False,
        resample: str | None = None,
        activation: Callable[[Tensor], Tensor] = F.silu,
        divide: float = 1.0,
    ) -> None:
        """Channels must be multiples of `groups`."""
        super().__init__()
        self.activation, self.divide = activation, divide
        self.scale_shift = scale_shift
        self.resample = resample
        self.norm1 = nn.GroupNorm(groups, in_channels, eps=eps)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.time_emb_proj = nn.Linear(emb_dim, out_channels * (2 if scale_shift else 1))
        self.norm2 = nn.GroupNorm(groups, out_channels, eps=eps)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.conv_shortcut = (
            nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else None
        )

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, H', W'), H' = H, H/2 or 2H."""
        h = self.activation(self.norm1(x))
        if self.resample == "down":
            x, h = F.avg_pool2d(x, 2), F.avg_pool2d(h, 2)
        elif self.resample == "up":
            x, h = (F.interpolate(z, scale_factor=2.0, mode="nearest") for z in (x, h))
        h = self.conv1(h)
        shift = self.time_emb_proj(self.activation(emb))[:, :, None, None]
        if self.scale_shift:
            scale, shift = shift.chunk(2, dim=1)
            h = self.norm2(h) * (1 + scale) + shift
        else:
            h = self.norm2(h + shift)
        h = self.conv2(self.dropout(self.activation(h)))
        h = h + (x if self.conv_shortcut is None else self.conv_shortcut(x))
        return h if self.divide == 1 else h / self.divide


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v, (B, heads, N, d). (Vaswani et al. 2017, eq. 1).

    The fused kernel takes less memory and time: in fp32 on a CPU 0.4 of the plain product's, at 256
    tokens with the gradient. In bfloat16 its gradient on a CPU takes three times as long at the few
    tokens that a coarse level has, so that there the plain product is trained.
    """
    if q.device.type == "cpu" and q.dtype == torch.bfloat16 and q.shape[2] <= 256:
        if torch.is_grad_enabled():
            return torch.softmax((q * q.shape[3] ** -0.5) @ k.transpose(2, 3), dim=-1) @ v
    return F.scaled_dot_product_attention(q, k, v)


class Attention(nn.Module):
    """Multi-head self-attention over all positions, around a shortcut (Vaswani et al. 2017)."""

    def __init__(
        self, channels: int, head_dim: int | None, *, groups: int, eps: float, divide: float = 1.0
    ) -> None:
        """Channels / head_dim heads, None is one; 0 groups is no norm; the sum is over `divide`."""
        super().__init__()
        self.heads, self.divide = channels // (head_dim or channels), divide
        self.group_norm = nn.GroupNorm(groups, channels, eps=eps) if groups else None
        self.to_q = nn.Linear(channels, channels)
        self.to_k = nn.Linear(channels, channels)
        self.to_v = nn.Linear(channels, channels)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        B, C, H, W = x.shape
        normed = x if self.group_norm is None else self.group_norm(x)
        tokens = normed.flatten(2).transpose(1, 2)  # (B, HW, C)
        q, k, v = (
            f(tokens).view(B, H * W, self.heads, C // self.heads).transpose(1, 2)
            for f in (self.to_q, self.to_k, self.to_v)
        )
        h = _attend(q, k, v)
        h = self.to_out[0](h.transpose(1, 2).reshape(B, H * W, C))
        h = x + h.transpose(1, 2).reshape(B, C, H, W)
        return h if self.divide == 1 else h / self.divide


class Downsample(nn.Module):
    """Halve height and width by a strided convolution."""

    def __init__(self, channels: int, padding: int) -> None:
        """Padding 1 is symmetric; 0 pads right and below only, as in Ho et al.'s own code."""
        super().__init__()
        self.asymmetric = padding == 0
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H/2, W/2)."""
        return self.conv(F.pad(x, (0, 1, 0, 1)) if self.asymmetric else x)


class Upsample(nn.Module):
    """Double height and width by repetition and a convolution (Odena et al. 2016)."""

    def __init__(self, channels: int) -> None:
        """Channels in and out."""
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, 2H, 2W)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def _block_options(cfg: UNetConfig) -> dict[str, Any]:
    """What all residual blocks of a network have in common."""
    return {
        "groups": cfg.norm_groups,
        "eps": cfg.norm_eps,
        "dropout": cfg.dropout,
        "scale_shift": cfg.scale_shift,
        "activation": getattr(F, cfg.activation),
    }


class _Level(nn.Module):
    """Residual blocks, their attentions and a resampling; names as in diffusers."""

    def __init__(
        self,
        cfg: UNetConfig,
        widths: list[tuple[int, int]],
        emb: int,
        attend: bool,
        resample: str = "",
        kind: str = "conv",
    ) -> None:
        super().__init__()
        options = _block_options(cfg)
        out = widths[-1][1]
        self.resnets = nn.ModuleList(ResnetBlock(i, o, emb, **options) for i, o in widths)
        self.attentions = nn.ModuleList(
            Attention(out, cfg.head_dim, groups=cfg.norm_groups, eps=cfg.norm_eps)
            for _ in (widths if attend else [])
        )
        layer: nn.Module | None = None
        if resample and kind == "resnet":
            layer = ResnetBlock(out, out, emb, **options, resample=resample)
        elif resample == "down":
            layer = Downsample(out, cfg.downsample_padding)
        elif resample == "up":
            layer = Upsample(out)
        self.downsamplers = nn.ModuleList([layer] if layer and resample == "down" else [])
        self.upsamplers = nn.ModuleList([layer] if layer and resample == "up" else [])

    def block(self, index: int, h: Tensor, emb: Tensor, attended: Attended | None = None) -> Tensor:
        h = self.resnets[index](h, emb)
        if not self.attentions:
            return h
        h = self.attentions[index](h)
        return h if attended is None else attended(h)

    def resampled(self, h: Tensor, emb: Tensor) -> Tensor:
        for layer in [*self.downsamplers, *self.upsamplers]:
            h = layer(h, emb) if isinstance(layer, ResnetBlock) else layer(h)
        return h


class _Middle(nn.Module):
    def __init__(self, cfg: UNetConfig, emb: int) -> None:
        super().__init__()
        c, divide = cfg.channels[-1], cfg.mid_scale
        self.resnets = nn.ModuleList(
            ResnetBlock(c, c, emb, **_block_options(cfg), divide=divide) for _ in range(2)
        )
        groups = cfg.norm_groups if cfg.mid_norm_groups is None else cfg.mid_norm_groups
        self.attentions = nn.ModuleList(
            Attention(c, cfg.head_dim, groups=groups, eps=cfg.norm_eps, divide=divide)
            for _ in range(cfg.mid_attention)
        )

    def forward(self, h: Tensor, emb: Tensor, attended: Attended | None = None) -> Tensor:
        h = self.resnets[0](h, emb)
        for attention in self.attentions:
            h = attention(h)
            h = h if attended is None else attended(h)
        return self.resnets[1](h, emb)


class UNet(nn.Module):
    """The network; see the module's docstring.

    Args:
        config: The network's shape.
    """

    def __init__(self, config: UNetConfig) -> None:
        """Build it with random weights; the last layer of each branch begins at zero."""
        super().__init__()
        self.config = config
        channels, p2 = config.channels, config.patch_size**2
        emb = config.time_dim or channels[0] * 4
        self.conv_in = nn.Conv2d(config.in_channels * p2, channels[0], 3, padding=1)
        if config.time_embedding == "fourier":
            self.time_proj = FourierEmbedding(
                2 * channels[0], flip_sin_to_cos=config.flip_sin_to_cos
            )
        in_dim = channels[0] * (2 if config.time_embedding == "fourier" else 1)
        self.time_embedding = EmbeddingMLP(in_dim, emb)
        if config.num_classes is not None:
            self.class_embedding = ConditionEncoder(
                config.num_classes, config.null_label, config.attributes, emb
            )

        self.down_blocks, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        width, skips, n = channels[0], [channels[0]], config.blocks_per_level
        for i, c in enumerate(channels):
            last = i == len(channels) - 1
            widths = [(width if j == 0 else c, c) for j in range(n)]
            way, kind = "" if last else "down", config.resample_kinds("down")[i]
            self.down_blocks.append(_Level(config, widths, emb, config.attention[i], way, kind))
            skips += [c] * (n if last else n + 1)
            width = c
        self.mid_block = _Middle(config, emb)
        for i, c in reversed(list(enumerate(channels))):
            widths = [((width if j == 0 else c) + skips.pop(), c) for j in range(n + 1)]
            way, kind = "up" if i else "", config.resample_kinds("up")[i]
            self.up_blocks.append(_Level(config, widths, emb, config.up_attention[i], way, kind))
            width = c
        self.conv_norm_out = nn.GroupNorm(config.norm_groups, width, eps=config.norm_eps)
        self.conv_out = nn.Conv2d(width, config.out_channels * p2, 3, padding=1)
        self._zero_branches()

    def _zero_branches(self) -> None:
        """Begin every residual branch at zero (Dhariwal and Nichol 2021), so that depth is free."""
        for module in self.modules():
            last: nn.Module | None = None
            if isinstance(module, ResnetBlock):
                last = module.conv2
            elif isinstance(module, Attention):
                last = module.to_out[0]
            for parameter in last.parameters() if last else ():
                nn.init.zeros_(parameter)
        nn.init.zeros_(self.conv_out.weight)

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Predict from noisy images.

        Args:
            x_t: (B, C, H, W); H and W multiples of `config.divisor`.
            t: Timesteps, (B,); with Fourier features the logarithm of a noise level, and the output
                is then to be scaled: `denoiser.network_output` does both.
            y: Labels, int64, (B,), or with attributes (B, 1 + K), see `conditioning`; None is the
                null condition. Only for a network with classes.

        Returns:
            (B, C_out, H, W), in x_t's precision.

        Raises:
            ValueError: if a shape or a label does not fit.
        """
        return self.evaluate(x_t, self.conditioning(x_t, t, y))

    def evaluate(self, x_t: Tensor, emb: Tensor, attended: Attended | None = None) -> Tensor:
        """Predict from noisy images and a conditioning vector: `forward` but for its first step.

        Args:
            x_t: Noisy images, (B, C, H, W), as `conditioning` has checked them.
            emb: The conditioning vector, (B, E); see `conditioning`.
            attended: Called behind every attention layer, in the order in which they are computed,
                with its feature map (B, C, H, W); what it returns goes on in its place. So a
                network can attend to something else as well, as to words.

        Returns:
            (B, C_out, H, W), in x_t's precision.
        """
        h = 2 * x_t - 1 if self.config.center_input else x_t
        h = F.pixel_unshuffle(h, self.config.patch_size) if self.config.patch_size > 1 else h
        h = self.conv_in(h)
        skips = [h]
        for level in cast(list[_Level], self.down_blocks):
            for i in range(len(level.resnets)):
                h = level.block(i, h, emb, attended)
                skips.append(h)
            if level.downsamplers:
                h = level.resampled(h, emb)
                skips.append(h)
        h = self.mid_block(h, emb, attended)
        for level in cast(list[_Level], self.up_blocks):
            for i in range(len(level.resnets)):
                h = level.block(i, torch.cat([h, skips.pop()], dim=1), emb, attended)
            h = level.resampled(h, emb)
        h = self.conv_out(F.silu(self.conv_norm_out(h)))
        h = F.pixel_shuffle(h, self.config.patch_size) if self.config.patch_size > 1 else h
        return h.to(x_t.dtype)

    def timestep_features(self, t: Tensor) -> Tensor:
        """Sines and cosines of t (B,), as `forward` takes it: float32, (B, in_dim).

        They are what the two linear layers `time_embedding` turn into the learnt embedding.
        """
        cfg = self.config
        if cfg.time_embedding == "fourier":
            return self.time_proj(t)
        flip, shift = cfg.flip_sin_to_cos, cfg.freq_shift
        return timestep_embedding(t, cfg.channels[0], flip_sin_to_cos=flip, freq_shift=shift)

    def conditioning(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Check the inputs and embed timestep and label: (B, E). Arguments are those of `forward`.

        Raises:
            ValueError: if a shape or a label does not fit.
        """
        cfg = self.config
        if x_t.ndim != 4 or x_t.shape[1] != cfg.in_channels:
            raise ValueError(
                f"This network takes images (B, {cfg.in_channels}, H, W), got {tuple(x_t.shape)}."
            )
        if x_t.shape[2] % cfg.divisor or x_t.shape[3] % cfg.divisor:
            raise ValueError(
                f"Height and width must be multiples of {cfg.divisor}, "
                f"got {x_t.shape[2]} × {x_t.shape[3]}."
            )
        if t.shape != (x_t.shape[0],):
            raise ValueError(f"There must be one timestep an image, got shape {tuple(t.shape)}.")
        emb = self.time_embedding(self.timestep_features(t).to(self.conv_in.weight.dtype))
        if cfg.num_classes is None:
            if y is not None:
                raise ValueError("This network has no classes, so it takes no label.")
            return emb
        return emb + self.class_embedding(y, len(t))


def prediction_alone(unet: UNet) -> UNet:
    """The same network without v of its learned variance: a copy, or itself if it has none."""
    config = unet.config
    if not config.learned_variance:
        return unet
    with Undrawn():
        plain = UNet(dataclasses.replace(config, out_channels=config.in_channels))
    rows = len(plain.conv_out.weight)
    values = {k: v[:rows] if k.startswith("conv_out.") else v for k, v in unet.state_dict().items()}
    plain.load_state_dict(values)
    return plain.to(unet.conv_out.weight).train(unet.training)


@lru_cache(maxsize=64)
def num_parameters(config: UNetConfig) -> int:
    """Number of parameters of a network, counted without memory for them, however many."""
    return sum(p.numel() for p in without_memory(lambda: UNet(config)).parameters())


def without_memory(build: Callable[[], NetworkT]) -> NetworkT:
    """A network on the device "meta": names and shapes of its parameters, and no numbers.

    Args:
        build: Builds it.
    """
    with torch.device("meta"), Undrawn():
        return build()


class Undrawn(TorchFunctionMode):
    """Leaves out the functions of `torch.nn.init`, where their numbers are wanted by nobody.

    On the device "meta" `normal_` would import torch's compiler, for two to three seconds and
    100 MB; elsewhere the numbers of a file take their place at once.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call `func`, unless it fills a tensor with first weights."""
        given = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return given["tensor"]
        return func(*args, **given)
