"""Point clouds in space: shapes of six categories, a network for them, and measures.

surfaces     the kinds of surface that shapes are made of, and points drawn on them by area
categories   chair, table, lamp, airplane, mug and torus, with random proportions
dataset      their clouds, as the core's training takes them
network      point-voxel convolutions in the plan of a UNet
checkpoint   the network as a folder, and as a `Checkpoint`
learning     the core's training, saved so that it can go on
camera       what one camera sees of a shape, to be completed
files        clouds of a user's own
measures     coverage, minimum matching distance and 1-NN accuracy by Chamfer's distance

Schedule, process, denoiser and samplers are those of pictures: they take samples of any shape.
"""

from __future__ import annotations

from .camera import seen_from, turned, view_to_complete
from .categories import CATEGORIES, Category, Recipe, draw_recipe
from .checkpoint import CloudConfig, load_clouds, save_clouds
from .dataset import CATEGORY_NAMES, NUM_POINTS, SHAPES, CloudDataset, normalised
from .files import MAX_CLOUD_BYTES, MAX_POINTS, SUFFIXES, read_cloud
from .learning import cloud_training, fresh_network, learn_clouds
from .measures import CloudScores, chamfer_distances, cloud_scores, distances_within
from .network import CloudNetwork, CloudNetworkConfig
from .surfaces import Part, Surfaces

__all__ = [
    "CATEGORIES",
    "CATEGORY_NAMES",
    "MAX_CLOUD_BYTES",
    "MAX_POINTS",
    "NUM_POINTS",
    "SHAPES",
    "SUFFIXES",
    "Category",
    "CloudConfig",
    "CloudDataset",
    "CloudNetwork",
    "CloudNetworkConfig",
    "CloudScores",
    "Part",
    "Recipe",
    "Surfaces",
    "chamfer_distances",
    "cloud_scores",
    "cloud_training",
    "distances_within",
    "draw_recipe",
    "fresh_network",
    "learn_clouds",
    "load_clouds",
    "normalised",
    "read_cloud",
    "save_clouds",
    "seen_from",
    "turned",
    "view_to_complete",
]
