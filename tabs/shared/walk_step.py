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
        x0: The picture with which the walk ended or, where it began with a picture, that one,
            (1, C, H, W), on the CPU.
        words: Which step of which walk it is, in a few words.
        truth: Whether x0 is the truth; a walk from noise has none.
        y: The condition in the network's numbers, attributes among it; None is that of the label.
        run: Name of the walk's run.
        card: Its run card, for a recording that is no longer here.
        index: Number of the walk's steps before this one.
        steps: Number of the walk's steps.
        pressed: Another text for each time that it was handed over.
    """

    model: str
    label: str | None
    t: int
    x_t: Tensor
    x0: Tensor
    words: str
    truth: bool = False
    y: int | Tensor | None = None
    run: str = ""
    card: str = ""
    index: int = 0
    steps: int = 1
    pressed: str = ""
