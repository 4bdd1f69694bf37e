"""What one camera sees of a shape, and the walk that keeps it and diffuses the rest.

A camera far away looks along a direction; what it sees are the points behind which nothing hides
them. With the points turned so that it looks along -z, a point is seen if no point near its line of
sight lies before it by more than a tolerance. PVD (Zhou, Du and Wu 2021, section 3.3) completes
what a depth camera saw in the same way: these points are fixed, and the others are diffused.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..generation import InitialImage

CELL = 0.07  # side of a cell of the camera's picture, where half of a shape's longest edge is 1
TOLERANCE = 0.12  # a point as far behind the nearest of its cell is still seen
MOST_KNOWN = 0.5  # share of a cloud's points that stay fixed, at most


def turned(points: Tensor, azimuth: float, elevation: float) -> Tensor:
    """Points as a camera has them: x to the right, y up, z towards it.

    Args:
        points: float (..., 3), y up.
        azimuth: Where the camera stands, in degrees around y; at 0 it stands at +z, before a shape.
        elevation: Its height, in degrees from the ground.
    """
    a, e = math.radians(azimuth), math.radians(elevation)
    x, y, z = points.unbind(-1)
    x, z = x * math.cos(a) - z * math.sin(a), x * math.sin(a) + z * math.cos(a)
    y, z = y * math.cos(e) - z * math.sin(e), y * math.sin(e) + z * math.cos(e)
    return torch.stack([x, y, z], dim=-1)


def seen_from(
    points: Tensor, azimuth: float, elevation: float, surface: Tensor | None = None
) -> Tensor:
    """Which points a camera sees.

    Args:
        points: float (N, 3), of a normalised cloud.
        azimuth: Of the camera; see `turned`.
        elevation: Likewise.
        surface: More points of the same surface, float (M, 3), which hide others; None takes the
            points themselves. The denser it is, the less is seen through it.

    Returns:
        bool (N,).
    """
    view = turned(points, azimuth, elevation)
    hides = view if surface is None else turned(surface, azimuth, elevation)
    side = math.ceil(2 * 2.0 / CELL)

    def cell(of: Tensor) -> Tensor:
        place = ((of[:, :2] + 2.0) / CELL).long().clamp(0, side - 1)
        return place[:, 0] * side + place[:, 1]

    nearest = torch.full((side * side,), -math.inf)
    nearest = nearest.scatter_reduce(0, cell(hides), hides[:, 2].float(), "amax")
    return view[:, 2] >= nearest[cell(view)] - TOLERANCE


def view_to_complete(
    points: Tensor,
    azimuth: float,
    elevation: float,
    num_points: int,
    generator: torch.Generator,
    surface: Tensor | None = None,
) -> InitialImage:
    """What a camera sees of a cloud, as the fixed part of a cloud of so many points.

    Args:
        points: float (N, 3), of a normalised cloud.
        azimuth: Of the camera; see `turned`.
        elevation: Likewise.
        num_points: Points of the network's clouds, M.
        generator: Chooses among the seen points where they are more than half of M.
        surface: See `seen_from`.

    Returns:
        The fixed points first, (1, M, 3), and the mask, which is 1 for them.

    Raises:
        ValueError: if the camera sees nothing.
    """
    seen = points[seen_from(points, azimuth, elevation, surface)]
    most = max(1, int(num_points * MOST_KNOWN))
    if len(seen) > most:
        seen = seen[torch.randperm(len(seen), generator=generator)[:most]]
    if not len(seen):
        raise ValueError("The camera sees no point of this cloud; choose another cloud.")
    picture = torch.zeros(1, num_points, 3)
    picture[0, : len(seen)] = seen
    mask = torch.zeros(1, num_points, 3)
    mask[0, : len(seen)] = 1
    return InitialImage(picture, mask)
