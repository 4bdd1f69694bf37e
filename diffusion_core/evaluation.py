"""Measure a checkpoint: the table that its card shows."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .checkpoint import Checkpoint
from .data import ImageDataset
from .draws import seeded
from .metrics import Judge, blur, frechet_distance, judged, nearest_distances
from .samplers import SAMPLERS, draw_noise, sample
from .schedule import NoiseSchedule
from .spacing import spaced_timesteps
from .steps import heun_applies

ROWS: tuple[tuple[str, int, float, float], ...] = (
    # sampler, steps, eta, guidance scale
    ("ddim", 10, 0.0, 1.0),
    ("ddim", 20, 0.0, 1.0),
    ("ddim", 25, 0.0, 1.0),
    ("ddim", 50, 0.0, 1.0),
    ("ddim", 25, 0.0, 1.5),
    ("ddim", 50, 1.0, 1.0),
    ("dpmpp_2m", 10, 0.0, 1.0),
    ("dpmpp_2m", 20, 0.0, 1.0),
    ("heun", 10, 0.0, 1.0),
    ("ddpm", 10, 0.0, 1.0),
    ("ddpm", 50, 0.0, 1.0),
    ("ddpm", 1000, 0.0, 1.0),
)
BATCH = 250


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: Sampler and settings, in words.
        nfe: Network evaluations an image, guidance counted as one.
        samples: How many images were drawn.
        frechet: Distance to the test images in the judge's features.
        accuracy: Share of images that the judge gives the class asked for.
        nearest: Mean distance to the nearest training image, over that of test images: near 1 is
            as new as the test images are, near 0 is copied.
        ms: Milliseconds an image, in batches of 250.
    """

    what: str
    nfe: int
    samples: int
    frechet: float
    accuracy: float | None
    nearest: float | None
    ms: float | None


def describe(sampler: str, steps: int, eta: float, guidance_scale: float) -> str:
    """Sampler and settings in words, as the table's first column has them."""
    words = f"{sampler} {steps}"
    words += f", eta {eta:g}" if eta else ""
    return words + (f", guidance {guidance_scale:g}" if guidance_scale != 1 else "")


def evaluations(
    schedule: NoiseSchedule, sampler: str, num_steps: int, spacing: str = "trailing",
    t_start: int | None = None,
) -> int:  # fmt: skip
    """How often a walk asks the network, without walking it: its last step's nfe.

    Once a step; heun twice, save where it falls back to Euler's step (see `heun_applies`).

    Args:
        schedule: Of the model.
        sampler: One of `SAMPLERS`.
        num_steps: Steps of the walk, from 1 to T.
        spacing: How the timesteps are spread; see `spaced_timesteps`.
        t_start: Timestep that the walk begins at; None is the spacing's own first.

    Raises:
        ValueError: if the sampler or the spacing is unknown or a number is out of range.
    """
    if sampler not in SAMPLERS:
        raise ValueError(f"There is no sampler {sampler!r}; choose one of {', '.join(SAMPLERS)}.")
    steps = spaced_timesteps(len(schedule), num_steps, spacing, t_start)
    pairs = zip(steps, [*steps[1:], -1], strict=True)
    twice = sum(heun_applies(*pair, schedule) for pair in pairs) if sampler == "heun" else 0
    return len(steps) + twice


def draw_samples(
    checkpoint: Checkpoint, num: int, sampler: str, steps: int, eta: float, guidance_scale: float,
    seed: int = 0, precision: str = "fp32",
) -> tuple[Tensor, Tensor | None, int, float]:  # fmt: skip
    """Balanced samples: images (N, C, H, W), labels (N,), evaluations an image, seconds."""
    classes = checkpoint.unet.config.num_classes
    labels = torch.arange(num) % classes if classes else None
    device = next(checkpoint.unet.parameters()).device
    parts: list[Tensor] = []
    nfe, start = 0, time.perf_counter()
    for first in range(0, num, BATCH):
        count = min(BATCH, num - first)
        generator = seeded(seed, "evaluate", first)
        y = None if labels is None else labels[first : first + count]
        x_T = draw_noise((count, *checkpoint.image_shape), generator).to(device)
        walk = sample(
            checkpoint.denoiser(y, guidance_scale), x_T, checkpoint.schedule,
            sampler=sampler, num_steps=steps, eta=eta, generator=generator,
        )  # fmt: skip
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            step = deque(walk, maxlen=1)[0]
        nfe = step.nfe
        parts.append(step.x_prev.cpu())
    seconds = time.perf_counter() - start
    return torch.cat(parts).float().clamp(-1, 1), labels, nfe, seconds


def evaluate(
    checkpoint: Checkpoint, judge: Judge, train: ImageDataset, test: ImageDataset, *,
    num: int = 2000, num_slow: int = 1000, rows: Sequence[tuple[str, int, float, float]] = ROWS,
    precision: str = "fp32",
) -> Iterator[Row]:  # fmt: skip
    """Yield the table's rows as they are measured: first the scale, then the samplers.

    Args:
        checkpoint: What to measure.
        judge: In whose features.
        train: What the checkpoint was trained on; the nearest neighbours come from here.
        test: What the samples are compared with.
        num: Samples a row.
        num_slow: Samples a row of more than 500 steps.
        rows: (sampler, steps, eta, guidance scale) of each row.
        precision: "fp32", or "bf16" to draw the samples faster.
    """
    real, _ = test.batch(torch.arange(len(test)))
    known, _ = train.batch(torch.arange(len(train)))
    target, _ = judged(judge, real)
    chosen = torch.randperm(len(train), generator=seeded("scale"))[:num]
    some, some_labels = train.batch(chosen)
    usual = float(nearest_distances(real[:num], known).mean())
    noise = torch.randn(some.shape, generator=seeded("noise")).clamp(-1, 1)
    for what, images, labels in (
        ("training images", some, some_labels),
        ("training images, 3×3 blur", blur(some), some_labels),
        ("plain noise", noise, None),
    ):
        features, verdict = judged(judge, images)
        accuracy = None if labels is None else float((verdict == labels).float().mean())
        yield Row(what, 0, len(images), frechet_distance(features, target), accuracy, None, None)
    guided = checkpoint.unet.config.num_classes is not None and checkpoint.unet.config.null_label
    for sampler, steps, eta, guidance_scale in rows:
        if steps > len(checkpoint.schedule) or (guidance_scale != 1 and not guided):
            continue  # this model cannot do that row
        count = min(num, num_slow) if steps > 500 else num
        images, labels, nfe, seconds = draw_samples(
            checkpoint, count, sampler, steps, eta, guidance_scale, precision=precision
        )
        features, verdict = judged(judge, images)
        yield Row(
            describe(sampler, steps, eta, guidance_scale), nfe, count,
            frechet_distance(features, target),
            None if labels is None else float((verdict == labels).float().mean()),
            float(nearest_distances(images, known).mean()) / usual,
            1000 * seconds / count,
        )  # fmt: skip


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| sampler and steps | evaluations | Frechet distance | class accuracy "
        "| nearest training image (test images = 1) | ms / image | images |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for r in rows:
        cells = [
            r.what,
            str(r.nfe) if r.nfe else "",
            f"{r.frechet:.2f}",
            "" if r.accuracy is None else f"{r.accuracy:.3f}",
            "" if r.nearest is None else f"{r.nearest:.2f}",
            "" if r.ms is None else f"{r.ms:.1f}",
            f"{r.samples:,}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def to_dict(rows: list[Row]) -> list[dict[str, object]]:
    """The rows as plain values, for JSON."""
    return [dataclasses.asdict(row) for row in rows]
