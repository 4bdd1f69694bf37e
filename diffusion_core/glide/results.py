"""What was measured of a network that is asked in words: `results.json` beside its weights.

Avatars of held-out combinations were drawn twice from the same noise, asked in words and by the
menus of the model that it was begun from, and a judge read both; see the recipe's `glide_measured`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checkpoint import results_beside, results_rows, results_values
from ..fields import Kind, check_fields, listed, mapping, number, printable, text, whole

_SHARE, _COUNT = number(0, 1), whole(1, 10**9)
_ROW: dict[str, Kind] = {
    "attribute": text(100, least=1),
    "told": _COUNT,
    "words": _SHARE,
    "menus": _SHARE,
}
_SETTING: dict[str, Kind] = {
    "sampler": text(100, least=1),
    "steps": _COUNT,
    "eta": number(0, 1e9),
    "guidance_scale": number(0, 100),
    "spacing": text(100, least=1),
}
_SAME: dict[str, Kind] = {"avatars": _COUNT, "share": _SHARE}
_RESULTS: dict[str, Kind] = {
    "weights": text(200),
    "menus": text(200),
    "num": _COUNT,
    "setting": mapping(),
    "obedience": listed(mapping(), 0, 100),
    "same": mapping(),
}


@dataclass(frozen=True)
class AskedInWords:
    """How often pictures show an attribute that their captions tell.

    Attributes:
        attribute: Its name, or "class".
        told: Captions that tell it.
        words: Share of pictures that show it, asked in words.
        menus: The same, asked by menus.
    """

    attribute: str
    told: int
    words: float
    menus: float


@dataclass(frozen=True)
class GlideResults:
    """What was measured, and with what.

    Attributes:
        weights: SHA-256 of the weights that were measured, hex.
        num: Captions in all.
        sampler: Of the walks.
        steps: Of the walks.
        guidance_scale: Against the empty caption.
        rows: An attribute each.
        same: Share of the ways to ask for the same in which the same is read; None was not
            measured.
        same_of: Avatars that were asked for in several ways.
        menus: SHA-256 of the weights of the model that was asked by menus, hex; "" is not known.
    """

    weights: str
    num: int
    sampler: str
    steps: int
    guidance_scale: float
    rows: tuple[AskedInWords, ...]
    same: float | None = None
    same_of: int = 0
    menus: str = ""

    @classmethod
    def from_json(cls, data: str | bytes) -> GlideResults:
        """Read what the recipe wrote; other fields than those that are read may stand beside.

        Raises:
            ValueError: if it is something else.
        """
        values = results_values(data, _RESULTS, ("weights", "num", "setting", "obedience"))
        setting: dict[str, Any] = values["setting"]
        needed = ("sampler", "steps", "guidance_scale")
        check_fields(setting, _SETTING, required=needed, of="its setting", others=True)
        same = values.get("same")
        if same is not None:
            check_fields(same, _SAME, required=tuple(_SAME), of="its same", others=True)
        return cls(
            values["weights"],
            values["num"],
            printable(setting["sampler"]),
            setting["steps"],
            setting["guidance_scale"],
            results_rows(values, "obedience", _ROW, AskedInWords),
            same["share"] if same else None,
            same["avatars"] if same else 0,
            values.get("menus", ""),
        )


def glide_results(folder: str | Path) -> GlideResults:
    """The results beside a model that is asked in words.

    Raises:
        ValueError: if there are none that can be read.
    """
    return results_beside(folder, GlideResults.from_json)
