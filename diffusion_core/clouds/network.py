"""A network for point clouds: point-voxel convolutions in the plan of a UNet.

A point-voxel convolution (Liu et al. 2019) has two branches. One averages the points' features in
the cells of a coarse grid, convolves the grid in three dimensions, and reads the result at each
point by trilinear interpolation: so a point learns of its neighbourhood. The other is a layer on
each point by itself, which keeps what is finer than a cell. PVD (Zhou, Du and Wu 2021) puts them
into a UNet that is told the timestep. Here every block keeps all points and only the grid gets
coarser and finer again, since a thousand points are few; what the coarsest block knows of the whole
shape also passes attention between its cells.

    x_t (B, N, 3), t (B,), y (B,) -> (B, N, 3), for any N; the points' order means nothing
"""

from __future__ import annotations

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
        embedding: Numbers of the timestep's vector.
        num_classes: Categories; None is a network without.
        null_label: Whether there is a label that means "no category".
    """

    num_points: int = 1024
    grids: tuple[int, ...] = (16, 8, 4)
    widths: tuple[int, ...] = (32, 64, 128)
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

    Args:
        volume: (B, C, R, R, R).
        places: (B, N, 3) in [-1, 1].

    Returns:
        (B, N, C).
    """
    where = places.flip(2)[:, :, None, None]  # grid_sample names the last axis first
    read = F.grid_sample(volume, where, padding_mode="border", align_corners=False)
    return read[:, :, :, 0, 0].transpose(1, 2)


class PointVoxelBlock(nn.Module):
    """A point-voxel convolution that the timestep shifts and scales.

    Args:
        width_in: Features of a point before.
        width: Features after.
        grid: Cells along a side.
        embedding: Numbers of the timestep's vector.
        attention: Whether the cells attend to each other.
    """

    def __init__(
        self, width_in: int, width: int, grid: int, embedding: int, attention: bool = False
    ) -> None:
        """Random weights; the grid's last layer and the attention's begin at zero."""
        super().__init__()
        self.grid = grid
        self.conv_1 = nn.Conv3d(width_in, width, 3, padding=1)
        self.norm_1 = nn.GroupNorm(GROUPS, width)
        self.told = nn.Linear(embedding, 2 * width)
        self.conv_2 = nn.Conv3d(width, width, 3, padding=1)
        self.norm_2 = nn.GroupNorm(GROUPS, width)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True) if attention else None
        if self.attention is not None:
            nn.init.zeros_(self.attention.out_proj.weight)
        self.point = nn.Linear(width_in, width)
        self.point_told = nn.Linear(embedding, width)
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Linear(width, width)

    def forward(self, features: Tensor, places: Tensor, emb: Tensor) -> Tensor:
        """(B, N, width_in), (B, N, 3) in [-1, 1] and (B, E), to (B, N, width)."""
        scale, shift = self.told(emb)[:, :, None, None, None].chunk(2, dim=1)
        h = self.conv_1(voxelise(features, places, self.grid))
        h = self.conv_2(F.silu(self.norm_1(h) * (1 + scale) + shift))
        h = F.silu(self.norm_2(h))
        if self.attention is not None:
            tokens = h.flatten(2).transpose(1, 2)  # (B, R³, width)
            tokens = tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]
            h = tokens.transpose(1, 2).reshape(h.shape)
        p = self.point(features) + self.point_told(emb)[:, None] + read_at(h, places)
        return p + self.mix(F.silu(self.norm(p)))


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
        self.first = nn.Linear(6, widths[0])  # a point as it is, and where it lies in its cube
        ins = (widths[0], *widths[:-1])
        last = len(grids) - 1
        self.down = nn.ModuleList(
            PointVoxelBlock(a, b, R, E, attention=k == last)
            for k, (a, b, R) in enumerate(zip(ins, widths, grids, strict=True))
        )
        self.whole = nn.Linear(widths[-1], widths[-1])  # of the largest over all points
        self.up = nn.ModuleList(
            PointVoxelBlock(widths[k + 1] + widths[k], widths[k], grids[k], E)
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
        emb = self.time(timestep_embedding(t, self.config.embedding))
        if self.config.num_classes is not None:
            emb = emb + self.class_embedding(y, len(t))
        elif y is not None:
            raise ValueError("This network has no categories, so it takes no condition.")
        emb, places = F.silu(emb), cells(x_t)
        h = self.first(torch.cat([x_t, places], dim=2))
        kept = []
        for block in self.down:
            h = block(h, places, emb)
            kept.append(h)
        kept.pop()
        h = h + self.whole(h.amax(1, keepdim=True))
        for block in self.up:
            h = block(torch.cat([h, kept.pop()], dim=2), places, emb)
        return self.last(F.silu(self.norm(h)))
