"""A step of a walk, as one tab hands it to another: the noisy picture, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class WalkStep:
    """What a network got at one step of a walk.

    Attributes:
        model: The model's value in the menus.
        label: The class menu's value.
        t: The timestep.
        x_t: The noisy picture of that step, (1, C, H, W), on the CPU.
        x0: The picture with which the walk ended, (1, C, H, W), on the CPU.
        words: Which step of which walk it is, in a few words.
    """

    model: str
    label: str | None
    t: int
    x_t: Tensor
    x0: Tensor
    words: str
