"""Surfaces of which shapes are put together, and points drawn on them by area.

A part is one surface of a few kinds, with its own numbers, in its own frame. All parts of many
shapes are one table, so that the points of a whole batch are drawn at once: each point chooses a
part by its area and a place on it by two numbers from [0, 1).

    PARALLELEPIPED  a box, straight or sheared; the frame's columns are its three edges
    FRUSTUM         the side of a cone or cylinder along y: radii r0 below and r1 above, height h
    ANNULUS         a flat ring in the plane of x and z: radii r0 and r1
    SPHERE          the zone of a sphere between two heights: radius r, from y0 to y1
    TORUS           part of a torus around y: radii R and r, from angle a0 to a1

Frames of all kinds but the first are rotations, which keep areas. The y axis points up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

KINDS = ("parallelepiped", "frustum", "annulus", "sphere", "torus")
PARALLELEPIPED, FRUSTUM, ANNULUS, SPHERE, TORUS = range(5)
NEWTON_STEPS = 6  # for the torus' angle; the error is then below 1e-6


@dataclass(frozen=True)
class Part:
    """One surface.

    Attributes:
        kind: Its place in `KINDS`.
        centre: (x, y, z) of its own origin.
        frame: Three columns, the images of its own axes; of a parallelepiped its edges.
        numbers: Four numbers of its kind, in the order above; those it does not need are 0.
    """

    kind: int
    centre: tuple[float, float, float]
    frame: tuple[tuple[float, float, float], ...] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    numbers: tuple[float, ...] = ()


def box(
    centre: tuple[float, float, float], size: tuple[float, float, float], shear: float = 0.0
) -> Part:
    """A box of the given size; its x edge rises by `shear` times its length in z, as a swept wing.

    Args:
        centre: Of the box.
        size: Its edges along x, y and z.
        shear: How far z moves for each unit of x.
    """
    x, y, z = size
    return Part(PARALLELEPIPED, centre, ((x, 0, shear * x), (0, y, 0), (0, 0, z)))


def column(
    below: tuple[float, float, float], above: tuple[float, float, float], r0: float, r1: float
) -> Part:
    """The side of a round column from one point to another, with a radius at each end."""
    axis = [b - a for a, b in zip(below, above, strict=True)]
    height = math.sqrt(sum(a * a for a in axis))
    return Part(FRUSTUM, below, upright(tuple(a / height for a in axis)), (r0, r1, height))


def upright(y: Sequence[float]) -> tuple[tuple[float, float, float], ...]:
    """A rotation whose second column is the unit vector y."""
    helper = (1.0, 0.0, 0.0) if abs(y[0]) < 0.9 else (0.0, 0.0, 1.0)
    x = _cross(helper, y)
    length = math.sqrt(sum(a * a for a in x))
    x = (x[0] / length, x[1] / length, x[2] / length)
    return (x, (y[0], y[1], y[2]), _cross(x, y))


def _cross(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


@dataclass(frozen=True, eq=False)
class Surfaces:
    """The parts of S shapes as tables, each shape with as many places as the largest needs.

    Attributes:
        kind: int64 (S, P); where a shape has no further part its area is 0.
        centre: float32 (S, P, 3).
        frame: float32 (S, P, 3, 3), columns as of `Part`.
        numbers: float32 (S, P, 4).
        area: float32 (S, P), in square units.
    """

    kind: Tensor
    centre: Tensor
    frame: Tensor
    numbers: Tensor
    area: Tensor

    @classmethod
    def of(cls, shapes: Sequence[Sequence[Part]]) -> Surfaces:
        """The tables of shapes given as lists of parts."""
        most = max(len(parts) for parts in shapes)
        size = (len(shapes), most)
        kind = torch.zeros(size, dtype=torch.int64)
        centre, frame, numbers = (torch.zeros(*size, *s) for s in ((3,), (3, 3), (4,)))
        for s, parts in enumerate(shapes):
            n = len(parts)
            kind[s, :n] = torch.tensor([p.kind for p in parts])
            centre[s, :n] = torch.tensor([p.centre for p in parts])
            frame[s, :n] = torch.tensor([p.frame for p in parts]).transpose(1, 2)
            numbers[s, :n] = torch.tensor(
                [[*p.numbers, *[0.0] * (4 - len(p.numbers))] for p in parts]
            )
        there = torch.arange(most) < torch.tensor([[len(parts)] for parts in shapes])
        return cls(kind, centre, frame, numbers, _areas(kind, frame, numbers) * there)

    def __len__(self) -> int:
        """S, the number of shapes."""
        return len(self.kind)

    def draw(self, which: Tensor, num_points: int, generator: torch.Generator) -> Tensor:
        """Points of some shapes, uniform over their surfaces.

        Args:
            which: The shapes, int64 (B,).
            num_points: Points of each, N.
            generator: Of all that is drawn.

        Returns:
            float32 (B, N, 3), in the shapes' own units.
        """
        part = torch.multinomial(self.area[which], num_points, True, generator=generator)
        u, v, w = torch.rand(3, len(which), num_points, generator=generator)
        row = which[:, None]
        kind, numbers = self.kind[row, part], self.numbers[row, part]
        frame, centre = self.frame[row, part], self.centre[row, part]
        local = torch.zeros(*kind.shape, 3)
        for k, place in enumerate((_on_box, _on_frustum, _on_annulus, _on_sphere, _on_torus)):
            here = kind == k
            if bool(here.any()):
                local[here] = place(u[here], v[here], w[here], numbers[here], frame[here])
        return torch.einsum("bnij,bnj->bni", frame, local) + centre


def _areas(kind: Tensor, frame: Tensor, numbers: Tensor) -> Tensor:
    a, b, c, d = numbers.unbind(-1)
    edges = _faces(frame).sum(-1) * 2
    side = math.pi * (a + b) * (c**2 + (a - b) ** 2).sqrt()
    ring = math.pi * (b**2 - a**2).abs()
    zone = 2 * math.pi * a * (c - b)
    tube = 2 * math.pi * b * a * (d - c)
    return torch.stack([edges, side, ring, zone, tube], -1).gather(-1, kind[..., None])[..., 0]


def _faces(frame: Tensor) -> Tensor:
    """Areas of the faces across the first, second and third edge, (..., 3)."""
    x, y, z = frame.unbind(-1)
    pairs = ((y, z), (z, x), (x, y))
    return torch.stack([torch.linalg.cross(a, b, dim=-1).norm(dim=-1) for a, b in pairs], -1)


def _on_box(u: Tensor, v: Tensor, w: Tensor, numbers: Tensor, frame: Tensor) -> Tensor:
    """In [-1/2, 1/2]^3: a pair of faces by area, one of the two, and a place on it."""
    share = _faces(frame).cumsum(-1)
    w = w * share[:, -1]
    axis = (w[:, None] >= share[:, :2]).sum(-1)  # across which edge
    low = torch.where(axis > 0, share.gather(1, (axis - 1).clamp_min(0)[:, None])[:, 0], 0.0)
    high = share.gather(1, axis[:, None])[:, 0]
    far = (w - low) / (high - low) >= 0.5
    point = torch.zeros(len(u), 3)
    point.scatter_(1, axis[:, None], (far.float() - 0.5)[:, None])
    point.scatter_(1, ((axis + 1) % 3)[:, None], (u - 0.5)[:, None])
    point.scatter_(1, ((axis + 2) % 3)[:, None], (v - 0.5)[:, None])
    return point


def _on_frustum(u: Tensor, v: Tensor, w: Tensor, numbers: Tensor, frame: Tensor) -> Tensor:
    """The height's density grows with the radius there."""
    r0, r1, height, _ = numbers.unbind(1)
    radius = (r0**2 + v * (r1**2 - r0**2)).sqrt()
    even = (r1 - r0).abs() < 1e-6
    share = torch.where(even, v, (radius - r0) / torch.where(even, 1.0, r1 - r0))
    radius = torch.where(even, r0, radius)
    angle = 2 * math.pi * u
    return torch.stack([radius * angle.cos(), share * height, radius * angle.sin()], 1)


def _on_annulus(u: Tensor, v: Tensor, w: Tensor, numbers: Tensor, frame: Tensor) -> Tensor:
    r0, r1 = numbers[:, 0], numbers[:, 1]
    radius, angle = (r0**2 + v * (r1**2 - r0**2)).sqrt(), 2 * math.pi * u
    return torch.stack([radius * angle.cos(), torch.zeros(len(u)), radius * angle.sin()], 1)


def _on_sphere(u: Tensor, v: Tensor, w: Tensor, numbers: Tensor, frame: Tensor) -> Tensor:
    """Zones of equal height have equal areas (Archimedes)."""
    r, y0, y1, _ = numbers.unbind(1)
    y, angle = y0 + v * (y1 - y0), 2 * math.pi * u
    radius = (r**2 - y**2).clamp_min(0).sqrt()
    return torch.stack([radius * angle.cos(), y, radius * angle.sin()], 1)


def _on_torus(u: Tensor, v: Tensor, w: Tensor, numbers: Tensor, frame: Tensor) -> Tensor:
    """The angle b around the tube has the density (R + r cos b): b + (r/R) sin b is uniform."""
    R, r, a0, a1 = numbers.unbind(1)
    wanted, ratio = 2 * math.pi * v, r / R
    b = wanted.clone()
    for _ in range(NEWTON_STEPS):
        b -= (b + ratio * b.sin() - wanted) / (1 + ratio * b.cos()).clamp_min(0.05)
    a = a0 + u * (a1 - a0)
    radius = R + r * b.cos()
    return torch.stack([radius * a.cos(), r * b.sin(), radius * a.sin()], 1)
