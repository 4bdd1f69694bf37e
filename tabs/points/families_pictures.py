"""The families on pictures: what ships of them, samples of a class, and ways between two garments.

Everything is computed here and now, by the shipped weights; only the table was measured before, by
`python -m diffusion_core family evaluate`. Milliseconds are those of the one thread that computes,
so that what else the machine does favours none of the families.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint, checkpoint_folders
from diffusion_core.data import ImageDataset, load_dataset
from diffusion_core.device import torch_threads
from diffusion_core.engines import on_threads
from diffusion_core.evaluation import FamilyResults, FamilyRow, families_in, read_family_results
from diffusion_core.families import StoredFamily, between, between_by_diffusion, kind_of
from diffusion_core.samplers import sample
from diffusion_core.seeding import seeded

from ..shared import models
from .families_compute import HOLDS, NOT, UNCLEAR, Claim, worst

FOLDER = "families-fashion-mnist"
MODEL = "fashion-mnist"  # the shipped DDPM
DATASET = "fashion-mnist-2000"  # whose garments one goes between
OF_A_CLASS = 200  # garments of each class in it
SHOWN = 8  # pictures of a strip
WALKS = (1, 10, 50)  # evaluations of diffusion, by DDIM
ON_THE_WAY = 8  # pictures of a way, both ends with them
NEAR = 1.05  # ratio of two Frechet distances within which none is called the smaller
KINDS = {"gan": "GAN", "vae": "VAE", "flow": "Normalizing flow", "latent": "Latent diffusion"}


@dataclass(frozen=True, eq=False)
class Strip:
    """Pictures in a row.

    Attributes:
        key: A name in messages.
        title: A name on the page.
        pictures: (N, 1, H, W) in [-1, 1].
        says: What is to be said of them, in one line.
    """

    key: str
    title: str
    pictures: Tensor
    says: str


def _place(name: str) -> Path:
    """The folder of this name among those that ship, or of one's own."""
    places = [place / name for place in checkpoint_folders()]
    return next((each for each in places if each.is_dir()), places[0])


@cache
def stored() -> tuple[StoredFamily, ...]:
    """The shipped families, in the order of the table.

    Raises:
        ValueError: in one sentence, if there is none.
    """
    return tuple(families_in(_place(FOLDER)))


@cache
def results() -> FamilyResults | None:
    """What was measured of them; None where they were not measured."""
    return read_family_results(_place(FOLDER))


@cache
def garments() -> ImageDataset:
    """2,000 training pictures, 200 of each class."""
    return load_dataset(DATASET)


def class_names() -> tuple[str, ...]:
    """The names of the classes, in label order."""
    return garments().class_names


def diffusion() -> Checkpoint:
    """The shipped DDPM, by torch on one thread like the families."""
    return on_threads(models.get(str(_place(MODEL))), 1)


def garment(label: int, number: int) -> Tensor:
    """One training picture, (1, 1, 28, 28), by class and number, from 1 to 200."""
    labels = garments().labels
    assert labels is not None
    return garments().batch((labels == label).nonzero()[number - 1])[0]


def strips(label: int, seed: int, over: Callable[[], bool]) -> Iterator[Strip]:
    """Pictures of a class: real ones, then each family's, drawn and timed here.

    Args:
        label: The class.
        seed: Of the noise.
        over: Asked between two steps: whether to end.
    """
    labels = garments().labels
    assert labels is not None
    some = torch.randperm(OF_A_CLASS, generator=seeded("garments", seed))[:SHOWN]
    real = garments().batch((labels == label).nonzero()[some, 0])[0]
    yield Strip("real", "Training pictures", real, "what all of them learnt from")
    y = torch.full((SHOWN,), label)
    for each in stored():
        if over():
            return
        with torch_threads(1):
            each.family.draw(1, seeded("first"), y[:1])  # prepares what later drawings do not
            start = time.thread_time()
            drawn = each.family.draw(SHOWN, seeded(seed, "strip"), y).clamp(-1, 1)
        kind = kind_of(each.family)
        yield Strip(kind, KINDS[kind], drawn, took(start, each.family.evaluations))
    model = diffusion()
    noise = torch.randn(SHOWN, *model.sample_shape, generator=seeded(seed, "strip"))
    model.denoiser(y[:1])(noise[:1].to(model.device), y[:1].to(model.device))
    for steps in WALKS:
        x, start = noise.to(model.device), time.thread_time()
        for step in sample(model.denoiser(y), x, model.schedule, num_steps=steps):
            if over():
                return
            x = step.x_prev
        title = "Diffusion, 1 step" if steps == 1 else f"Diffusion, {steps} steps"
        yield Strip(f"diffusion-{steps}", title, x.cpu().clamp(-1, 1), took(start, steps))


def took(start: float, evaluations: int) -> str:
    """Milliseconds a picture since `start`, of this thread, and evaluations, in words."""
    each = 1000 * (time.thread_time() - start) / SHOWN
    ms = f"{each:.0f}" if each >= 100 else f"{each:.1f}"
    count = "1 evaluation" if evaluations == 1 else f"{evaluations} evaluations"
    return f"{ms} ms an image · {count}"


def ways(label: int, first: int, second: int, over: Callable[[], bool]) -> Iterator[Strip]:
    """The way between two garments of a class in the latent of each family.

    Args:
        label: The class.
        first: The number of one, from 1 to 200.
        second: That of the other.
        over: Asked between two families: whether to end.
    """
    x = torch.cat([garment(label, first), garment(label, second)])
    yield Strip("real", "The two garments", x, f"numbers {first} and {second} of 200")
    for each in stored():
        if over():
            return
        generator = seeded("way", label, first, second)
        with torch_threads(1):
            way = between(each.family, x, label, ON_THE_WAY, generator)
        kind = kind_of(each.family)
        says = f"{way.found} · latent of {each.family.latent} · ends differ by {way.error:.2f}"
        yield Strip(kind, KINDS[kind], way.pictures, says)
    if over():
        return
    model = diffusion()
    way = between_by_diffusion(model.denoiser, x.to(model.device), label, ON_THE_WAY)
    says = f"{way.found} · latent of {x[0].numel()} · ends differ by {way.error:.2f}"
    yield Strip("diffusion", "Diffusion", way.pictures.cpu(), says)


def more(one: float, other: float, count: int) -> str:
    """Whether one share of `count` is the larger: twice the error of the difference decides."""
    error = math.sqrt((one * (1 - one) + other * (1 - other)) / count)
    if abs(one - other) <= 2 * error:
        return UNCLEAR
    return HOLDS if one > other else NOT


def nearer(one: FamilyRow, other: FamilyRow) -> str:
    """Whether one Frechet distance is the smaller, by more than a twentieth."""
    if max(one.frechet_distance, other.frechet_distance) <= NEAR * min(
        one.frechet_distance, other.frechet_distance
    ):
        return UNCLEAR
    return HOLDS if one.frechet_distance < other.frechet_distance else NOT


def picture_claims(measured: FamilyResults) -> list[Claim]:
    """The usual claims, compared with the table; those whose families were measured.

    Args:
        measured: The table.
    """
    rows = {row.name: row for row in measured.rows}
    real = measured.rows[0]
    gan, vae, flow = (rows.get(name) for name in ("GAN", "VAE", "normalizing flow"))
    latent = rows.get("latent diffusion")
    walks = {r.evaluations: r for r in measured.rows if r.name.startswith("diffusion, ")}
    one, many = walks.get(1), walks.get(max(WALKS))
    quick = [row for row in (gan, vae, flow) if row is not None]
    likely = [row for row in (vae, flow) if row is not None]

    def shares(name: str, *of: FamilyRow) -> str:
        return " · ".join(f"{r.name} {getattr(r, name):.0%}" for r in of)

    def far(*of: FamilyRow) -> str:
        return " · ".join(f"{r.name} {r.frechet_distance:.2f}" for r in of)

    def fast(*of: FamilyRow) -> str:
        return " · ".join(f"{r.name} {r.milliseconds_per_image or 0:.2g} ms" for r in of)

    def longer(slow: FamilyRow, other: FamilyRow, times: float) -> bool:
        return (slow.milliseconds_per_image or 0) >= times * (other.milliseconds_per_image or 0)

    said: list[Claim] = []
    if gan is not None and likely:
        said.append(
            Claim(
                "GANs are sharp: of higher precision than VAEs and flows",
                worst(*(more(gan.precision, r.precision, gan.num_samples) for r in likely)),
                shares("precision", gan, *likely),
            )
        )
    if gan is not None and many is not None:
        said.append(
            Claim(
                "GANs lose modes: of lower recall than diffusion",
                more(many.recall, gan.recall, gan.num_samples),
                shares("recall", gan, many),
            )
        )
    if likely:
        said.append(
            Claim(
                "VAEs and flows are diverse: at least nine tenths of the recall of training images",
                HOLDS if all(r.recall >= 0.9 * real.recall for r in likely) else NOT,
                shares("recall", *likely, real),
            )
        )
    if likely and many is not None:
        said.append(
            Claim(
                "VAEs and flows are of lower quality than diffusion: lower precision",
                worst(*(more(many.precision, r.precision, r.num_samples) for r in likely)),
                shares("precision", *likely, many),
            )
        )
    if quick and many is not None:
        said += [
            Claim(
                "Diffusion has both: it comes nearest of all to the test images",
                worst(*(nearer(many, r) for r in quick)),
                far(many, *quick),
            ),
            Claim(
                "Diffusion is slow: at 50 evaluations at least five times as long as the others",
                HOLDS if all(longer(many, r, 5) for r in quick) else NOT,
                fast(many, *quick),
            ),
        ]
    if quick and one is not None:
        said.append(
            Claim(
                "Diffusion needs its steps: at 1 evaluation it is farther than each of the others",
                worst(*(nearer(r, one) for r in quick)),
                far(one, *quick),
            )
        )
    if latent is not None and many is not None:
        said.append(
            Claim(
                "Latent diffusion gains speed and loses detail: faster than diffusion, and farther",
                worst(HOLDS if longer(many, latent, 5) else NOT, nearer(many, latent)),
                f"{fast(latent, many)} · distance {far(latent, many)}",
            )
        )
    return said
