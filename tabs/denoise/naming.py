"""Where the names beside a figure's marks stand, so that none covers another or a mark."""

from __future__ import annotations

from collections.abc import Sequence

# Plotly's names of the places, and where each lies from the mark: across and up.
PLACES = {
    "top center": (0, 1),
    "bottom center": (0, -1),
    "middle right": (1, 0),
    "middle left": (-1, 0),
    "top right": (1, 1),
    "top left": (-1, 1),
    "bottom right": (1, -1),
    "bottom left": (-1, -1),
}
GAP = 0.7  # marks' sides from a mark's middle to its name, as Plotly sets it


def places(
    marks: Sequence[tuple[float, float]],
    names: Sequence[str],
    size: tuple[float, float],
    mark: float,
    letter: tuple[float, float],
) -> list[str | None]:
    """For each mark the first place of `PLACES` where its name is free; None where none is.

    Args:
        marks: Middles, in pixels from the lower left corner of the plot.
        names: One a mark; "" where there is none to be placed.
        size: Of the plot, width and height in pixels; names stay inside.
        mark: Side of a mark, in pixels.
        letter: Width and height of a letter, in pixels.
    """
    taken = [_box(x, y, mark, mark) for x, y in marks]
    found: list[str | None] = []
    for (x, y), name in zip(marks, names, strict=True):
        width, height = len(name) * letter[0], letter[1]
        found.append(None)
        for place, (across, up) in PLACES.items() if name else ():
            middle = x + across * (width / 2 + GAP * mark), y + up * (height / 2 + GAP * mark)
            box = _box(*middle, width, height)
            inside = min(box) >= 0 and box[2] <= size[0] and box[3] <= size[1]
            if inside and not any(_meet(box, other) for other in taken):
                taken.append(box)
                found[-1] = place
                break
    return found


def _box(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
