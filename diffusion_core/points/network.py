"""A network for points: a multilayer perceptron with residual blocks that is told the timestep.

It is the UNet's plan without its pictures: sines and cosines of the timestep become a vector, which
shifts and scales every block (as in Dhariwal and Nichol 2021), each block adds to what passes
through it, and the last layer begins at zero. The coordinates enter as they are and as sines and
cosines of a few frequencies, because a perceptron alone learns edges late (Tancik et al. 2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..unet import EmbeddingMLP, timestep_embedding


@dataclass(frozen=True)
class PointNetworkConfig:
    """The shape of a `PointNetwork`; what `denoiser.NetworkConfig` asks for is among it.

    Attributes:
        dim: Numbers of a point: 2 in the plane.
        width: Numbers of a hidden layer.
        blocks: Residual blocks.
        frequencies: Frequencies by which each coordinate also enters: 1, 2, 4 … half turns over
            [-1, 1].
        num_train_timesteps: T of the schedule; the timestep is told as its share of 1,000.
        num_classes: Classes that it is told; None where it has none.
    """

    dim: int = 2
    width: int = 64
    blocks: int = 3
    frequencies: int = 3
    num_train_timesteps: int = 1000
    num_classes: int | None = None

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one point: (dim,)."""
        return (self.dim,)

    @property
    def null_label(self) -> bool:
        """It has no null label."""
        return False

    @property
    def attributes(self) -> tuple[int, ...]:
        """It has no attributes."""
        return ()

    @property
    def time_embedding(self) -> str:
        """The timestep enters as sines and cosines."""
        return "positional"


class Block(nn.Module):
    """x + f(scale · norm(x) + shift): a residual branch that the timestep scales and shifts."""

    def __init__(self, width: int) -> None:
        """Width is that of the vector, and of the timestep's."""
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.told = nn.Linear(width, 2 * width)
        self.linear_1 = nn.Linear(width, width)
        self.linear_2 = nn.Linear(width, width)
        nn.init.zeros_(self.linear_2.weight)
        nn.init.zeros_(self.linear_2.bias)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """(B, width) and the timestep's vector (B, width), to (B, width)."""
        scale, shift = self.told(emb).chunk(2, dim=1)
        h = self.norm(x) * (1 + scale) + shift
        return x + self.linear_2(F.silu(self.linear_1(F.silu(h))))


class PointNetwork(nn.Module):
    """(x_t (B, dim), t (B,)) -> (B, dim), a `denoiser.Network` of points.

    Args:
        config: Its shape.
    """

    turns: Tensor

    def __init__(self, config: PointNetworkConfig | None = None) -> None:
        """Random weights, by torch's own generator; the output begins at zero."""
        super().__init__()
        self.config = config or PointNetworkConfig()
        width, coordinates = self.config.width, self.config.dim * (1 + 2 * self.config.frequencies)
        self.time = EmbeddingMLP(width, width)
        self.first = nn.Linear(coordinates, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(self.config.blocks))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.last = nn.Linear(width, self.config.dim)
        classes = self.config.num_classes
        self.classes = None if classes is None else nn.Embedding(classes, width)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        turns = math.pi * 2.0 ** torch.arange(self.config.frequencies)
        self.register_buffer("turns", turns, persistent=False)

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """What is predicted for points (B, dim) at timesteps t (B,), with classes of labels y (B,).

        Raises:
            ValueError: if a condition is given and it has no classes, or the other way round.
        """
        if (y is None) != (self.classes is None):
            takes = "takes no condition" if self.classes is None else "is told a class: give labels"
            raise ValueError(f"This network {takes}.")
        share = 1000 / self.config.num_train_timesteps
        told = self.time(timestep_embedding(t * share, self.config.width))
        emb = F.silu(told if self.classes is None else told + self.classes(y))
        angles = (x_t[:, :, None] * self.turns).flatten(1)  # (B, dim · frequencies)
        h = self.first(torch.cat([x_t, angles.sin(), angles.cos()], dim=1))
        for block in self.blocks:
            h = block(h, emb)
        return self.last(F.silu(self.norm(h)))
