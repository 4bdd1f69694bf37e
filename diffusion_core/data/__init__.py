"""Data sets as tensors in [-1, 1], and the one careful door by which pictures enter.

Its files:

    dataset   what a data set is, and how one is gathered from pictures
    named     data sets by name, folder or zip
    avatars   the drawn faces and their attributes
    uploads   folders, zips and pictures that a person gives
    places    what follows from where pictures lie: classes, and what is left out
    folders   a folder and what is below it
    zips      a zip, which may be hostile
    images    the one door for picture files; uint8 pictures as tensors, and back
    decoding  the decoding of picture files, in bounded memory
    ranges    values of more than 8 bits as levels, by one range for a whole set
"""

from __future__ import annotations

from .avatars import (
    CREDIT,
    EMBEDDED_AVATARS,
    FILE,
    PART_BOXES,
    RECIPE,
    AvatarFile,
    avatars_name,
    find_avatars,
    part_of_person,
)
from .dataset import ImageDataset
from .images import (
    CROPS,
    GRID_GAP,
    fit_picture,
    from_uint8,
    grid,
    read_picture,
    read_raw,
    to_pil,
    to_uint8,
)
from .named import EMBEDDED_FASHION, load_dataset
from .ranges import AUTOMATIC, RANGES, RawPicture, parse_range, to_levels
from .uploads import load_uploads

__all__ = [
    "AUTOMATIC",
    "CREDIT",
    "CROPS",
    "EMBEDDED_AVATARS",
    "EMBEDDED_FASHION",
    "FILE",
    "GRID_GAP",
    "PART_BOXES",
    "RANGES",
    "RECIPE",
    "AvatarFile",
    "ImageDataset",
    "RawPicture",
    "avatars_name",
    "find_avatars",
    "fit_picture",
    "from_uint8",
    "grid",
    "load_dataset",
    "load_uploads",
    "parse_range",
    "part_of_person",
    "read_picture",
    "read_raw",
    "to_levels",
    "to_pil",
    "to_uint8",
]
