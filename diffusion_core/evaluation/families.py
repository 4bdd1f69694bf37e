"""Families of generative models side by side on pictures: quality, diversity, likelihood, time.

Every row draws the same number of pictures of all classes alike, and is measured by the judge of
the data set, against as many test images. The rows of training images give the scale.
"""

from __future__ import annotations

import dataclasses
import json
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoint import Checkpoint
from ..data import ImageDataset
from ..families import (
    PICTURE_FAMILIES,
    PictureVAE,
    StoredFamily,
    bits_per_dimension,
    dequantised,
    load_family,
)
from ..fields import parse_json
from ..files import write_text
from ..seeding import seeded
from .evaluate import draw_samples
from .judges import AttributeJudge, Judge, judged, rights
from .metrics import frechet_distance
from .precision_recall import precision_recall
from .records import TRAINING_IMAGES, Setting

FORMAT = "families 1"
DIFFUSION_ROWS = (Setting("ddim", 1), Setting("ddim", 10), Setting("ddim", 50))
BATCH = 250
NUM_LIKELIHOOD = 1000  # test images whose likelihood is taken


@dataclass(frozen=True)
class FamilyRow:
    """One model, or one set of real images, measured.

    Attributes:
        name: Of the row.
        num_samples: Pictures drawn, and test images that they are compared with.
        frechet_distance: In the judge's features.
        precision: See `precision_recall`.
        recall: See `precision_recall`.
        class_accuracy: Share of pictures in which the judge reads the class asked for.
        evaluations: Network evaluations a picture; None for real images.
        milliseconds_per_image: Drawing in batches of 250; None for real images.
        parameters: Numbers that were trained; None for real images.
        bits_per_dimension: Of test images: exact for a flow, a bound of a VAE, else None.
        training_seconds: Of one core, as its config.json says; None where it does not.
    """

    name: str
    num_samples: int
    frechet_distance: float
    precision: float
    recall: float
    class_accuracy: float
    evaluations: int | None = None
    milliseconds_per_image: float | None = None
    parameters: int | None = None
    bits_per_dimension: float | None = None
    training_seconds: float | None = None


@dataclass(frozen=True)
class FamilyResults:
    """All rows, and what they were measured on.

    Attributes:
        dataset: The data set.
        rows: In the order of the table.
        torch_version: As it says.
        num_threads: Threads of torch.
        processor: As the system says.
    """

    dataset: str
    rows: tuple[FamilyRow, ...]
    torch_version: str
    num_threads: int
    processor: str

    def to_json(self) -> str:
        """As text, in full precision."""
        values = {"format": FORMAT, **dataclasses.asdict(self)}
        return json.dumps(values, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> FamilyResults:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else.
        """
        values = parse_json(text, "This file of results")
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise ValueError(f"These results are not of the form {FORMAT!r}.")
        try:
            rows = tuple(FamilyRow(**row) for row in values.pop("rows"))
            return cls(rows=rows, **values)
        except TypeError as error:
            raise ValueError(
                "These results have other fields than an evaluation writes."
            ) from error

    def table(self) -> str:
        """As Markdown."""
        lines = [
            "| model | evaluations | Frechet distance | precision | recall | class accuracy "
            "| ms / image | bits / dimension | parameters | training, CPU seconds |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for row in self.rows:
            cells = [
                row.name,
                _cell(row.evaluations, "d"),
                f"{row.frechet_distance:.2f}",
                f"{row.precision:.3f}",
                f"{row.recall:.3f}",
                f"{row.class_accuracy:.3f}",
                _cell(row.milliseconds_per_image, ".2f"),
                _cell(row.bits_per_dimension, ".2f"),
                _cell(row.parameters, ",d"),
                _cell(row.training_seconds, ",.0f"),
            ]
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def draw_family(stored: StoredFamily, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Pictures of all classes alike, (N, C, H, W) in [-1, 1], and their labels, (N,)."""
    labels = torch.arange(count) % stored.family.shape.num_classes
    parts = [
        stored.family.draw(len(y), seeded(seed, "family", first), y)
        for first, y in zip(range(0, count, BATCH), labels.split(BATCH), strict=True)
    ]
    return torch.cat(parts).clamp(-1, 1), labels


@torch.no_grad()
def family_bits(stored: StoredFamily, x: Tensor, y: Tensor) -> float | None:
    """Mean bits for each number of test pictures; None where the family has no likelihood.

    Args:
        stored: A flow, whose likelihood is exact, or a VAE, whose ELBO is a bound.
        x: (B, C, H, W) in [-1, 1], of whole levels.
        y: Labels, (B,).
    """
    family, generator = stored.family, seeded("likelihood")
    values: list[Tensor] = []
    for part, told in zip(x.split(BATCH), y.split(BATCH), strict=True):
        spread = dequantised(part, generator)
        found = family.log_likelihood(spread, told)
        if isinstance(family, PictureVAE):
            missing, divergence = family.bound(spread, family.noise(len(part), generator), told)
            found = -(missing + divergence)
        if found is None:
            return None
        values.append(bits_per_dimension(found, part))
    return float(torch.cat(values).mean())


def compare_families(
    families: Sequence[StoredFamily],
    diffusion: Checkpoint | None,
    judge: Judge | AttributeJudge,
    train: ImageDataset,
    test: ImageDataset,
    *,
    num: int = 2000,
    rows: Sequence[Setting] = DIFFUSION_ROWS,
) -> Iterator[FamilyRow]:
    """Yield rows as they are measured: training images first, then families, then diffusion.

    Args:
        families: The families, all of the data set.
        diffusion: A checkpoint of the same data set; None leaves it out.
        judge: In whose features all is measured.
        train: The training images.
        test: The test images.
        num: Pictures of a row, and test images.
        rows: The settings that diffusion draws with.

    Raises:
        ValueError: if there are fewer test images than `num`.
    """
    if not 10 <= num <= len(test):
        raise ValueError(f"num must be from 10 to {len(test):,}, the test images; got {num}.")
    chosen = torch.randperm(len(test), generator=seeded("test images"))[:num]
    real, real_labels = test.batch(chosen)
    assert real_labels is not None
    target, _ = judged(judge, real)

    def measured(name: str, images: Tensor, labels: Tensor | None, **more: Any) -> FamilyRow:
        features, seen = judged(judge, images)
        assert labels is not None
        close = precision_recall(features, target)
        right = float(rights(seen if seen.ndim == 1 else seen[:, 0], labels)[0])
        distance = frechet_distance(features, target)
        return FamilyRow(name, len(images), distance, *close, right, **more)

    some = torch.randperm(len(train), generator=seeded("scale"))[:num]
    yield measured(TRAINING_IMAGES, *train.batch(some))
    for stored in families:
        draw_family(stored, 10)  # the first drawing prepares what later ones do not
        start = time.perf_counter()
        images, labels = draw_family(stored, num)
        took = time.perf_counter() - start
        count = min(num, NUM_LIKELIHOOD)
        yield measured(
            stored.family.name,
            images,
            labels,
            evaluations=stored.family.evaluations,
            milliseconds_per_image=1000 * took / num,
            parameters=stored.parameters,
            bits_per_dimension=family_bits(stored, real[:count], real_labels[:count]),
            training_seconds=stored.training.get("cpu_seconds"),
        )
    for setting in rows if diffusion is not None else ():
        assert diffusion is not None
        images, drawn, nfe, took = draw_samples(diffusion, num, setting)
        yield measured(
            f"diffusion, {setting.words}",
            images,
            drawn,
            evaluations=nfe,
            milliseconds_per_image=1000 * took / num,
            parameters=diffusion.num_parameters,
        )


def family_results(dataset: str, rows: Sequence[FamilyRow]) -> FamilyResults:
    """The rows with this machine's facts."""
    processor = platform.machine()
    threads = torch.get_num_threads()
    return FamilyResults(dataset, tuple(rows), torch.__version__, threads, processor)


def families_in(folder: Path) -> list[StoredFamily]:
    """The families in the folders gan, vae, flow and latent of a folder, in this order.

    Raises:
        ValueError: if there is none of them, or one is broken.
    """
    found = [load_family(folder / kind) for kind in PICTURE_FAMILIES if (folder / kind).is_dir()]
    if not found:
        raise ValueError(
            f"{folder} holds none of the folders {', '.join(PICTURE_FAMILIES)}; train a family "
            "there with `python -m diffusion_core family train`."
        )
    return found


def read_family_results(folder: Path) -> FamilyResults | None:
    """What `save_family_results` wrote there; None where there is nothing.

    Raises:
        ValueError: if it is something else.
    """
    file = folder / "results.json"
    if not file.is_file():
        return None
    return FamilyResults.from_json(file.read_text(encoding="utf-8"))


def save_family_results(folder: Path, results: FamilyResults) -> None:
    """Write `results.json` there."""
    write_text(folder / "results.json", results.to_json())
