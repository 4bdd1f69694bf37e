"""Sets of points in the plane: distributions whose density one can see.

Every set lies within [-1, 1]², with about half of that as its standard deviation, which is the
scale that the schedules and the networks are made for. Each is a function of how many points are
wanted and of a generator, so that training draws as many as it needs and never sees one twice.

ring          eight Gaussians on a circle, as in papers on mode collapse (Metz et al. 2017)
moons         two half circles that reach into each other
spiral        two arms, one turn and a half each
checkerboard  eight squares of equal density, with edges (Grathwohl et al. 2019)
word          letters, as wide as they are drawn
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

MODES = 8
RING_RADIUS, RING_DEVIATION = 0.8, 0.05
MAX_POINTS = 10_000
MAX_LETTERS = 12
_SQUARES = 4  # of a side of the checkerboard
_LETTER_SIDE = 200  # pixels of the height of a letter as it is drawn


@dataclass(frozen=True, eq=False)
class PointSet:
    """A distribution of points in the plane.

    Attributes:
        name: Its name in menus and on the command line.
        draw: (count, generator) -> float32 (count, 2).
        modes: The centres of its modes, float32 (K, 2), where it has such; else None.
    """

    name: str
    draw: Callable[[int, torch.Generator], Tensor]
    modes: Tensor | None = None


def ring_centres() -> Tensor:
    """The centres of the eight Gaussians, float32 (8, 2)."""
    angle = torch.arange(MODES) * (2 * math.pi / MODES)
    return RING_RADIUS * torch.stack([angle.cos(), angle.sin()], dim=1)


def _ring(count: int, generator: torch.Generator) -> Tensor:
    which = torch.randint(MODES, (count,), generator=generator)
    return ring_centres()[which] + RING_DEVIATION * torch.randn(count, 2, generator=generator)


def _moons(count: int, generator: torch.Generator) -> Tensor:
    angle = math.pi * torch.rand(count, generator=generator)
    upper = torch.rand(count, generator=generator) < 0.5
    x = torch.where(upper, angle.cos(), 1 - angle.cos())
    y = torch.where(upper, angle.sin(), 0.5 - angle.sin())
    noise = 0.06 * torch.randn(count, 2, generator=generator)
    return (torch.stack([x - 0.5, y - 0.25], dim=1) + noise) * 0.6


def _spiral(count: int, generator: torch.Generator) -> Tensor:
    # By the root, so that points lie evenly along an arm whose length grows with its angle squared.
    turn = torch.rand(count, generator=generator).sqrt()
    arm = torch.randint(2, (count,), generator=generator)
    angle = 3 * math.pi * turn + math.pi * arm
    at = 0.9 * turn[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    return at + 0.02 * torch.randn(count, 2, generator=generator)


def _checkerboard(count: int, generator: torch.Generator) -> Tensor:
    row = torch.randint(_SQUARES, (count,), generator=generator)
    half = torch.randint(_SQUARES // 2, (count,), generator=generator)
    column = 2 * half + row % 2
    corner = torch.stack([column, row], dim=1)
    within = torch.rand(count, 2, generator=generator)
    return (corner + within) * (2 * 0.95 / _SQUARES) - 0.95


def word(text: str) -> PointSet:
    """The points of a written word.

    Raises:
        ValueError: if it has no letter or more than 12.
    """
    shown = " ".join(text.split())
    if not 1 <= len(shown) <= MAX_LETTERS:
        raise ValueError(f"A word must have 1 to {MAX_LETTERS} letters, got {len(shown)}.")
    font = ImageFont.load_default(size=_LETTER_SIDE)
    left, top, right, bottom = font.getbbox(shown)
    size = (max(1, round(right - left)), max(1, round(bottom - top)))
    drawn = Image.new("L", size, 255)
    ImageDraw.Draw(drawn).text((-left, -top), shown, fill=0, font=font)
    return from_darkness(np.asarray(drawn), name=shown)


def from_darkness(picture: np.ndarray, name: str = "picture") -> PointSet:
    """The dark parts of a picture as a density: a point falls on a pixel by how dark it is.

    Args:
        picture: Grey levels, uint8 (H, W); 0 is black. The longer side becomes [-0.95, 0.95].
        name: The name of the set.

    Raises:
        ValueError: if it is no such picture, or nothing in it is dark.
    """
    if picture.ndim != 2 or picture.dtype != np.uint8 or not picture.size:
        raise ValueError(f"A picture must be uint8 (H, W), got {picture.dtype} {picture.shape}.")
    dark = 255 - picture.astype(np.float64)
    dark[dark < 128] = 0  # paper is never quite white
    if not dark.any():
        raise ValueError("Nothing in this picture is dark; draw in black on white.")
    H, W = picture.shape
    shares = torch.from_numpy(np.cumsum(dark / dark.sum()))
    scale = 2 * 0.95 / max(H, W)

    def draw(count: int, generator: torch.Generator) -> Tensor:
        chance = torch.rand(count, generator=generator, dtype=torch.float64)
        pixel = torch.searchsorted(shares, chance).clamp_max(H * W - 1)
        within = torch.rand(count, 2, generator=generator)
        x = (pixel % W + within[:, 0] - W / 2) * scale
        y = (H / 2 - torch.div(pixel, W, rounding_mode="floor") - within[:, 1]) * scale
        return torch.stack([x, y], dim=1).float()

    return PointSet(name, draw)


def from_points(points: Tensor, name: str = "drawn", spread: float = 0.02) -> PointSet:
    """One's own points, each as a small Gaussian, drawn equally often.

    Args:
        points: float (N, 2), 1 to 10,000 of them, each within [-1, 1]².
        name: The name of the set.
        spread: Standard deviation of the Gaussian at each point.

    Raises:
        ValueError: if they are something else.
    """
    if points.ndim != 2 or points.shape[1] != 2 or not points.is_floating_point():
        raise ValueError(f"Points must be float (N, 2), got {points.dtype} {tuple(points.shape)}.")
    if not 1 <= len(points) <= MAX_POINTS:
        raise ValueError(f"There must be 1 to {MAX_POINTS:,} points, got {len(points):,}.")
    if not bool((points.abs() <= 1).all()):  # so that nan fails too
        raise ValueError("Every point must lie between -1 and 1, in x and in y.")
    kept = points.float()

    def draw(count: int, generator: torch.Generator) -> Tensor:
        which = torch.randint(len(kept), (count,), generator=generator)
        return kept[which] + spread * torch.randn(count, 2, generator=generator)

    return PointSet(name, draw)


_MAKERS = {
    "ring": lambda: PointSet("ring", _ring, ring_centres()),
    "moons": lambda: PointSet("moons", _moons),
    "spiral": lambda: PointSet("spiral", _spiral),
    "checkerboard": lambda: PointSet("checkerboard", _checkerboard),
    "word": lambda: word("noise"),
}
POINT_SETS = tuple(_MAKERS)


def point_set(name: str) -> PointSet:
    """A set by its name, one of `POINT_SETS`.

    Raises:
        ValueError: if there is none of this name; the message lists the known ones.
    """
    if name not in _MAKERS:
        raise ValueError(
            f"There is no set of points {name!r}; choose one of {', '.join(POINT_SETS)}."
        )
    return _MAKERS[name]()
