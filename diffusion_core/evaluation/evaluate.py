"""Measure a checkpoint: the rows that its card's table shows, and the sampler setting of each."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..checkpoint import Checkpoint
from ..data import ImageDataset
from ..samplers import count_evaluations, sample
from ..schedule import NoiseSchedule
from ..seeding import draw_noise, seeded
from .judges import AttributeJudge, Judge, judged, rights
from .metrics import blur, frechet_distance, nearest_distances


class Setting(NamedTuple):
    """How one row's samples are drawn; see `samplers.sample` and `guidance`."""

    sampler: str
    steps: int
    eta: float = 0.0
    guidance_scale: float = 1.0
    spacing: str = "trailing"

    @property
    def words(self) -> str:
        """Sampler and settings, as the table's first column has them."""
        words = f"{self.sampler} {self.steps}"
        words += f", {self.spacing}" if self.spacing != "trailing" else ""
        words += f", eta {self.eta:g}" if self.eta else ""
        return words + (f", guidance {self.guidance_scale:g}" if self.guidance_scale != 1 else "")


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
            as new as the test images are, near 0 is copied. None if those are training images.
        ms: Milliseconds an image, in batches of 250.
        attributes: Share of what was asked for beside the class that the judge sees; the mean over
            the attributes. None where there are none.
    """

    what: str
    nfe: int
    samples: int
    frechet: float
    accuracy: float | None
    nearest: float | None
    ms: float | None
    attributes: float | None = None


def evaluations(
    schedule: NoiseSchedule,
    sampler: str,
    num_steps: int,
    spacing: str = "trailing",
    t_start: int | None = None,
    resample: int = 1,
) -> int:
    """How often a walk evaluates the network; see `samplers.count_evaluations`.

    Args:
        schedule: Of the model.
        sampler: One of `samplers.SAMPLERS`.
        num_steps: Steps of the walk, from 1 to T.
        spacing: How the timesteps are spread; see `spaced_timesteps`.
        t_start: Timestep that the walk begins at; None is the spacing's own first.
        resample: How often each step but the last is taken; see `inpainting.inpaint`.

    Raises:
        ValueError: if the sampler or the spacing is unknown or a number is out of range.
    """
    steps = schedule.timesteps(num_steps, spacing, t_start)
    return count_evaluations(sampler, [*steps, -1], schedule, resample=resample)


def draw_samples(
    checkpoint: Checkpoint,
    num: int,
    setting: Setting,
    seed: int = 0,
    precision: str = "fp32",
    said: Tensor | None = None,
) -> tuple[Tensor, Tensor | None, int, float]:
    """Samples of what is `said`, (N,) or (N, 1 + K), else of all classes alike.

    Returns:
        Images (N, C, H, W), what was said, evaluations an image, seconds.
    """
    classes = checkpoint.unet.config.num_classes
    labels = torch.arange(num) % classes if classes and said is None else said
    device = next(checkpoint.unet.parameters()).device
    parts: list[Tensor] = []
    nfe, start = 0, time.perf_counter()
    for first in range(0, num, BATCH):
        count = min(BATCH, num - first)
        generator = seeded(seed, "evaluate", first)
        y = None if labels is None else labels[first : first + count]
        x_T = draw_noise((count, *checkpoint.image_shape), generator).to(device)
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
) -> Iterator[Row]:
    """Yield the table's rows as they are measured: first the scale, then the samplers.

    Of a model with attributes the samples are asked for what the test images show.

    Args:
        checkpoint: What to measure.
        judge: In whose features.
        train: What the checkpoint was trained on; the nearest neighbours come from here.
        test: What the samples are compared with.
        num: Samples a row.
        num_slow: Samples a row of more than 500 steps.
        rows: How each row's samples are drawn.
        precision: "fp32", or "bf16" to draw the samples faster.
        num_nearest: Samples a row whose nearest training image is looked for; None is all.
    """
    config = checkpoint.unet.config
    real, _ = test.batch(torch.arange(len(test)))
    target, _ = judged(judge, real)
    chosen = torch.randperm(len(train), generator=seeded("scale"))[:num]
    some, _ = train.batch(chosen)
    usual = float(_nearest(real[:num][:num_nearest], train).mean())
    noise = torch.randn(some.shape, generator=seeded("noise")).clamp(-1, 1)
    for what, images, labels in (
        ("training images", some, train.conditions(chosen)),
        ("training images, 3×3 blur", blur(some), train.conditions(chosen)),
        ("plain noise", noise, None),
    ):
        features, seen = judged(judge, images)
        distance = frechet_distance(features, target)
        of_class, of_attributes = _accuracy(seen, labels)
        yield Row(what, 0, len(images), distance, of_class, None, None, of_attributes)
    guided = config.num_classes is not None and config.null_label
    for row in rows:
        if row.steps > len(checkpoint.schedule) or (row.guidance_scale != 1 and not guided):
            continue  # this model cannot do that row
        count = min(num, num_slow) if row.steps > 500 else num
        images, labels, nfe, seconds = draw_samples(
            checkpoint,
            count,
            row,
            precision=precision,
            said=asked_of(test, count, bool(config.attributes)) if guided else None,
        )
        count = len(images)
        features, seen = judged(judge, images)
        of_class, of_attributes = _accuracy(seen, labels)
        yield Row(
            row.words,
            nfe,
            count,
            frechet_distance(features, target),
            of_class,
            float(_nearest(images[:num_nearest], train).mean()) / usual if usual else None,
            1000 * seconds / count,
            of_attributes,
        )


def asked_of(test: ImageDataset, num: int, attributes: bool = True) -> Tensor | None:
    """What to ask samples for: what `num` test images show, each once as long as it goes.

    Args:
        test: The images.
        num: How many.
        attributes: Ask for these too, beside the class.

    Returns:
        (num, 1 + K) or (num,); None where the images have no attributes: all classes alike.
    """
    if test.attributes is None:
        return None
    order = torch.randperm(len(test), generator=seeded("asked"))
    said = test.conditions(order.repeat(-(-num // len(test)))[:num])
    return said if said is None or attributes else said[:, 0]


def _accuracy(seen: Tensor, said: Tensor | None) -> tuple[float | None, float | None]:
    """Share of the classes that are right; and of the attributes, their mean, if there are any."""
    if said is None:
        return None, None
    each = rights(seen if said.ndim == seen.ndim else seen[:, 0], said)
    return float(each[0]), float(each[1:].nanmean()) if len(each) > 1 else None


def _nearest(images: Tensor, train: ImageDataset) -> Tensor:
    """Distance of each image to the nearest training image, (B,)."""
    best = torch.full((len(images),), torch.inf)
    for part in torch.arange(len(train)).split(SLICE):
        best = torch.minimum(best, nearest_distances(images, train.batch(part)[0]))
    return best


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    more = any(r.attributes is not None for r in rows)
    extra = "| attributes " if more else ""
    lines = [
        f"| sampler and steps | evaluations | Frechet distance | class accuracy {extra}"
        "| nearest training image (test images = 1) | ms / image | images |",
        "|---|---:|---:|---:|---:|---:|---:|" + ("---:|" if more else ""),
    ]
    for r in rows:
        cells = [
            r.what,
            str(r.nfe) if r.nfe else "",
            f"{r.frechet:.2f}",
            "" if r.accuracy is None else f"{r.accuracy:.3f}",
            *(["" if r.attributes is None else f"{r.attributes:.3f}"] if more else []),
            "" if r.nearest is None else f"{r.nearest:.2f}",
            "" if r.ms is None else f"{r.ms:.1f}",
            f"{r.samples:,}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
