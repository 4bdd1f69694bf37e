"""What was measured of a cascade: `results.json` in the folder of both models.

Held-out captions were drawn, held-out pictures enlarged, and a judge read what came out; see the
recipe's `imagen_measured`. A measure that was not taken yet is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..checkpoint import results_beside, results_rows, results_values
from ..denoiser import THRESHOLDS
from ..fields import Kind, check_fields, listed, mapping, number, one_of, text, whole
from .store import BASE_FOLDER, ENLARGER_FOLDER

_SHARE, _COUNT, _SCALE = number(0, 1), whole(0, 10**9), number(0, 100)
_DISTANCE = number(-1, 1e9)
_ROWS = listed(mapping(), 0, 100)
_FIGURES: dict[str, Kind] = {
    "frechet": _DISTANCE,
    "obedience": _SHARE,
    "edges": number(0, 1e9),
}
_MODEL: dict[str, Kind] = {"model": text(200, least=1), **_FIGURES}
_LEVEL: dict[str, Kind] = {"level": _SHARE, **_FIGURES, "away": number(0, 1e9)}
_THRESHOLD: dict[str, Kind] = {
    "guidance_scale": _SCALE,
    "threshold": one_of(THRESHOLDS),
    "saturated_small": _SHARE,
    "saturated": _SHARE,
    **_FIGURES,
}
NETWORKS = ("base", "enlarger", "trunk", "branch")
_COSTS: dict[str, Kind] = dict.fromkeys(NETWORKS, number(-1e9, 1e9))
_WEIGHTS: dict[str, Kind] = dict.fromkeys((BASE_FOLDER, ENLARGER_FOLDER), text(200))
_RESULTS: dict[str, Kind] = {
    "weights": mapping(_WEIGHTS),
    "num": _COUNT,
    "num_curves": _COUNT,
    "steps": _COUNT,
    "guidance_scale": _SCALE,
    "level": _SHARE,
    "saturated_real": _SHARE,
    "costs": mapping(),
    "models": _ROWS,
    "levels": _ROWS,
    "thresholds": _ROWS,
}
_NEEDED = ("weights", "num", "num_curves", "steps", "guidance_scale", "level")


@dataclass(frozen=True)
class DrawnModel:
    """Pictures of one model, or real ones, beside held-out pictures.

    Attributes:
        model: Its name.
        frechet: Frechet distance, in the judge's features.
        obedience: Share of what captions tell that the judge reads.
        edges: Mean difference of neighbouring pixels, where that of real pictures is 1.
    """

    model: str
    frechet: float
    obedience: float
    edges: float


@dataclass(frozen=True)
class DrawnLevel:
    """Held-out small pictures, enlarged at one level of augmentation.

    Attributes:
        level: The level.
        frechet: As of a `DrawnModel`.
        obedience: As of a `DrawnModel`.
        edges: As of a `DrawnModel`.
        away: How far the large pictures, shrunk again, are from the small ones: root mean square
            of pixels from -1 to 1.
    """

    level: float
    frechet: float
    obedience: float
    edges: float
    away: float


@dataclass(frozen=True)
class DrawnThreshold:
    """Both walks, at one scale of guidance by one way to clip.

    Attributes:
        guidance_scale: Of both walks.
        threshold: Of both walks: one of `denoiser.THRESHOLDS`.
        saturated_small: Share of saturated pixels of small pictures.
        saturated: The same of large ones.
        frechet: As of a `DrawnModel`.
        obedience: As of a `DrawnModel`.
        edges: As of a `DrawnModel`.
    """

    guidance_scale: float
    threshold: str
    saturated_small: float
    saturated: float
    frechet: float
    obedience: float
    edges: float


@dataclass(frozen=True)
class ImagenResults:
    """What was measured, and with what.

    Attributes:
        weights: SHA-256 of the weights of base model and model of super-resolution, hex, by the
            names of their folders.
        num: Captions of the table of models.
        num_curves: Pictures of each row of the others.
        steps: Of dpmpp_2m, spaced karras, of each walk.
        guidance_scale: Of the first walk, in the table of models.
        level: Of augmentation, but for the curve of levels.
        saturated_real: Share of saturated pixels of real pictures; None was not measured.
        costs: Milliseconds of processor time of an evaluation of one picture, by network: those of
            `NETWORKS` that were measured.
        models: A model each.
        levels: A level each.
        thresholds: A scale of guidance and a threshold each.
    """

    weights: Mapping[str, str]
    num: int
    num_curves: int
    steps: int
    guidance_scale: float
    level: float
    saturated_real: float | None = None
    costs: Mapping[str, float] = field(default_factory=dict)
    models: tuple[DrawnModel, ...] = ()
    levels: tuple[DrawnLevel, ...] = ()
    thresholds: tuple[DrawnThreshold, ...] = ()

    @classmethod
    def from_json(cls, data: str | bytes) -> ImagenResults:
        """Read what the recipe wrote; other fields than those that are read may stand beside.

        Raises:
            ValueError: if it is something else.
        """
        values = results_values(data, _RESULTS, _NEEDED)
        weights = values["weights"]
        check_fields(weights, _WEIGHTS, required=tuple(_WEIGHTS), of="its weights")
        costs = values.get("costs", {})
        check_fields(costs, _COSTS, of="its costs", others=True)
        return cls(
            **{name: values[name] for name in _NEEDED},
            saturated_real=values.get("saturated_real"),
            costs={name: costs[name] for name in NETWORKS if name in costs},
            models=results_rows(values, "models", _MODEL, DrawnModel),
            levels=results_rows(values, "levels", _LEVEL, DrawnLevel),
            thresholds=results_rows(values, "thresholds", _THRESHOLD, DrawnThreshold),
        )


def imagen_results(folder: str | Path) -> ImagenResults:
    """The results in the folder of a cascade.

    Raises:
        ValueError: if there are none that can be read.
    """
    return results_beside(folder, ImagenResults.from_json)
