"""Draw and keep the avatars that avatars_choices.py chooses.

Run by avatars_data.sh. Written are FOLDER/avatars.npz, with a training and a held-out part, and,
with --embed, the 3,000 pictures that this repository carries. No two pictures of the set are the
same to the pixel. With --size 128 the same avatars are drawn anew at that side, as
FOLDER/avatars-128.npz: which ones there are is always decided at 64 pixels.
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

from diffusion_core.data import EMBEDDED_AVATARS, AvatarFile, avatars_name
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
DRAWN_AT = {"open-peeps": 256, "pixel-art": 16, "thumbs": 256}  # pixels, then the size asked for
SIZES = (64, 128)


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
        """Each avatar as it is drawn, uint8, (n, n, 3), n as `DRAWN_AT` says."""
        assert self._node.stdin is not None and self._node.stdout is not None
        for c in choices:
            job = {"style": c.style, "size": DRAWN_AT[c.style], "options": c.options}
            self._node.stdin.write(json.dumps(job).encode() + b"\n")
            self._node.stdin.flush()
            n = DRAWN_AT[c.style]
            data = self._node.stdout.read(n * n * 4)
            if len(data) != n * n * 4:
                raise SystemExit("Node.js ended early; what it says stands above.")
            yield np.frombuffer(data, np.uint8).reshape(n, n, 4)[..., :3]


def sized(drawn: np.ndarray, size: int) -> np.ndarray:
    """A drawn avatar, uint8 (n, n, 3), at the side of a data set, uint8 (size, size, 3)."""
    n = len(drawn)
    if n < size:  # the grid of pixel-art stays true
        return drawn.repeat(size // n, 0).repeat(size // n, 1)
    # The mean over the area: no ringing, so that what is flat stays flat.
    return np.asarray(Image.fromarray(np.ascontiguousarray(drawn)).reduce(n // size))


def collect(
    drawer: Drawer,
    counts: dict[str, int],
    held_out: bool,
    seen: set[bytes],
    seed: int,
    first: int | None = None,
    size: int = SIZE,
) -> AvatarFile:
    """Draw so many of each style, in mixed order; what was `seen` at `SIZE` is drawn anew.

    Of these only the `first` are drawn, where that is given. At every size they are the same ones.
    """
    rng = np.random.default_rng([seed, held_out])
    order = rng.permutation(np.repeat(np.arange(len(STYLES)), [counts[s] for s in STYLES]))
    order = order[:first]
    pictures = np.empty((len(order), size, size, 3), np.uint8)
    attributes = np.empty((len(order), len(ATTRIBUTES)), np.int8)
    parts = np.empty((len(order), len(PARTS)), np.int8)
    for i, label in enumerate(order):
        while True:
            choice = choose(STYLES[label], rng)
            if choice.held_out != held_out:
                continue
            (drawn,) = drawer.draw([choice])
            digest = hashlib.blake2b(sized(drawn, SIZE).tobytes(), digest_size=16).digest()
            if digest not in seen:
                break
        seen.add(digest)
        pictures[i], attributes[i], parts[i] = sized(drawn, size), choice.indices, choice.parts
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
    parser.add_argument("--size", type=int, default=SIZE, choices=SIZES, help="Side in pixels.")
    parser.add_argument("--embed", action="store_true", help="Write the embedded file as well.")
    args = parser.parse_args()
    if args.embed and args.size != SIZE:
        parser.error(f"the embedded file has {SIZE} pixels; leave --size out")
    file = args.folder / avatars_name(args.size)
    counts = {s: round(n * args.share) for s, n in COUNTS.items()}
    held = {s: n // HELD_OUT for s, n in counts.items()}
    drawer, seen = Drawer(args.folder), set[bytes]()
    train = collect(
        drawer,
        {s: n - held[s] for s, n in counts.items()},
        False,
        seen,
        SEED,
        args.first,
        args.size,
    )
    few = args.first and -(-args.first // 9)
    test = collect(drawer, held, True, seen, SEED, few, args.size)
    AvatarFile.write(file, {"train": train, "test": test})
    print(f"{len(train.labels):,} + {len(test.labels):,} avatars in {file}")
    if args.embed:
        train.first(EMBED).embed(EMBEDDED_AVATARS)
        print(f"{EMBED:,} in {EMBEDDED_AVATARS}, {EMBEDDED_AVATARS.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
