"""What was measured of a network that fills holes: `results.json` beside its weights.

Parts of held-out avatars were taken away and asked for as others, and a judge read what came; see
the recipe's `glide_inpainting_measured`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..checkpoint import results_beside, results_rows, results_values
from ..fields import Kind, listed, mapping, number, text, whole

_SHARE, _COUNT = number(0, 1), whole(1, 10**9)
_ROW: dict[str, Kind] = {
    "part": text(100, least=1),
    "method": text(100, least=1),
    "repeats": _COUNT,
    "count": _COUNT,
    "obeys": _SHARE,
    "stays": _SHARE,
    "seam": number(0, 1e9),
}
_RESULTS: dict[str, Kind] = {
    "weights": text(200),
    "words": text(200),
    "num": _COUNT,
    "steps": _COUNT,
    "guidance_scale": number(0, 100),
    "rows": listed(mapping(), 0, 100),
}


@dataclass(frozen=True)
class FilledPart:
    """How holes over one part are filled by one network.

    Attributes:
        part: The attribute that is asked to be another one.
        method: "trained" for holes, or "RePaint" with a network that was not.
        repeats: How often each step is taken.
        count: Pictures.
        obeys: Share that shows what was asked for.
        stays: Share of the other attributes that are read as before.
        seam: Mean difference of pixels across the hole's edge; 1 is that of the picture before.
    """

    part: str
    method: str
    repeats: int
    count: int
    obeys: float
    stays: float
    seam: float


@dataclass(frozen=True)
class FillingResults:
    """What was measured, and with what.

    Attributes:
        weights: SHA-256 of the weights that were measured, hex.
        words: The same of the network that RePaint was done with.
        num: Pictures of each part.
        steps: Of ddim with eta 1.
        guidance_scale: Against the empty caption.
        rows: A part and a network each.
    """

    weights: str
    words: str
    num: int
    steps: int
    guidance_scale: float
    rows: tuple[FilledPart, ...]

    @classmethod
    def from_json(cls, data: str | bytes) -> FillingResults:
        """Read what the recipe wrote; other fields than those that are read may stand beside.

        Raises:
            ValueError: if it is something else.
        """
        values = results_values(data, _RESULTS, tuple(_RESULTS))
        needed = {name: values[name] for name in _RESULTS if name != "rows"}
        return cls(**needed, rows=results_rows(values, "rows", _ROW, FilledPart))


def filling_results(folder: str | Path) -> FillingResults:
    """The results beside a network that fills holes.

    Raises:
        ValueError: if there are none that can be read.
    """
    return results_beside(folder, FillingResults.from_json)
