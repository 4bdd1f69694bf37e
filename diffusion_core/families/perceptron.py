"""Perceptrons with a given number of parameters, so that families compare at one size."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


def perceptron(inputs: int, outputs: int, width: int, layers: int = 3) -> nn.Sequential:
    """Linear layers with SiLU between them.

    Args:
        inputs: Numbers that come in.
        outputs: Numbers that go out.
        width: Numbers of each hidden layer.
        layers: Hidden layers, at least 1.
    """
    made: list[nn.Module] = [nn.Linear(inputs, width), nn.SiLU()]
    for _ in range(layers - 1):
        made += [nn.Linear(width, width), nn.SiLU()]
    return nn.Sequential(*made, nn.Linear(width, outputs))


class Waves(nn.Module):
    """Coordinates as they are, and by sines and cosines of a few frequencies.

    A perceptron alone learns edges late (Tancik et al. 2020).

    Args:
        dim: Numbers of a point.
        frequencies: How many: 1, 2, 4 … half turns over [-1, 1]; 0 leaves points as they are.
    """

    turns: Tensor

    def __init__(self, dim: int, frequencies: int) -> None:
        """It has nothing to learn."""
        super().__init__()
        self.outputs = dim * (1 + 2 * frequencies)
        turns = math.pi * 2.0 ** torch.arange(frequencies)
        self.register_buffer("turns", turns, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Points (B, dim) to (B, outputs)."""
        angles = (x[:, :, None] * self.turns).flatten(1)
        return torch.cat([x, angles.sin(), angles.cos()], dim=1)


def count_parameters(module: nn.Module) -> int:
    """All numbers that are trained."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def width_for(parameters: int, make: Callable[[int], nn.Module]) -> int:
    """The width with which what `make` builds has a number of parameters nearest to the given one.

    Args:
        parameters: The number wanted.
        make: The width to a module, whose number of parameters grows with it.
    """
    low, high = 1, 2
    while count_parameters(make(high)) < parameters:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count_parameters(make(middle)) < parameters else (low, middle)
    return min((low, high), key=lambda w: abs(count_parameters(make(w)) - parameters))
