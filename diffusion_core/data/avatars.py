"""The files of the avatars: pictures, their style, and the attributes each was drawn with.

The whole set is one .npz with a training and a held-out part. The few thousand pictures that this
package carries are one lossless WebP sheet inside an .npz: a tenth of the raw bytes.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..conditioning import AttributeNames
from ..files import cache_folder, replace_file

FILE = "avatars.npz"
SIDE = 64  # pixels of that file's pictures
RECIPE = "pretrained/recipes/avatars_data.sh"
EMBEDDED_AVATARS = Path(__file__).parent / "embedded" / "avatars-3000.npz"
CREDIT = (
    "The avatars are drawn with DiceBear from Open Peeps by Pablo Stanley and Pixel Art and Thumbs "
    "by DiceBear, all CC0 1.0."
)
ACROSS = 60  # pictures in a row of the sheet
# Where the parts of a person lie, at `SIDE` pixels: boxes (top, bottom, left, right) that belong to
# the part, then those of them that do not.
Box = tuple[int, int, int, int]
PART_BOXES: dict[str, tuple[tuple[Box, ...], tuple[Box, ...]]] = {
    "head": (((0, 54, 0, 64),), ((27, 54, 29, 53),)),
    "face": (((24, 48, 26, 56),), ()),
    "accessory": (((22, 42, 8, 56),), ()),
    "clothing": (((48, 64, 0, 64),), ()),
}


def part_of_person(part: str) -> np.ndarray:
    """Where a part of a person lies in an avatar, uint8 (64, 64), 1 where it does.

    Args:
        part: A key of `PART_BOXES`.
    """
    inside = np.zeros((SIDE, SIDE), np.uint8)
    for boxes, value in zip(PART_BOXES[part], (1, 0), strict=True):
        for top, bottom, left, right in boxes:
            inside[top:bottom, left:right] = value
    return inside


@dataclass(frozen=True, eq=False)
class AvatarFile:
    """Avatars as they are kept.

    Attributes:
        pictures: uint8, (N, H, W, 3).
        labels: Style of each, uint8, (N,).
        attributes: int8, (N, K); -1 where an attribute does not apply to the style.
        class_names: The names of the styles.
        attribute_names: The names of the K attributes, each with the names of its values.
        parts: int8, (N, P), as `attributes`: what else was chosen in drawing, for a judge to learn.
            None in the embedded file.
        part_names: The names of the P parts, each with the names of its values.
    """

    pictures: np.ndarray
    labels: np.ndarray
    attributes: np.ndarray
    class_names: tuple[str, ...]
    attribute_names: AttributeNames
    parts: np.ndarray | None = None
    part_names: AttributeNames = ()

    def first(self, count: int) -> AvatarFile:
        """The first `count` of them."""
        return dataclasses.replace(
            self,
            pictures=self.pictures[:count],
            labels=self.labels[:count],
            attributes=self.attributes[:count],
            parts=None if self.parts is None else self.parts[:count],
        )

    def _names(self, *, parts: bool) -> np.ndarray:
        names = {"classes": self.class_names, "attributes": self.attribute_names}
        return np.array(json.dumps(names | ({"parts": self.part_names} if parts else {})))

    @staticmethod
    def write(path: Path, parts: dict[str, AvatarFile]) -> None:
        """Write the parts of a set, "train" and "test", into one file."""
        arrays = {"names": next(iter(parts.values()))._names(parts=True)}
        for name, part in parts.items():
            arrays |= {
                f"{name}_pictures": part.pictures,
                f"{name}_labels": part.labels,
                f"{name}_attributes": part.attributes,
            }
            if part.parts is not None:
                arrays[f"{name}_parts"] = part.parts
        _save(path, arrays)

    @classmethod
    def read(cls, path: Path, part: str) -> AvatarFile:
        """Read one part of a set.

        Raises:
            ValueError: if the file is something else or broken.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                classes, attributes, others = _read_names(file["names"])
                parts = f"{part}_parts"
                return cls(
                    file[f"{part}_pictures"],
                    file[f"{part}_labels"],
                    file[f"{part}_attributes"],
                    classes,
                    attributes,
                    file[parts] if parts in file else None,
                    others,
                )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{path} is not a file of avatars; make it again by {RECIPE}."
            ) from error

    def embed(self, path: Path) -> None:
        """Write as a sheet, lossless and small."""
        N, H, W, C = self.pictures.shape
        down = -(-N // ACROSS)
        sheet = np.zeros((down * ACROSS, H, W, C), np.uint8)
        sheet[:N] = self.pictures
        sheet = sheet.reshape(down, ACROSS, H, W, C).swapaxes(1, 2).reshape(down * H, -1, C)
        buffer = io.BytesIO()
        Image.fromarray(sheet).save(buffer, "WEBP", lossless=True, quality=100, method=6)
        webp = np.frombuffer(buffer.getvalue(), np.uint8)
        arrays = {"names": self._names(parts=False), "sheet": webp, "side": np.array([H, W])}
        _save(path, arrays | {"labels": self.labels, "attributes": self.attributes})

    @classmethod
    def embedded(cls, path: Path = EMBEDDED_AVATARS) -> AvatarFile:
        """Read what `embed` wrote."""
        with np.load(path, allow_pickle=False) as file:
            labels, attributes, names = file["labels"], file["attributes"], file["names"]
            (H, W), webp = file["side"].tolist(), file["sheet"].tobytes()
        sheet = np.array(Image.open(io.BytesIO(webp), formats=["WEBP"]).convert("RGB"))
        tiles = sheet.reshape(sheet.shape[0] // H, H, ACROSS, W, 3).swapaxes(1, 2)
        pictures = np.ascontiguousarray(tiles.reshape(-1, H, W, 3)[: len(labels)])
        return cls(pictures, labels, attributes, *_read_names(names)[:2])


def avatars_name(size: int = SIDE) -> str:
    """The name of the file of the whole set at a side in pixels."""
    return FILE if size == SIDE else f"{Path(FILE).stem}-{size}.npz"


def find_avatars(size: int = SIDE) -> Path:
    """Path of the whole set: in the folder that AVATARS_DIR names, else in the user's cache.

    Args:
        size: Side of the pictures in pixels; the recipe draws the same avatars at 64 and at 128.

    Raises:
        ValueError: if it is not there; says how it is made.
    """
    path = Path(os.environ.get("AVATARS_DIR") or cache_folder()) / avatars_name(size)
    if path.is_file():
        return path
    if size == SIDE:
        made = f"make them with {RECIPE}, or use avatars-3000."
    else:
        made = f"make them with {RECIPE} --size {size}."
    raise ValueError(f"The avatars are not at {path}: {made}")


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    replace_file(path, write)


def _read_names(names: np.ndarray) -> tuple[tuple[str, ...], AttributeNames, AttributeNames]:
    values = json.loads(str(names))
    attributes, parts = (
        tuple((name, tuple(listed)) for name, listed in values.get(kind, ()))
        for kind in ("attributes", "parts")
    )
    return tuple(values["classes"]), attributes, parts
