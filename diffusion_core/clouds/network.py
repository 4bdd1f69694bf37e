"""A network for point clouds: point-voxel convolutions in the plan of a UNet.

A point-voxel convolution (Liu et al. 2019) has two branches. One averages the points' features in
the cells of a coarse grid, convolves the grid in three dimensions, and reads the result at each
point by trilinear interpolation: so a point learns of its neighbourhood. The other is a layer on
each point by itself, which keeps what is finer than a cell. PVD (Zhou, Du and Wu 2021) puts them
into a UNet that is told the timestep.

Here every block keeps all points, and only the grid gets coarser and finer again, since a thousand
points are few. The plan is made for a CPU, where a fine grid, most of whose cells are empty, costs
more than all else: the finest has 8 cells along a side, and what is finer is left to the points'
own branch, which sees sines and cosines of the coordinates. The shape as a whole is the matter of
the coarsest grid: its cells are tokens that attend to each other, and their mean is told to the
blocks of the way up.

    x_t (B, N, 3), t (B,), y (B,) -> (B, N, 3), for any N; the points' order means nothing
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..conditioning import ConditionEncoder
from ..unet import EmbeddingMLP, timestep_embedding

GROUPS = 8


@dataclass(frozen=True)
class CloudNetworkConfig:
    """The shape of a `CloudNetwork`; what `denoiser.NetworkConfig` asks for is among it.

    Attributes:
        num_points: Points of a cloud that it was trained on, N; it takes any number.
        grids: Cells along a side in the blocks of the way down; the way up mirrors them.
        widths: Features of a point in these blocks.
        convolutions: Convolutions of a block's grid, one after the other.
        attention: Layers of attention between the cells of the coarsest grid.
        frequencies: Sines and cosines of each coordinate, of wavelengths 4, 2, 1 and so on.
        embedding: Numbers of the timestep's vector.
        num_classes: Categories; None is a network without.
        null_label: Whether there is a label that means "no category".
    """

    num_points: int = 1024
    grids: tuple[int, ...] = (8, 4)
    widths: tuple[int, ...] = (64, 128)
    convolutions: int = 1
    attention: int = 3
    frequencies: int = 4
    embedding: int = 64
    num_classes: int | None = None
    null_label: bool = True

    def __post_init__(self) -> None:
        """Refuse what is no network.

        Raises:
            ValueError: in one sentence.
        """
        if not self.grids or len(self.grids) != len(self.widths) or min(self.grids) < 2:
            raise ValueError(
                f"There must be one width for each grid, and grids of at least 2 cells, got "
                f"{self.grids} and {self.widths}."
            )
        if min(self.convolutions, self.attention) < 1 or self.frequencies < 0:
            raise ValueError("A block has a convolution, and the coarsest grid attention.")
        if any(width < GROUPS or width % GROUPS for width in self.widths):
            raise ValueError(f"The widths must be multiples of {GROUPS}, got {self.widths}.")

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one cloud: (N, 3)."""
        return (self.num_points, 3)

    @property
    def attributes(self) -> tuple[int, ...]:
        """It has no attributes."""
        return ()

    @property
    def time_embedding(self) -> str:
        """The timestep enters as sines and cosines."""
        return "positional"


def cells(points: Tensor) -> Tensor:
    """Where the points lie in the cube around their cloud, (B, N, 3) in [-1, 1].

    The cube is centred at the cloud's mean and reaches to the farthest coordinate, so that a grid
    is as fine as the cloud allows, noisy or clean.
    """
    centred = points - points.mean(1, keepdim=True)
    return centred / centred.abs().amax((1, 2), keepdim=True).clamp_min(1e-6)


def voxelise(features: Tensor, places: Tensor, grid: int) -> Tensor:
    """The mean of the points' features in each cell, 0 where there is none.

    Args:
        features: (B, N, C).
        places: (B, N, 3) in [-1, 1], as of `cells`.
        grid: Cells along a side, R.

    Returns:
        (B, C, R, R, R), the axes as those of a point.
    """
    B, N, C = features.shape
    index = ((places + 1) * (grid / 2)).long().clamp(0, grid - 1)
    flat = (index[..., 0] * grid + index[..., 1]) * grid + index[..., 2]  # (B, N)
    flat = (flat + torch.arange(B, device=flat.device)[:, None] * grid**3).reshape(-1)
    sums = features.new_zeros(B * grid**3, C).index_add_(0, flat, features.reshape(B * N, C))
    counts = torch.bincount(flat, minlength=B * grid**3).clamp_min(1).to(features.dtype)
    return (sums / counts[:, None]).view(B, grid, grid, grid, C).permute(0, 4, 1, 2, 3)


def read_at(volume: Tensor, places: Tensor) -> Tensor:
    """Features of a grid at points, by trilinear interpolation between the centres of cells.

    Outside the outermost centres it is constant. `grid_sample` gives the same numbers; on a CPU a
    weighted sum of the rows of eight cells takes half of its time.

    Args:
        volume: (B, C, R, R, R).
        places: (B, N, 3) in [-1, 1].

    Returns:
        (B, N, C).
    """
    (B, C, R), N = volume.shape[:3], places.shape[1]
    where = ((places + 1) * (R / 2) - 0.5).clamp(0, R - 1)
    low = where.floor().clamp_max(R - 2)
    x, y, z = torch.stack([low + 1 - where, where - low], dim=3).unbind(2)  # each (B, N, 2)
    weights = x[..., None, None] * y[..., None, :, None] * z[..., None, None, :]
    x, y, z = torch.stack([low, low + 1], dim=3).long().unbind(2)
    cell = (x[..., None, None] * R + y[..., None, :, None]) * R + z[..., None, None, :]
    cell = cell.reshape(B, N, 8) + torch.arange(B, device=cell.device)[:, None, None] * R**3
    rows = volume.permute(0, 2, 3, 4, 1).reshape(B * R**3, C)
    shared = weights.reshape(B * N, 8).to(rows.dtype)
    read = F.embedding_bag(cell.view(B * N, 8), rows, mode="sum", per_sample_weights=shared)
    return read.view(B, N, C)


class TokenLayer(nn.Module):
    """Attention between tokens and a layer on each of them, both added to what was there.

    Args:
        width: Features of a token.
        heads: Heads of the attention.
    """

    def __init__(self, width: int, heads: int = 4) -> None:
        """Random weights; it begins as the identity."""
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mix_1, self.mix_2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.mix_2.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, width), and the same again."""
        B, L, W = tokens.shape
        qkv = self.qkv(self.norm_1(tokens)).view(B, L, 3, self.heads, W // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        read = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, L, W)
        tokens = tokens + self.out(read)
        return tokens + self.mix_2(F.silu(self.mix_1(self.norm_2(tokens))))


class PointVoxelBlock(nn.Module):
    """A point-voxel convolution that the timestep shifts and scales.

    Args:
        width_in: Features of a point before.
        width: Features after.
        grid: Cells along a side.
        embedding: Numbers of the timestep's vector.
        convolutions: Convolutions of the grid.
        attention: Layers of attention between the cells.
    """

    def __init__(
        self,
        width_in: int,
        width: int,
        grid: int,
        embedding: int,
        convolutions: int,
        attention: int = 0,
    ) -> None:
        """Random weights."""
        super().__init__()
        self.grid = grid
        self.into = nn.Linear(width_in, width)
        self.convs = nn.ModuleList(
            nn.Conv3d(width, width, 3, padding=1) for _ in range(convolutions)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(GROUPS, width) for _ in range(convolutions))
        self.told = nn.Linear(embedding, 2 * width)
        self.layers = nn.ModuleList(TokenLayer(width) for _ in range(attention))
        if attention:
            self.position = nn.Parameter(torch.empty(1, grid**3, width))
            nn.init.normal_(self.position, std=0.02)
        self.norm = nn.LayerNorm(width)
        self.point_told = nn.Linear(embedding, 2 * width)
        self.mix_1, self.mix_2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, features: Tensor, places: Tensor, emb: Tensor) -> tuple[Tensor, Tensor]:
        """One step for all points.

        Args:
            features: (B, N, width_in).
            places: (B, N, 3) in [-1, 1].
            emb: (B, E).

        Returns:
            (B, N, width), and the mean of the cells, (B, width).
        """
        p = self.into(features)
        h = voxelise(p, places, self.grid)
        scale, shift = self.told(emb)[:, :, None, None, None].chunk(2, dim=1)
        for k, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            h = norm(conv(h))
            h = F.silu(h * (1 + scale) + shift if k == 0 else h)
        if self.layers:
            tokens = h.flatten(2).transpose(1, 2) + self.position  # (B, R³, width)
            for layer in self.layers:
                tokens = layer(tokens)
            h = tokens.transpose(1, 2).reshape(h.shape)
        p = p + read_at(h, places)
        scale, shift = self.point_told(emb)[:, None].chunk(2, dim=2)
        mixed = self.mix_1(self.norm(p) * (1 + scale) + shift)
        return p + self.mix_2(F.silu(mixed)), h.flatten(2).mean(2)


class CloudNetwork(nn.Module):
    """(x_t (B, N, 3), t (B,), y (B,)) -> (B, N, 3), a `denoiser.Network` of point clouds.

    Args:
        config: Its shape.
    """

    def __init__(self, config: CloudNetworkConfig | None = None) -> None:
        """Random weights, by torch's own generator; the output begins at zero."""
        super().__init__()
        self.config = config = config or CloudNetworkConfig()
        E, widths, grids = config.embedding, config.widths, config.grids
        self.time = EmbeddingMLP(E, E)
        if config.num_classes is not None:
            self.class_embedding = ConditionEncoder(config.num_classes, config.null_label, (), E)
        # a point as it is, where it lies in its cube, and the waves of its coordinates
        self.first = nn.Linear(6 + 6 * config.frequencies, widths[0])
        ins = (widths[0], *widths[:-1])
        last = len(grids) - 1
        self.down = nn.ModuleList(
            PointVoxelBlock(
                a, b, R, E, config.convolutions, attention=config.attention if k == last else 0
            )
            for k, (a, b, R) in enumerate(zip(ins, widths, grids, strict=True))
        )
        self.whole = nn.Linear(widths[-1], E)  # of the mean of the coarsest cells
        self.up = nn.ModuleList(
            PointVoxelBlock(widths[k + 1] + widths[k], widths[k], grids[k], E, config.convolutions)
            for k in reversed(range(last))
        )
        self.norm = nn.LayerNorm(widths[0])
        last_layer = nn.Linear(2 * widths[0], 3)
        nn.init.zeros_(last_layer.weight)
        nn.init.zeros_(last_layer.bias)
        self.last = nn.Sequential(nn.Linear(widths[0], 2 * widths[0]), nn.SiLU(), last_layer)

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """What is predicted for clouds (B, N, 3) at timesteps t (B,) and categories y (B,) or None.

        Raises:
            ValueError: if a condition is given to a network without, or it is of another shape.
        """
        told = self.time(timestep_embedding(t, self.config.embedding))
        if self.config.num_classes is not None:
            told = told + self.class_embedding(y, len(t))
        elif y is not None:
            raise ValueError("This network has no categories, so it takes no condition.")
        emb, places = F.silu(told), cells(x_t)
        waves = math.pi / 2 * 2.0 ** torch.arange(self.config.frequencies, device=x_t.device)
        angles = (x_t[..., None] * waves).flatten(2)
        h = self.first(torch.cat([x_t, places, angles.sin(), angles.cos()], dim=2))
        kept = []
        for block in self.down:
            h, mean = block(h, places, emb)
            kept.append(h)
        kept.pop()
        emb = F.silu(told + self.whole(mean))
        for block in self.up:
            h, _ = block(torch.cat([h, kept.pop()], dim=2), places, emb)
        return self.last(F.silu(self.norm(h)))
