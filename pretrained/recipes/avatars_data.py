"""Draw and keep the avatars that avatars_choices.py chooses.

Run by avatars_data.sh. Written are FOLDER/avatars.npz, with a training and a held-out part, and,
with --embed, the 3,000 pictures that this repository carries. No two pictures of the set are the
same to the pixel.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from diffusion_core.data import EMBEDDED_AVATARS, FILE, AvatarFile
from pretrained.recipes.avatars_choices import (
    ATTRIBUTES,
    COUNTS,
    HELD_OUT,
    PARTS,
    STYLES,
    Choice,
    choose,
)

SEED, SIZE = 0, 64
EMBED = 3_000
DRAWN_AT = {"open-peeps": 256, "pixel-art": 16, "thumbs": 256}  # pixels, then SIZE


class Drawer:
    """Node.js, drawing what it is told."""

    def __init__(self, folder: Path) -> None:
        """Start it in the folder that holds node_modules and avatars_render.mjs."""
        self._node = subprocess.Popen(
            ["node", "avatars_render.mjs"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=2**20,
        )

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
    drawer: Drawer,
    counts: dict[str, int],
    held_out: bool,
    seen: set[bytes],
    seed: int,
    first: int | None = None,
) -> AvatarFile:
    """Draw so many of each style, in mixed order; what was `seen` is drawn anew.

    Of these only the `first` are drawn, where that is given.
    """
    rng = np.random.default_rng([seed, held_out])
    order = rng.permutation(np.repeat(np.arange(len(STYLES)), [counts[s] for s in STYLES]))
    order = order[:first]
    pictures = np.empty((len(order), SIZE, SIZE, 3), np.uint8)
    attributes = np.empty((len(order), len(ATTRIBUTES)), np.int8)
    parts = np.empty((len(order), len(PARTS)), np.int8)
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
        pictures[i], attributes[i], parts[i] = picture, choice.indices, choice.parts
        if (i + 1) % 5000 == 0:
            print(f"{'held out' if held_out else 'training'}: {i + 1:,} drawn", flush=True)
    names, others = (
        tuple((name, tuple(values)) for name, values in named.items())
        for named in (ATTRIBUTES, PARTS)
    )
    labels = order.astype(np.uint8)
    return AvatarFile(pictures, labels, attributes, STYLES, names, parts, others)


def main() -> None:
    """Draw training and held-out pictures, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--share", type=float, default=1.0, help="Of the counts; less is a trial.")
    parser.add_argument(
        "--first", type=int, help="Draw only so many, and a ninth of that held out, of all these."
    )
    parser.add_argument("--embed", action="store_true", help="Write the embedded file as well.")
    args = parser.parse_args()
    counts = {s: round(n * args.share) for s, n in COUNTS.items()}
    held = {s: n // HELD_OUT for s, n in counts.items()}
    drawer, seen = Drawer(args.folder), set[bytes]()
    train = collect(
        drawer, {s: n - held[s] for s, n in counts.items()}, False, seen, SEED, args.first
    )
    test = collect(drawer, held, True, seen, SEED, args.first and -(-args.first // 9))
    AvatarFile.write(args.folder / FILE, {"train": train, "test": test})
    print(f"{len(train.labels):,} + {len(test.labels):,} avatars in {args.folder / FILE}")
    if args.embed:
        train.first(EMBED).embed(EMBEDDED_AVATARS)
        print(f"{EMBED:,} in {EMBEDDED_AVATARS}, {EMBEDDED_AVATARS.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
