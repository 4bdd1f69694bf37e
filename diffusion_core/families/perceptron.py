"""Perceptrons with a given number of parameters, so that families compare at one size."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn


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
