"""Measure a checkpoint: the settings of samplers that its results have rows of, and each row."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..checkpoint import Checkpoint
from ..data import ImageDataset
from ..samplers import sample
from ..seeding import draw_noise, seeded
from .judges import AttributeJudge, Judge, judged, rights
from .metrics import blur, frechet_distance, nearest_distances
from .records import TRAINING_IMAGES, ReferenceRow, SamplerRow, Setting

ROWS = (
    Setting("ddim", 10),
    Setting("ddim", 20),
    Setting("ddim", 25),
    Setting("ddim", 50),
    Setting("ddim", 25, guidance_scale=1.5),
    Setting("dpmpp_2m", 10),
    Setting("dpmpp_2m", 20),
    Setting("dpmpp_2m", 10, spacing="karras"),
    Setting("dpmpp_2m", 20, spacing="karras"),
    Setting("heun", 10),
    Setting("ddpm", 10),
    Setting("ddpm", 20),
    Setting("ddpm", 50),
    Setting("ddpm", 1000),
)
GUIDED_ROWS = (
    *ROWS,
    Setting("dpmpp_2m", 10, guidance_scale=2.0),
    Setting("dpmpp_2m", 20, guidance_scale=2.0),
    Setting("dpmpp_2m", 10, guidance_scale=1.5, spacing="karras"),
    Setting("dpmpp_2m", 10, guidance_scale=2.0, spacing="karras"),
    Setting("dpmpp_2m", 20, guidance_scale=2.0, spacing="karras"),
    Setting("dpmpp_2m", 10, guidance_scale=4.0, spacing="karras"),
    Setting("dpmpp_2m", 25, guidance_scale=8.0, spacing="karras"),
    Setting("ddpm", 20, guidance_scale=2.0),
)


BATCH = 250
SLICE = 5000  # training images that are floats at a time


def draw_samples(
    checkpoint: Checkpoint,
    num: int,
    setting: Setting,
    seed: int = 0,
    precision: str = "fp32",
    conditions: Tensor | None = None,
) -> tuple[Tensor, Tensor | None, int, float]:
    """Samples with the given conditions, (N,) or (N, 1 + K), else of all classes alike.

    Returns:
        Images (N, C, H, W), their conditions, evaluations an image, seconds.
    """
    labels = conditions
    if checkpoint.num_classes and conditions is None:
        labels = torch.arange(num) % checkpoint.num_classes
    device = checkpoint.device
    parts: list[Tensor] = []
    nfe, start = 0, time.perf_counter()
    for first in range(0, num, BATCH):
        count = min(BATCH, num - first)
        generator = seeded(seed, "evaluate", first)
        y = None if labels is None else labels[first : first + count]
        x_T = draw_noise((count, *checkpoint.sample_shape), generator).to(device)
        walk = sample(
            checkpoint.denoiser(y, setting.guidance_scale),
            x_T,
            sampler=setting.sampler,
            num_steps=setting.steps,
            eta=setting.eta,
            spacing=setting.spacing,
            generator=generator,
        )
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            step = deque(walk, maxlen=1)[0]
        nfe = step.nfe
        parts.append(step.x_prev.cpu())
    seconds = time.perf_counter() - start
    return torch.cat(parts).float().clamp(-1, 1), labels, nfe, seconds


def evaluate(
    checkpoint: Checkpoint,
    judge: Judge | AttributeJudge,
    train: ImageDataset,
    test: ImageDataset,
    *,
    num: int = 2000,
    num_slow: int = 1000,
    rows: Sequence[Setting] = ROWS,
    precision: str = "fp32",
    num_nearest: int | None = None,
) -> Iterator[ReferenceRow | SamplerRow]:
    """Yield rows as they are measured: first the references, then the samplers.

    With a model of attributes the samples have the conditions of the test images.

    Args:
        checkpoint: The checkpoint to measure.
        judge: The judge in whose features distances are taken.
        train: The images that it was trained on; the nearest neighbours come from here.
        test: The images that the samples are compared with.
        num: Samples a row.
        num_slow: Samples a row of more than 500 steps.
        rows: The settings that each row's samples are drawn with.
        precision: "fp32", or "bf16" to draw the samples faster.
        num_nearest: Samples a row whose nearest training image is searched; None is all.
    """
    real, _ = test.batch(torch.arange(len(test)))
    target, _ = judged(judge, real)
    chosen = torch.randperm(len(train), generator=seeded("scale"))[:num]
    some, _ = train.batch(chosen)
    usual = float(_nearest(real[:num][:num_nearest], train).mean())
    noise = torch.randn(some.shape, generator=seeded("noise")).clamp(-1, 1)
    for name, images, labels in (
        (TRAINING_IMAGES, some, train.conditions(chosen)),
        (f"{TRAINING_IMAGES}, 3×3 blur", blur(some), train.conditions(chosen)),
        ("plain noise", noise, None),
    ):
        features, seen = judged(judge, images)
        distance = frechet_distance(features, target)
        of_class, of_attributes = _accuracy(seen, labels)
        yield ReferenceRow(name, len(images), distance, of_class, of_attributes)
    guided = checkpoint.null_label
    for row in rows:
        if row.steps > len(checkpoint.schedule) or (row.guidance_scale != 1 and not guided):
            continue  # this model cannot do that row
        count = min(num, num_slow) if row.steps > 500 else num
        images, labels, nfe, seconds = draw_samples(
            checkpoint,
            count,
            row,
            precision=precision,
            conditions=conditions_of(test, count, bool(checkpoint.attributes)) if guided else None,
        )
        count = len(images)
        features, seen = judged(judge, images)
        of_class, of_attributes = _accuracy(seen, labels)
        nearest = float(_nearest(images[:num_nearest], train).mean()) / usual if usual else None
        yield SamplerRow(
            row.sampler,
            row.steps,
            nfe,
            count,
            frechet_distance(features, target),
            of_class,
            of_attributes,
            known(nearest),
            1000 * seconds / count,
            row.spacing,
            row.eta,
            row.guidance_scale,
        )


def conditions_of(test: ImageDataset, num: int, attributes: bool = True) -> Tensor | None:
    """Conditions for samples: those of `num` test images, none repeated before all were used.

    Args:
        test: The images.
        num: Number of conditions.
        attributes: Whether to specify the attributes too, beside the class.

    Returns:
        (num, 1 + K) or (num,); None where the images have no attributes: all classes alike.
    """
    if test.attributes is None:
        return None
    order = torch.randperm(len(test), generator=seeded("asked"))
    conditions = test.conditions(order.repeat(-(-num // len(test)))[:num])
    return conditions if conditions is None or attributes else conditions[:, 0]


def _accuracy(seen: Tensor, conditions: Tensor | None) -> tuple[float | None, float | None]:
    """Share of the classes that are right; and of the attributes, their mean, if there are any."""
    if conditions is None:
        return None, None
    each = rights(seen if conditions.ndim == seen.ndim else seen[:, 0], conditions)
    return known(float(each[0])), known(float(each[1:].nanmean())) if len(each) > 1 else None


def known(value: float | None) -> float | None:
    """A measurement; None where it is not a finite number, as a mean over no images is not."""
    return value if value is not None and math.isfinite(value) else None


def _nearest(images: Tensor, train: ImageDataset) -> Tensor:
    """Distance of each image to the nearest training image, (B,)."""
    best = torch.full((len(images),), torch.inf)
    for part in torch.arange(len(train)).split(SLICE):
        best = torch.minimum(best, nearest_distances(images, train.batch(part)[0]))
    return best
