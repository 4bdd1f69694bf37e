"""Clouds of a user's own: .ply in text and binary, .xyz, .npy.

A file may come from a stranger. Nothing is unpickled, its size is bounded before anything of it is
read, and whatever is wrong with it is one sentence. Of a PLY file only the vertices are read, which
takes a few lines of numpy; the reader that most people use has a licence that does not fit here.
"""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .dataset import normalised

MAX_POINTS = 10_000
FEWEST_POINTS = 16
MAX_CLOUD_BYTES = 16 * 2**20
SUFFIXES = (".ply", ".xyz", ".npy")


class _Refused(ValueError):
    """A file that can be read, and is refused by a sentence of its own."""


_LARGEST = 1e12  # of a coordinate, so that differences and squares stay finite in float32


def read_cloud(path: str | Path) -> Tensor:
    """A cloud of a file, brought to the place and size of the data.

    .ply: the vertices' x, y and z, in text or binary. .xyz: three numbers a line, further ones and
    lines that begin with # are ignored. .npy: an array (N, 3) of numbers. The y axis points up.

    Args:
        path: The file.

    Returns:
        float32 (N, 3), see `dataset.normalised`.

    Raises:
        ValueError: in one sentence, if it holds no cloud, or one of too many points.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"A cloud is a file {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}.")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CLOUD_BYTES + 1)
    except OSError:
        raise ValueError("The file of the cloud cannot be read; choose it again.") from None
    if len(data) > MAX_CLOUD_BYTES:
        raise ValueError(
            f"The file has more than {MAX_CLOUD_BYTES // 2**20} MB; take fewer points."
        )
    reader = {".ply": _ply, ".xyz": _xyz, ".npy": _npy}[suffix]
    try:
        points = np.asarray(reader(data), dtype=np.float64)
    except _Refused:
        raise
    except (ValueError, OverflowError, MemoryError, KeyError, IndexError, TypeError, EOFError):
        raise ValueError(_broken(suffix)) from None
    return _checked(points)


def _broken(suffix: str) -> str:
    wanted = {
        ".ply": "it needs vertices with x, y and z",
        ".xyz": "it needs three numbers in each line",
        ".npy": "it needs an array (N, 3) of numbers",
    }
    return f"This {suffix} file holds no cloud that can be read; {wanted[suffix]}."


def _too_many(count: int) -> str:
    return f"The cloud has {count:,} points; {MAX_POINTS:,} are the most: thin it out."


def _checked(points: np.ndarray) -> Tensor:
    """The points as a normalised cloud, once they are known to be one."""
    if len(points) > MAX_POINTS:
        raise _Refused(_too_many(len(points)))
    if len(points) < FEWEST_POINTS:
        raise ValueError(f"The cloud has {len(points)} points; it needs {FEWEST_POINTS} at least.")
    if not np.isfinite(points).all() or np.abs(points).max() > _LARGEST:
        raise ValueError("A coordinate of the cloud is no finite number; mend the file.")
    extent = np.ptp(points, axis=0).max()
    if not extent > 1e-9 * max(1.0, float(np.abs(points).max())):
        raise ValueError("All points of the cloud lie in one place; choose another cloud.")
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    return normalised(torch.from_numpy((points - middle) / extent).float()[None])[0]


# The types of a PLY file's numbers, by both of their names.
_PLY_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8",
}  # fmt: skip
_PLY_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}


def _ply(data: bytes) -> np.ndarray:
    """The vertices of a PLY file; they must be its first element, as they nearly always are.

    See http://paulbourke.net/dataformats/ply/ for the format.
    """
    end = data.find(b"end_header", 0, 65_536)
    begin = data.find(b"\n", end) + 1
    if not data.startswith(b"ply") or end < 0 or not begin:
        raise ValueError(_broken(".ply"))
    lines = [line.split() for line in data[:end].decode("latin-1").splitlines()]
    order = next((line[1] for line in lines if line[:1] == ["format"] and len(line) > 1), "")
    elements = [k for k, line in enumerate(lines) if line[:1] == ["element"]]
    if not elements or lines[elements[0]][1:2] != ["vertex"]:
        raise ValueError(_broken(".ply"))
    count = int(lines[elements[0]][2])
    if count > MAX_POINTS:
        raise _Refused(_too_many(count))
    of_vertex = lines[elements[0] + 1 : elements[1] if len(elements) > 1 else None]
    properties = [line for line in of_vertex if line[:1] == ["property"]]
    if order == "ascii":
        names = [line[-1] for line in properties]
        at = [names.index(axis) for axis in "xyz"]
        rows = [row.split() for row in itertools.islice(data[begin:].splitlines(), count)]
        return np.array([[float(row[k]) for k in at] for row in rows]).reshape(count, 3)
    kinds = [(name, _PLY_ORDERS[order] + _PLY_TYPES[kind]) for _, kind, name in properties]
    vertices = np.frombuffer(data, np.dtype(kinds), count, begin)
    return np.stack([vertices[axis].astype(np.float64) for axis in "xyz"], axis=1)


def _xyz(data: bytes) -> np.ndarray:
    lines = [line for line in data.splitlines() if line.strip() and not line.startswith(b"#")]
    if len(lines) > MAX_POINTS:
        raise _Refused(_too_many(len(lines)))
    rows = [[float(word) for word in line.split()[:3]] for line in lines]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 3)


def _npy(data: bytes) -> np.ndarray:
    stream = io.BytesIO(data)
    readers = {(1, 0): np.lib.format.read_array_header_1_0}
    readers[(2, 0)] = np.lib.format.read_array_header_2_0
    shape, _, kind = readers[np.lib.format.read_magic(stream)](stream)
    if len(shape) != 2 or shape[1] != 3 or kind.kind not in "fiu":
        raise ValueError("not a cloud")
    if shape[0] > MAX_POINTS:
        raise _Refused(_too_many(shape[0]))
    return np.load(io.BytesIO(data), allow_pickle=False)
