"""Six categories of shapes, put together of parts with random proportions.

Each category has options (which back, which legs) and proportions, numbers in [0, 1] that its maker
turns into lengths. A combination is the options with the thirds in which the first two proportions
lie; a tenth of all combinations is held out, so that a model can be asked for what it never saw.
Lengths are in rough metres, since every shape is brought to one size later; y points up, and the
front is towards z.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..seeding import seeded
from .surfaces import (
    ANNULUS,
    SPHERE,
    TORUS,
    Part,
    box,
    column,
    upright,
)

HELD_OUT = 10  # one of so many combinations
Proportions = Callable[[float, float], float]


@dataclass(frozen=True)
class Category:
    """A kind of shape.

    Attributes:
        name: As it stands in menus and conditions.
        options: Choices by name, each with its values.
        proportions: How many numbers its maker takes.
        make: Parts of a choice of each option and of the proportions.
    """

    name: str
    options: tuple[tuple[str, tuple[str, ...]], ...]
    proportions: int
    make: Callable[[dict[str, str], list[float]], list[Part]]


@dataclass(frozen=True)
class Recipe:
    """One shape: the options chosen, and its proportions.

    Attributes:
        category: Its category's name.
        options: The values chosen, by the options' names.
        proportions: Numbers in [0, 1].
    """

    category: str
    options: tuple[tuple[str, str], ...]
    proportions: tuple[float, ...]

    @property
    def combination(self) -> str:
        """The options and the thirds of the first two proportions, in words."""
        thirds = [f"{min(int(3 * p), 2)}" for p in self.proportions[:2]]
        return " ".join([self.category, *(value for _, value in self.options), *thirds])

    @property
    def held_out(self) -> bool:
        """Whether training never sees this combination."""
        digest = hashlib.sha256(self.combination.encode()).digest()
        return int.from_bytes(digest[:8], "big") % HELD_OUT == 0

    def parts(self) -> list[Part]:
        """Its parts."""
        category = next(c for c in CATEGORIES if c.name == self.category)
        return category.make(dict(self.options), list(self.proportions))


def draw_recipe(category: str, seed: int, index: int, held_out: bool = False) -> Recipe:
    """One of the shapes of a category: the first draw of its own generator that is of the split.

    Args:
        category: Its name.
        seed: Of the data.
        index: Its number.
        held_out: Whether it is one of the combinations that training never sees.
    """
    kind = next(c for c in CATEGORIES if c.name == category)
    generator = seeded("shapes", seed, category, "held out" if held_out else "training", index)
    while True:
        chosen = tuple(
            (name, values[int(torch.randint(len(values), (1,), generator=generator))])
            for name, values in kind.options
        )
        proportions = tuple(torch.rand(kind.proportions, generator=generator).tolist())
        recipe = Recipe(category, chosen, proportions)
        if recipe.held_out == held_out:
            return recipe


def _between(p: float, low: float, high: float) -> float:
    return low + p * (high - low)


def _disc(x: float, y: float, z: float, r0: float, r1: float) -> Part:
    return Part(ANNULUS, (x, y, z), numbers=(r0, r1))


def _plate(x: float, y: float, z: float, radius: float, thickness: float) -> list[Part]:
    """A flat round body whose upper face is at y."""
    low = y - thickness
    return [
        _disc(x, y, z, 0, radius),
        _disc(x, low, z, 0, radius),
        column((x, low, z), (x, y, z), radius, radius),
    ]


def _four_legs(style: str, w: float, d: float, height: float, thick: float) -> list[Part]:
    """Legs below the corners of a plate of w by d, from the floor to `height`."""
    parts = []
    for sx in (-1, 1):
        for sz in (-1, 1):
            x, z = sx * (w / 2 - thick), sz * (d / 2 - thick)
            if style == "square legs":
                parts.append(box((x, height / 2, z), (thick, height, thick)))
            else:  # round ones, which stand out towards the floor
                foot = (x + sx * 0.12 * w, 0.0, z + sz * 0.12 * d)
                parts.append(column(foot, (x, height, z), 0.3 * thick, 0.6 * thick))
    return parts


def _pedestal(height: float, reach: float, thick: float) -> list[Part]:
    return [
        column((0, 0.06, 0), (0, height, 0), 0.6 * thick, 0.6 * thick),
        *_plate(0, 0.06, 0, reach, 0.06),
    ]


def _chair(options: dict[str, str], p: list[float]) -> list[Part]:
    w, back = _between(p[0], 0.4, 0.75), _between(p[1], 0.3, 0.85)
    d, high, thick = (
        _between(p[2], 0.4, 0.6),
        _between(p[3], 0.3, 0.55),
        _between(p[4], 0.035, 0.07),
    )
    lean = _between(p[5], 0.0, 0.2)
    parts = [box((0, high, 0), (w, 0.06, d))]
    if options["legs"] == "pedestal":
        parts += _pedestal(high, 0.42 * w, thick)
    else:
        parts += _four_legs(options["legs"], w, d, high, thick)
    bottom, z = high + 0.03, -d / 2 + 0.03

    def leaning(x: float, width: float) -> Part:
        top = (0.0, back, -lean * back)
        middle = (x, bottom + back / 2, z - lean * back / 2)
        return Part(0, middle, ((width, 0, 0), top, (0, 0, 0.05)))

    if options["back"] == "solid back":
        parts.append(leaning(0, w))
    elif options["back"] == "slatted back":
        parts += [leaning(x, 0.045) for x in (-w / 2 + 0.03, -w / 6, w / 6, w / 2 - 0.03)]
        parts.append(box((0, bottom + back, z - lean * back), (w, 0.09, 0.05)))
    else:  # a ring on two short posts
        r = min(w, back) / 2 * 0.8
        centre = (0.0, bottom + back - r, z - lean * (back - r))
        parts.append(Part(TORUS, centre, upright((0, 0, 1)), (r, 0.04, 0, 2 * math.pi)))
        parts += [leaning(x, 0.04) for x in (-0.6 * r, 0.6 * r)]
    if options["arms"] == "arms":
        at = bottom + _between(p[6], 0.16, 0.26)
        for s in (-1, 1):
            parts.append(box((s * (w / 2 - 0.02), at, 0), (0.06, 0.04, d)))
            parts.append(
                box(
                    (s * (w / 2 - 0.02), (bottom + at) / 2, d / 2 - 0.05), (0.05, at - bottom, 0.05)
                )
            )
    return parts


def _table(options: dict[str, str], p: list[float]) -> list[Part]:
    w, d = _between(p[0], 0.7, 1.6), _between(p[1], 0.5, 1.0)
    high, thick, top = (
        _between(p[2], 0.4, 0.9),
        _between(p[3], 0.05, 0.1),
        _between(p[4], 0.03, 0.09),
    )
    round_top = options["top"] == "round top"
    if round_top:
        parts = _plate(0, high, 0, d * 0.7, top)
        w = d = d * 0.95
    else:
        parts = [box((0, high - top / 2, 0), (w, top, d))]
    if options["legs"] == "pedestal":
        parts += _pedestal(high - top, 0.35 * min(w, d), 1.6 * thick)
    elif options["legs"] == "two sides":
        for s in (-1, 1):
            parts.append(
                box((s * (w / 2 - 0.1), (high - top) / 2, 0), (thick, high - top, 0.8 * d))
            )
    else:
        parts += _four_legs(options["legs"], w, d, high - top, thick)
    if options["shelf"] == "shelf":
        at = _between(p[5], 0.2, 0.45) * high
        parts.append(box((0, at, 0), (0.8 * w, 0.03, 0.75 * d)))
    return parts


def _lamp(options: dict[str, str], p: list[float]) -> list[Part]:
    high, spread = _between(p[0], 0.5, 1.6), _between(p[1], 0.2, 0.45)
    foot, pole, tall = (
        _between(p[2], 0.14, 0.3),
        _between(p[3], 0.012, 0.035),
        _between(p[4], 0.2, 0.4),
    )
    shade = {"cone": 0.35, "drum": 0.95, "bowl": 1.0}[options["shade"]]
    x = 0.0
    if options["foot"] == "round foot":
        parts = _plate(0, 0.05, 0, foot, 0.05)
    elif options["foot"] == "square foot":
        parts = [box((0, 0.03, 0), (1.7 * foot, 0.06, 1.7 * foot))]
    else:
        parts = []
        for k in range(3):
            a = 2 * math.pi * k / 3
            toe = (1.2 * foot * math.cos(a), 0.0, 1.2 * foot * math.sin(a))
            parts.append(column(toe, (0, 0.35 * high, 0), 0.8 * pole, 0.8 * pole))
    if options["pole"] == "bent pole":
        x = _between(p[5], 0.25, 0.5)
        parts.append(column((0, 0.04, 0), (0, 0.8 * high, 0), pole, pole))
        parts.append(column((0, 0.8 * high, 0), (x, high, 0), pole, pole))
    else:
        parts.append(column((0, 0.04, 0), (0, high, 0), pole, pole))
    if options["shade"] == "bowl":
        centre = (x, high, 0.0)
        parts.append(Part(SPHERE, centre, numbers=(spread * 0.8, -0.2 * spread, spread * 0.8)))
    else:
        parts.append(
            column((x, high - tall / 2, 0), (x, high + tall / 2, 0), spread, shade * spread)
        )
    return parts


def _airplane(options: dict[str, str], p: list[float]) -> list[Part]:
    span, sweep = _between(p[0], 1.0, 2.2), _between(p[1], 0.0, 0.7)
    length, r = _between(p[2], 1.4, 2.2), _between(p[3], 0.09, 0.16)
    chord, tail = _between(p[4], 0.2, 0.4), _between(p[5], 0.25, 0.45)
    nose, end = length / 2, -length / 2
    parts = [
        column((0, 0, end + 0.45), (0, 0, nose - 0.2), r, r),
        column((0, 0, nose - 0.2), (0, 0, nose), r, 0.35 * r),
        column((0, 0, end), (0, 0.4 * r, end + 0.45), 0.3 * r, r),
        Part(SPHERE, (0, 0, nose), upright((0, 0, 1)), (0.35 * r, 0, 0.35 * r)),
    ]
    y = {"low wing": -0.6 * r, "high wing": 0.9 * r}[options["wing"]]
    for s in (-1, 1):
        half = span / 2
        parts.append(_wing(s, half, (s * half / 2, y, 0.1), chord, sweep))
        high = {"T tail": tail, "low tail": 0.3 * r}[options["tail"]]
        parts.append(
            _wing(s, 0.22 * span, (s * 0.11 * span, high, end + 0.1), 0.6 * chord, 0.6 * sweep)
        )
    fin = ((0.03, 0, 0), (0, tail, -0.5 * tail * min(1, sweep + 0.4)), (0, 0, 0.65 * chord))
    parts.append(Part(0, (0, 0.3 * r + tail / 2, end + 0.25), fin))
    if options["engines"] == "propeller":
        parts += [
            box((0, 0, nose + 0.4 * r), (0.09, 0.55, 0.025)),
            box((0, 0, nose + 0.4 * r), (0.55, 0.09, 0.025)),
        ]
    elif options["engines"] != "no engines":
        places = (0.3,) if options["engines"] == "two engines" else (0.25, 0.5)
        for at in places:
            for s in (-1, 1):
                x, z = s * at * span, 0.1 - sweep * at * span + 0.5 * chord
                below = y - 0.12
                parts.append(column((x, below, z - 0.15), (x, below, z + 0.15), 0.07, 0.07))
    return parts


def _wing(
    side: int, half: float, centre: tuple[float, float, float], chord: float, sweep: float
) -> Part:
    x, y, z = centre
    along = (side * half, 0.05 * half, -sweep * half)
    return Part(0, (x, y, z - sweep * half / 2), (along, (0, 0.035, 0), (0, 0, chord)))


def _mug(options: dict[str, str], p: list[float]) -> list[Part]:
    r, high = _between(p[0], 0.3, 0.55), _between(p[1], 0.55, 1.2)
    wall, size, tube = (
        _between(p[2], 0.03, 0.06),
        _between(p[3], 0.22, 0.36) * high,
        _between(p[4], 0.03, 0.06),
    )
    foot = {"straight": 1.0, "tapered": 0.7, "flared": 1.25}[options["wall"]] * r
    parts = [
        column((0, 0, 0), (0, high, 0), foot, r),
        column((0, wall, 0), (0, high, 0), foot - wall, r - wall),
        _disc(0, 0, 0, 0, foot),
        _disc(0, wall, 0, 0, foot - wall),
        _disc(0, high, 0, r - wall, r),
    ]
    at, where = 0.52 * high, (foot + r) / 2
    if options["handle"] == "round handle":
        ring = (size, tube, -math.pi, 0.0)
        parts.append(Part(TORUS, (where, at, 0), upright((0, 0, 1)), ring))
    elif options["handle"] == "square handle":
        out = where + 0.9 * size
        parts += [
            box(((where + out) / 2, at + size, 0), (out - where, 2 * tube, 2 * tube)),
            box(((where + out) / 2, at - size, 0), (out - where, 2 * tube, 2 * tube)),
            box((out, at, 0), (2 * tube, 2 * size + 2 * tube, 2 * tube)),
        ]
    if options["lid"] == "lid":
        parts += _plate(0, high + 0.05, 0, 1.04 * r, 0.05)
        parts.append(Part(SPHERE, (0, high + 0.1, 0), numbers=(0.07, -0.07, 0.07)))
    return parts


def _torus(options: dict[str, str], p: list[float]) -> list[Part]:
    R, r = _between(p[0], 0.6, 1.0), _between(p[1], 0.1, 0.4)
    up = {"lying": (0.0, 1.0, 0.0), "standing": (0.0, 0.0, 1.0)}[options["pose"]]
    gap = _between(p[2], 0.6, 1.8) if options["ring"] == "open" else 0.0
    parts = [Part(TORUS, (0, 0, 0), upright(up), (R, r, gap / 2, 2 * math.pi - gap / 2))]
    if options["ring"] == "double":
        second = {"lying": (0.0, 0.0, 1.0), "standing": (0.0, 1.0, 0.0)}[options["pose"]]
        ring = (R, 0.6 * r, 0.0, 2 * math.pi)
        parts.append(Part(TORUS, (R, 0, 0), upright(second), ring))
    return parts


CATEGORIES = (
    Category(
        "chair",
        (
            ("back", ("solid back", "slatted back", "ring back")),
            ("legs", ("square legs", "round legs", "pedestal")),
            ("arms", ("arms", "no arms")),
        ),
        7,
        _chair,
    ),
    Category(
        "table",
        (
            ("top", ("round top", "square top")),
            ("legs", ("square legs", "round legs", "pedestal", "two sides")),
            ("shelf", ("shelf", "no shelf")),
        ),
        6,
        _table,
    ),
    Category(
        "lamp",
        (
            ("shade", ("cone", "drum", "bowl")),
            ("foot", ("round foot", "square foot", "tripod")),
            ("pole", ("straight pole", "bent pole")),
        ),
        6,
        _lamp,
    ),
    Category(
        "airplane",
        (
            ("wing", ("low wing", "high wing")),
            ("tail", ("T tail", "low tail")),
            ("engines", ("no engines", "two engines", "four engines", "propeller")),
        ),
        6,
        _airplane,
    ),
    Category(
        "mug",
        (
            ("wall", ("straight", "tapered", "flared")),
            ("handle", ("round handle", "square handle", "no handle")),
            ("lid", ("lid", "no lid")),
        ),
        5,
        _mug,
    ),
    Category(
        "torus",
        (("pose", ("lying", "standing")), ("ring", ("closed", "open", "double"))),
        3,
        _torus,
    ),
)
