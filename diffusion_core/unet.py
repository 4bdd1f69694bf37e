"""The network that looks at a noisy picture and a timestep and says what was added.

A UNet (Ronneberger et al. 2015) in the form of Ho et al. 2020: residual blocks with group norm,
self-attention at chosen levels, skip connections from the way down to the way up, and the timestep
in every block. It knows no schedule: what its output means (eps, v or x0) is said elsewhere.

    x_t (B, C, H, W), t (B,), y (B,) or (B, 1 + K) -> (B, C_out, H, W)

The structure and the parameter names are those of diffusers' `UNet2DModel`. One thing is added: a
patch size p folds every p × p pixels into channels first (space-to-depth), which makes small
images cheap: the same cost buys p times the channels.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .conditions import ConditionEncoder
from .layers import (
    Attention,
    Downsample,
    EmbeddingMLP,
    FourierEmbedding,
    ResnetBlock,
    Upsample,
    timestep_embedding,
)
from .unet_config import UNetConfig

__all__ = ["UNet", "UNetConfig"]


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

    def block(self, index: int, h: Tensor, emb: Tensor) -> Tensor:
        h = self.resnets[index](h, emb)
        return self.attentions[index](h) if self.attentions else h

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

    def forward(self, h: Tensor, emb: Tensor) -> Tensor:
        h = self.resnets[0](h, emb)
        for attention in self.attentions:
            h = attention(h)
        return self.resnets[1](h, emb)


class UNet(nn.Module):
    """The network; see the module's docstring.

    Args:
        config: Its shape.
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
            t: Timesteps, (B,).
            y: Labels, int64, (B,), or with attributes (B, 1 + K), see `conditions`; None says
                nothing. Only for a network with classes.

        Returns:
            (B, C_out, H, W), in x_t's precision.

        Raises:
            ValueError: if a shape or a label does not fit.
        """
        emb = self._conditioning(x_t, t, y)
        h = 2 * x_t - 1 if self.config.center_input else x_t
        h = F.pixel_unshuffle(h, self.config.patch_size) if self.config.patch_size > 1 else h
        h = self.conv_in(h)
        skips = [h]
        for level in cast(list[_Level], self.down_blocks):
            for i in range(len(level.resnets)):
                h = level.block(i, h, emb)
                skips.append(h)
            if level.downsamplers:
                h = level.resampled(h, emb)
                skips.append(h)
        h = self.mid_block(h, emb)
        for level in cast(list[_Level], self.up_blocks):
            for i in range(len(level.resnets)):
                h = level.block(i, torch.cat([h, skips.pop()], dim=1), emb)
            h = level.resampled(h, emb)
        h = self.conv_out(F.silu(self.conv_norm_out(h)))
        h = F.pixel_shuffle(h, self.config.patch_size) if self.config.patch_size > 1 else h
        if self.config.time_embedding == "fourier":
            h = h / t.reshape(
                -1, 1, 1, 1
            )  # such networks count in noise levels, and answer a score
        return h.to(x_t.dtype)

    def _conditioning(self, x_t: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """Check the inputs and embed timestep and label: (B, E)."""
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
        if cfg.time_embedding == "fourier":
            emb = self.time_proj(t)
        else:
            flip, shift = cfg.flip_sin_to_cos, cfg.freq_shift
            emb = timestep_embedding(t, cfg.channels[0], flip_sin_to_cos=flip, freq_shift=shift)
        emb = self.time_embedding(emb.to(self.conv_in.weight.dtype))
        if cfg.num_classes is None:
            if y is not None:
                raise ValueError("This network has no classes, so it takes no label.")
            return emb
        return emb + self.class_embedding(y, len(t))
