"""What was measured of a decoder: `results.json` beside its weights.

Held-out pictures and captions were drawn from, and a judge read the pictures; see the recipe's
`unclip_measured`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..checkpoint import results_beside, results_rows, results_values
from ..fields import Kind, listed, mapping, number, text, whole

_SHARE, _COUNT = number(0, 1), whole(1, 10**9)
_DISTANCE = number(-1, 1e9)
_RESULTS: dict[str, Kind] = {
    "weights": text(200),
    "num": whole(0, 10**9),
    "share": _SHARE,
    "steps": _COUNT,
    "guidance_scale": number(0, 100),
    "prior_scale": number(0, 100),
    "variations": listed(mapping(), 0, 100),
    "words": listed(mapping(), 0, 100),
    "differences": listed(mapping(), 0, 100),
    "quality": listed(mapping(), 0, 100),
}
_NAME: dict[str, Kind] = {"attribute": text(100, least=1)}
RowT = TypeVar("RowT")


@dataclass(frozen=True)
class KeptAttribute:
    """How often a variation of a picture keeps an attribute.

    Attributes:
        attribute: Its name, or "class".
        pictures: Held-out pictures that have it.
        kept: Share of them of which a variation shows the same value.
        chance: Share of them of which another picture shows the same value.
    """

    attribute: str
    pictures: int
    kept: float
    chance: float


@dataclass(frozen=True)
class ToldAttribute:
    """How often pictures show an attribute that their captions tell, by what the decoder is given.

    Attributes:
        attribute: Its name, or "class".
        told: Captions that tell it.
        prior: Share, from what the prior makes of the caption.
        text: Share, from the embedding of the caption itself.
        nothing: Share, from no embedding.
    """

    attribute: str
    told: int
    prior: float
    text: float
    nothing: float


@dataclass(frozen=True)
class ChangedAttribute:
    """What a text difference of one attribute does.

    Attributes:
        attribute: Its name.
        pictures: Held-out pictures that were moved.
        changed: Share that shows the asked value.
        others_stay: Share of all other attributes that stay.
    """

    attribute: str
    pictures: int
    changed: float
    others_stay: float


@dataclass(frozen=True)
class DrawnQuality:
    """Pictures beside held-out ones, in the judge's features.

    Attributes:
        attribute: What was drawn, in words.
        pictures: Number of them; of the held-out ones beside them, those of the same number.
        frechet: Frechet distance.
        precision: Share of the pictures that lie among held-out ones (Kynkäänniemi et al. 2019).
        recall: Share of the held-out ones that lie among the pictures.
    """

    attribute: str
    pictures: int
    frechet: float
    precision: float
    recall: float


@dataclass(frozen=True)
class UnclipResults:
    """What was measured, and with what.

    Attributes:
        weights: SHA-256 of the decoder's weights that were measured, hex.
        num: Pictures, and captions, of a measure.
        share: How far along a text difference.
        steps: Of dpmpp_2m, spaced karras.
        guidance_scale: Of the decoder.
        prior_scale: Scale of the prior's guidance.
        variations: An attribute each.
        words: An attribute each.
        differences: An attribute each.
        quality: What was drawn by each condition, beside held-out pictures.
    """

    weights: str
    num: int
    share: float
    steps: int
    guidance_scale: float
    prior_scale: float
    variations: tuple[KeptAttribute, ...] = ()
    words: tuple[ToldAttribute, ...] = ()
    differences: tuple[ChangedAttribute, ...] = ()
    quality: tuple[DrawnQuality, ...] = ()

    @classmethod
    def from_json(cls, data: str | bytes) -> UnclipResults:
        """Read what the recipe wrote; other fields than those that are read may stand beside.

        Raises:
            ValueError: if it is something else.
        """
        needed = ("weights", "num", "share", "steps", "guidance_scale", "prior_scale")
        values = results_values(data, _RESULTS, needed)
        return cls(
            **{name: values[name] for name in needed},
            variations=_rows(values, "variations", KeptAttribute, "pictures", "kept", "chance"),
            words=_rows(values, "words", ToldAttribute, "told", "prior", "text", "nothing"),
            differences=_rows(
                values, "differences", ChangedAttribute, "pictures", "changed", "others_stay"
            ),
            quality=_rows(
                values, "quality", DrawnQuality, "pictures", "precision", "recall", "frechet"
            ),
        )


def _rows(
    values: dict[str, Any], of: str, row: type[RowT], count: str, *shares: str
) -> tuple[RowT, ...]:
    kinds: dict[str, Kind] = {**_NAME, count: _COUNT, **dict.fromkeys(shares, _SHARE)}
    if "frechet" in kinds:
        kinds["frechet"] = _DISTANCE
    return results_rows(values, of, kinds, row)


def unclip_results(folder: str | Path) -> UnclipResults:
    """The results beside a decoder.

    Raises:
        ValueError: if there are none that can be read.
    """
    return results_beside(folder, UnclipResults.from_json)
