"""Points in the plane: data whose density one sees, a small network for them, and measures.

sets       distributions: ring, moons, spiral, checkerboard, a word, a picture, one's own
network    a perceptron with residual blocks that is told the timestep
learning   the core's training, on points, in seconds
measures   the energy distance of two sets, and the modes that were found

Schedule, process, denoiser and samplers are those of pictures: they take points of any shape.
"""

from __future__ import annotations

from .learning import STEPS, PointDataset, learn_points, point_training
from .measures import energy_distance, energy_scale, modes_covered
from .network import Block, PointNetwork, PointNetworkConfig
from .sets import (
    MAX_LETTERS,
    MAX_POINTS,
    MODES,
    POINT_SETS,
    RING_DEVIATION,
    PointSet,
    from_darkness,
    from_points,
    point_set,
    ring_centres,
    word,
)

__all__ = [
    "MAX_LETTERS",
    "MAX_POINTS",
    "MODES",
    "POINT_SETS",
    "RING_DEVIATION",
    "STEPS",
    "Block",
    "PointDataset",
    "PointNetwork",
    "PointNetworkConfig",
    "PointSet",
    "energy_distance",
    "energy_scale",
    "from_darkness",
    "from_points",
    "learn_points",
    "modes_covered",
    "point_set",
    "point_training",
    "ring_centres",
    "word",
]
