"""Choose, draw and keep the avatars: every attribute chosen here, none left to a seed.

Run by avatars_data.sh. Written are FOLDER/avatars.npz, with a training and a held-out part, and,
with --embed, the 3,000 pictures that this repository carries.

What is chosen is drawn uniformly, each part by itself: an accessory for two avatars of three;
facial hair and masks never, since they hide what a face is asked to show. A tenth of all
*combinations* is held out: of open-peeps' (head, face, skin), of pixel-art's (hair, eyes, mouth),
of thumbs' (eyes, mouth, colour), by a hash. So every part is seen in training, but these
combinations are not. No two pictures of the set are the same to the pixel.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from diffusion_core.avatars import EMBEDDED, FILE, AvatarFile

SEED, SIZE = 0, 64
COUNTS = {"open-peeps": 60_000, "pixel-art": 20_000, "thumbs": 20_000}
HELD_OUT = 10  # one of so many combinations
EMBED = 3_000
DRAWN_AT = {"open-peeps": 256, "pixel-art": 16, "thumbs": 256}  # pixels, then SIZE

SKINS = {"pale": "ffdbb4", "light": "edb98a", "tan": "d08b5b", "brown": "ae5d29", "dark": "694d3d"}
CLOTHING = {
    "red": "e78276", "orange": "ffcf77", "yellow": "fdea6b", "green": "78e185", "aqua": "9ddadb",
    "blue": "8fa7df", "pink": "e279c7",
}  # fmt: skip
BACKGROUNDS = {
    "white": "ffffff", "cream": "f3ead3", "sky": "c4e3f7", "mint": "c9edd3", "rose": "f8ccd3",
    "lavender": "d5c8f0", "teal": "3f8f8c", "navy": "2f3e63",
}  # fmt: skip
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
    "head": HEADS, "face": FACES, "accessory": ACCESSORIES, "skin": list(SKINS),
    "clothing": list(CLOTHING), "background": list(BACKGROUNDS),
}  # fmt: skip
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
            "shapeColor": [colour], "face": [f"variant{rng.integers(1, 6)}"], "eyes": [eyes],
            "mouth": [mouth],
        }  # fmt: skip
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
        "head": [head], "face": [face], "headContrastColor": [pick(HAIR_COLOURS)],
        "accessories": [accessory] if accessory != "none" else [],
        "accessoriesProbability": 0 if accessory == "none" else 100,
        "facialHairProbability": 0, "maskProbability": 0,
        # closer than DiceBear's own frame, the face in the middle, the shoulders still to be seen
        "scale": 110, "translateX": -6, "translateY": -2,
    }  # fmt: skip
    return Choice(style, options, attributes, (head, face, skin))


def _differ(a: str, b: str) -> bool:
    """Whether two colours can be told apart well, (r, g, b) as hex."""
    x, y = (np.array([int(c[i : i + 2], 16) for i in (0, 2, 4)]) for c in (a, b))
    return float(np.linalg.norm((x - y).astype(float))) > 110


class Drawer:
    """Node.js, drawing what it is told."""

    def __init__(self, folder: Path) -> None:
        """Start it in the folder that holds node_modules and avatars_render.mjs."""
        self._node = subprocess.Popen(
            ["node", "avatars_render.mjs"], cwd=folder, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, bufsize=2**20,
        )  # fmt: skip

    def draw(self, choices: list[Choice]) -> Iterator[np.ndarray]:
        """Each avatar as uint8, (SIZE, SIZE, 3)."""
        assert self._node.stdin is not None and self._node.stdout is not None
        for c in choices:
            job = {"style": c.style, "size": DRAWN_AT[c.style], "options": c.options}
            self._node.stdin.write(json.dumps(job).encode() + b"\n")
            self._node.stdin.flush()
            n = DRAWN_AT[c.style]
            data = self._node.stdout.read(n * n * 4)
            if len(data) != n * n * 4:
                raise SystemExit("Node.js ended early; what it says stands above.")
            pixels = np.frombuffer(data, np.uint8).reshape(n, n, 4)[..., :3]
            if n < SIZE:  # the grid of pixel-art stays true
                yield pixels.repeat(SIZE // n, 0).repeat(SIZE // n, 1)
            else:  # the mean over the area: no ringing, so that what is flat stays flat
                image = Image.fromarray(np.ascontiguousarray(pixels))
                yield np.asarray(image.reduce(n // SIZE))


def collect(
    drawer: Drawer, counts: dict[str, int], held_out: bool, seen: set[bytes], seed: int
) -> AvatarFile:
    """Draw so many of each style, in mixed order; what was `seen` is drawn anew."""
    rng = np.random.default_rng([seed, held_out])
    order = rng.permutation(np.repeat(np.arange(len(STYLES)), [counts[s] for s in STYLES]))
    pictures = np.empty((len(order), SIZE, SIZE, 3), np.uint8)
    attributes = np.empty((len(order), len(ATTRIBUTES)), np.int8)
    for i, label in enumerate(order):
        while True:
            choice = choose(STYLES[label], rng)
            if choice.held_out != held_out:
                continue
            (picture,) = drawer.draw([choice])
            digest = hashlib.blake2b(picture.tobytes(), digest_size=16).digest()
            if digest not in seen:
                break
        seen.add(digest)
        pictures[i], attributes[i] = picture, choice.indices
        if (i + 1) % 5000 == 0:
            print(f"{'held out' if held_out else 'training'}: {i + 1:,} drawn", flush=True)
    names = tuple((name, tuple(values)) for name, values in ATTRIBUTES.items())
    return AvatarFile(pictures, order.astype(np.uint8), attributes, STYLES, names)


def main() -> None:
    """Draw training and held-out pictures, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--share", type=float, default=1.0, help="Of the counts; less is a trial.")
    parser.add_argument("--embed", action="store_true", help="Write the embedded file as well.")
    args = parser.parse_args()
    counts = {s: round(n * args.share) for s, n in COUNTS.items()}
    held = {s: n // HELD_OUT for s, n in counts.items()}
    drawer, seen = Drawer(args.folder), set[bytes]()
    train = collect(drawer, {s: n - held[s] for s, n in counts.items()}, False, seen, SEED)
    test = collect(drawer, held, True, seen, SEED)
    AvatarFile.write(args.folder / FILE, {"train": train, "test": test})
    print(f"{len(train.labels):,} + {len(test.labels):,} avatars in {args.folder / FILE}")
    if args.embed:
        train.first(EMBED).embed(EMBEDDED)
        print(f"{EMBED:,} in {EMBEDDED}, {EMBEDDED.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
