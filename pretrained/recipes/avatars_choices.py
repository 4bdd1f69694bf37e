"""What each avatar looks like: every attribute and every other part chosen here, none by a seed.

What is chosen is drawn uniformly, each part by itself: an accessory for two avatars of three;
facial hair and masks never, since they hide what a face is asked to show. A tenth of all
*combinations* is held out: of open-peeps' (head, face, skin), of pixel-art's (hair, eyes, mouth),
of thumbs' (eyes, mouth, colour), by a hash. So every part is seen in training, but these
combinations are not.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

COUNTS = {"open-peeps": 60_000, "pixel-art": 20_000, "thumbs": 20_000}
HELD_OUT = 10  # one of so many combinations

SKINS = {"pale": "ffdbb4", "light": "edb98a", "tan": "d08b5b", "brown": "ae5d29", "dark": "694d3d"}
CLOTHING = {
    "red": "e78276",
    "orange": "ffcf77",
    "yellow": "fdea6b",
    "green": "78e185",
    "aqua": "9ddadb",
    "blue": "8fa7df",
    "pink": "e279c7",
}
BACKGROUNDS = {
    "white": "ffffff",
    "cream": "f3ead3",
    "sky": "c4e3f7",
    "mint": "c9edd3",
    "rose": "f8ccd3",
    "lavender": "d5c8f0",
    "teal": "3f8f8c",
    "navy": "2f3e63",
}
HEADS = (
    "afro bangs bangs2 bantuKnots bear bun bun2 buns cornrows cornrows2 dreads1 dreads2 flatTop "
    "flatTopLong grayBun grayMedium grayShort hatBeanie hatHip hijab long longAfro longBangs "
    "longCurly medium1 medium2 medium3 mediumBangs mediumBangs2 mediumBangs3 mediumStraight mohawk "
    "mohawk2 noHair1 noHair2 noHair3 pomp shaved1 shaved2 shaved3 short1 short2 short3 short4 "
    "short5 turban twists twists2"
).split()
FACES = (
    "angryWithFang awe blank calm cheeky concerned concernedFear contempt cute cyclops driven "
    "eatingHappy explaining eyesClosed fear hectic lovingGrin1 lovingGrin2 monster old rage "
    "serious smile smileBig smileLOL smileTeethGap solemn suspicious tired veryAngry"
).split()
ACCESSORIES = (
    "none eyepatch glasses glasses2 glasses3 glasses4 glasses5 sunglasses sunglasses2".split()
)
HAIR_COLOURS = (  # of the few heads whose hair is not black
    "2c1b18 e8e1e1 ecdcbf d6b370 f59797 b58143 a55728 724133 4a312c c93305"
).split()
ATTRIBUTES = {
    "head": HEADS,
    "face": FACES,
    "accessory": ACCESSORIES,
    "skin": list(SKINS),
    "clothing": list(CLOTHING),
    "background": list(BACKGROUNDS),
}
STYLES = tuple(COUNTS)

PIXEL_PARTS = {  # of pixel-art: how many variants of each there are
    "eyes": [f"variant{i:02}" for i in range(1, 13)],
    "hair": [f"short{i:02}" for i in range(1, 25)] + [f"long{i:02}" for i in range(1, 22)],
    "mouth": [f"happy{i:02}" for i in range(1, 14)] + [f"sad{i:02}" for i in range(1, 11)],
    "clothing": [f"variant{i:02}" for i in range(1, 24)],
    "eyesColor": "76778b 697b94 647b90 5b7c8b 588387 876658".split(),
    "hairColor": (
        "cab188 603a14 83623b a78961 611c17 603015 612616 28150a 009bbd bd1700 91cb15".split()
    ),
    "mouthColor": "d29985 c98276 e35d6a de0f0d".split(),
    "glasses": [f"{kind}{i:02}" for kind in ("light", "dark") for i in range(1, 8)],
    "glassesColor": "4b4b4b 323232 191919 43677d 5f705c a04b5d".split(),
    "hat": [f"variant{i:02}" for i in range(1, 11)],
    "hatColor": "2e1e05 2663a3 989789 3d8a6b cc6192 614f8a a62116".split(),
    "beard": [f"variant{i:02}" for i in range(1, 9)],
    "accessories": [f"variant{i:02}" for i in range(1, 5)],
    "accessoriesColor": "daa520 ffd700 fafad2 d3d3d3 a9a9a9".split(),
}
PIXEL_CHANCES = {"glasses": 0.2, "hat": 0.1, "beard": 0.05, "accessories": 0.1}
THUMB_COLOURS = "0a5b83 1c799f 69d2e7 f1f4dc f88c49".split()
THUMB_PARTS = {
    "eyes": [f"variant{i}W{width}" for i in range(1, 10) for width in (10, 12, 14, 16)],
    "mouth": [f"variant{i}" for i in range(1, 6)],
    "face": [f"variant{i}" for i in range(1, 6)],
    "shapeColor": THUMB_COLOURS,
}
# How thumbs stand and are turned: whole numbers from -most to most.
THUMB_TURNS = {"faceOffsetX": 15, "faceOffsetY": 15, "shapeOffsetX": 5, "shapeOffsetY": 5}
THUMB_TURNS |= {"faceRotation": 20, "shapeRotation": 20}
# Heads of open-peeps with hair, or its rest, of a colour of its own; that of all others is black.
# Cloth on a head (a ribbon, a beanie, a hijab, a turban) has the colour of the clothing.
COLOURED_HEADS = (
    "bangs cornrows grayBun grayMedium grayShort mediumBangs2 mohawk mohawk2 noHair3 short4".split()
)
CLOTH_HEADS = "bun bun2 hatBeanie hijab turban".split()
LATER = ("mouthColor", "glassesColor", "hatColor", "accessoriesColor")  # recorded since captions
# All that is drawn beside the attributes. The order of columns is that of the files: new ones last.
PARTS = {
    f"{style} {name}": ["none", *values] if name in PIXEL_CHANCES else values
    for style, parts in (("pixel-art", PIXEL_PARTS), ("thumbs", THUMB_PARTS))
    for name, values in parts.items()
    if name not in LATER
}
PARTS |= {
    f"pixel-art {name}": ["none", *PIXEL_PARTS[name]] if name != "mouthColor" else PIXEL_PARTS[name]
    for name in LATER
}
PARTS["open-peeps headContrastColor"] = HAIR_COLOURS
PARTS |= {
    f"thumbs {name}": [str(i) for i in range(-most, most + 1)] for name, most in THUMB_TURNS.items()
}
# Numbers, in an order, are no kinds of part that a judge could tell apart.
JUDGED_PARTS = tuple(name for name in PARTS if name.removeprefix("thumbs ") not in THUMB_TURNS)


@dataclass(frozen=True)
class Choice:
    """One avatar: DiceBear's options, its attributes, and the combination that may be held out."""

    style: str
    options: dict[str, Any]
    attributes: dict[str, str]
    combination: tuple[str, ...]

    @property
    def held_out(self) -> bool:
        """Whether its combination is kept from training."""
        digest = hashlib.sha256(repr((self.style, *self.combination)).encode()).digest()
        return int.from_bytes(digest[:8], "little") % HELD_OUT == 0

    @property
    def indices(self) -> list[int]:
        """The attributes as numbers in the order of `ATTRIBUTES`; -1 where one does not apply."""
        return [
            values.index(self.attributes[name]) if name in self.attributes else -1
            for name, values in ATTRIBUTES.items()
        ]

    @property
    def parts(self) -> list[int]:
        """The other parts as numbers in the order of `PARTS`; -1 where one does not apply."""
        found = []
        for part, values in PARTS.items():
            style, name = part.split()
            if style != self.style or not self._shows(name):
                found.append(-1)
                continue
            drawn = self.options.get(f"{name.removesuffix('Color')}Probability", 100) > 0
            found.append(values.index(str(self.options[name][0]) if drawn else "none"))
        return found

    def _shows(self, name: str) -> bool:
        """Whether an option changes the picture: only some heads have hair of a colour."""
        return name != "headContrastColor" or self.attributes["head"] in COLOURED_HEADS


def choose(style: str, rng: np.random.Generator) -> Choice:
    """Choose one avatar of a style."""

    def pick(values: Any) -> str:
        return str(values[rng.integers(len(values))])

    background = pick(list(BACKGROUNDS))
    options: dict[str, Any] = {"seed": "0", "backgroundColor": [BACKGROUNDS[background]]}
    attributes = {"background": background}
    if style == "thumbs":
        colours = [c for c in THUMB_COLOURS if _differ(c, BACKGROUNDS[background])]
        eyes = f"variant{rng.integers(1, 10)}W{10 + 2 * rng.integers(4)}"
        mouth, colour = f"variant{rng.integers(1, 6)}", pick(colours)
        options |= {
            "shapeColor": [colour],
            "face": [f"variant{rng.integers(1, 6)}"],
            "eyes": [eyes],
            "mouth": [mouth],
        }
        for name, most in (("faceOffset", 15), ("shapeOffset", 5)):
            for axis in "XY":
                options[name + axis] = [int(rng.integers(-most, most + 1))] * 2
        for name in ("faceRotation", "shapeRotation"):
            options[name] = [int(rng.integers(-20, 21))] * 2
        return Choice(style, options, attributes, (eyes, mouth, colour))
    skin, clothing = pick(list(SKINS)), pick(list(CLOTHING))
    attributes |= {"skin": skin, "clothing": clothing}
    options |= {"skinColor": [SKINS[skin]], "clothingColor": [CLOTHING[clothing]]}
    if style == "pixel-art":
        for name, values in PIXEL_PARTS.items():
            options[name] = [pick(values)]
        for name, chance in PIXEL_CHANCES.items():
            options[f"{name}Probability"] = 100 if rng.random() < chance else 0
        combination = tuple(options[name][0] for name in ("hair", "eyes", "mouth"))
        return Choice(style, options, attributes, combination)
    head, face = pick(HEADS), pick(FACES)
    accessory = pick(ACCESSORIES[1:]) if rng.random() < 2 / 3 else "none"
    attributes |= {"head": head, "face": face, "accessory": accessory}
    options |= {
        "head": [head],
        "face": [face],
        "headContrastColor": [pick(HAIR_COLOURS)],
        "accessories": [accessory] if accessory != "none" else [],
        "accessoriesProbability": 0 if accessory == "none" else 100,
        "facialHairProbability": 0,
        "maskProbability": 0,
        # closer than DiceBear's own frame, the face in the middle, the shoulders still to be seen
        "scale": 110,
        "translateX": -6,
        "translateY": -2,
    }
    return Choice(style, options, attributes, (head, face, skin))


def _differ(a: str, b: str) -> bool:
    """Whether two colours can be told apart well, (r, g, b) as hex."""
    x, y = (np.array([int(c[i : i + 2], 16) for i in (0, 2, 4)]) for c in (a, b))
    return float(np.linalg.norm((x - y).astype(float))) > 110
