"""The parts that a UNet is made of: residual block, self-attention, resampling.

Module and parameter names are those of diffusers' `UNet2DModel`, so that its weights fit as they
are. Feature maps are (B, C, H, W); the conditioning vector `emb` is (B, E).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
    """Random Fourier features of log t (Song et al. 2021), as diffusers' `fourier` type."""

    def __init__(self, dim: int, scale: float = 16.0, flip_sin_to_cos: bool = False) -> None:
        """Dim is the size of the embedding; the frequencies are drawn once and kept."""
        super().__init__()
        self.flip_sin_to_cos = flip_sin_to_cos
        self.weight = nn.Parameter(torch.randn(dim // 2) * scale, requires_grad=False)

    def forward(self, t: Tensor) -> Tensor:
        """(B,) positive timesteps to (B, dim)."""
        angles = torch.log(t.float())[:, None] * self.weight[None] * 2 * math.pi
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

    On a CPU the plain product is many times faster than the fused kernel in bfloat16 at the few
    tokens that a coarse level has; elsewhere, and for many tokens, the fused kernel saves memory.
    """
    if q.device.type != "cpu" or q.shape[2] > 256:
        return F.scaled_dot_product_attention(q, k, v)
    return torch.softmax((q * q.shape[3] ** -0.5) @ k.transpose(2, 3), dim=-1) @ v


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
