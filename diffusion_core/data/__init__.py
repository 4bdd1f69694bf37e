"""Data sets as tensors in [-1, 1], and the one careful door by which pictures enter.

Its files:

    dataset   what a data set is, and how one is gathered from pictures
    named     data sets by name or folder
    avatars   the drawn faces and their attributes
    uploads   zips and pictures that a person gives
    images    picture files, and the crossing between uint8 pictures and tensors
"""

from __future__ import annotations

from .avatars import CREDIT, EMBEDDED_AVATARS, FILE, RECIPE, AvatarFile, find_avatars
from .dataset import ImageDataset
from .images import CROPS, GRID_GAP, fit_picture, from_uint8, grid, read_picture, to_pil, to_uint8
from .named import EMBEDDED_FASHION, load_dataset
from .uploads import load_uploads

__all__ = [
    "CREDIT",
    "CROPS",
    "EMBEDDED_AVATARS",
    "EMBEDDED_FASHION",
    "FILE",
    "GRID_GAP",
    "RECIPE",
    "AvatarFile",
    "ImageDataset",
    "find_avatars",
    "fit_picture",
    "from_uint8",
    "grid",
    "load_dataset",
    "load_uploads",
    "read_picture",
    "to_pil",
    "to_uint8",
]
