"""Measure Imagen's cascade on the avatars, and keep the results and a card beside it.

    python -m pretrained.recipes.imagen_measured runs/imagen --clip runs/clip

All captions and pictures are held out. What is judged is judged at 64 × 64, the size of the judge
of the avatars, to which large pictures are shrunk by the mean.

models       the cascade; its base model enlarged by interpolation; a model of one stage that is
             asked in words; real pictures, shrunk to the base model's size and interpolated, which
             is what it could reach; and real pictures, against others: Frechet distance to the
             held-out pictures that the captions are of, of the attributes that captions tell the
             share that the judge reads (obedience), and edges, the mean difference of neighbouring
             pixels at 128 × 128 where that of real ones is 1
levels       the second walk from held-out small pictures, by level of augmentation: the same, and
             how far the result, shrunk again, is from the small picture (root mean square, of
             pixels from -1 to 1)
thresholds   static and dynamic thresholding of both walks by scale of guidance: the share of
             saturated pixels beside that of real pictures, Frechet distance and obedience
costs        milliseconds of an evaluation of one picture, of each network, and of the second one's
             trunk alone: the difference is the branch at full resolution
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
import time
from collections import deque
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from diffusion_core.checkpoint import (
    RESULTS,
    Checkpoint,
    CheckpointConfig,
    load_checkpoint,
)
from diffusion_core.clip import load_clip
from diffusion_core.conditioning import CLASS
from diffusion_core.denoiser import THRESHOLDS
from diffusion_core.device import best_device
from diffusion_core.evaluation import (
    AttributeJudge,
    Setting,
    draw_samples,
    frechet_distance,
    judged,
    load_judge,
)
from diffusion_core.files import write_text
from diffusion_core.glide import CaptionedPictures, describe, load_model, told_condition
from diffusion_core.imagen import (
    Cascade,
    augmented,
    enlarged,
    imagen_results,
    load_cascade,
    shrunk,
)
from diffusion_core.publishing import write_imagen_card
from diffusion_core.samplers import sample
from diffusion_core.seeding import draw_noise, seeded
from diffusion_core.training_runs import saturation
from pretrained.recipes.glide import SHIPPED
from pretrained.recipes.imagen import LARGE, captioned_large

MODULE = "pretrained.recipes.imagen_measured"
JUDGE = Path(__file__).parents[1] / "judge-avatars"
ONE_STAGE = SHIPPED.with_name("glide-avatars")
JUDGED = 64  # pixels of the pictures that the judge reads
LEVELS = "0,0.1,0.2,0.4,0.7,1"
SCALES = "1,3,7,15"
SEED = 3
BATCH = 25  # pictures that are drawn together


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """What is measured with, and of which captions and pictures.

    Attributes:
        cascade: The cascade.
        judge: What reads pictures of `JUDGED` pixels.
        real: Held-out pictures, (N, C, 128, 128) in [-1, 1].
        others: As many other held-out pictures.
        captions: A caption of each of `real`.
        told: What it tells, (N, 1 + K), -1 where nothing.
        steps: Steps of dpmpp_2m, spaced karras, of each walk.
        guidance_scale: Scale of the first walk's guidance; the second has none.
        level: Level of augmentation.
    """

    cascade: Cascade
    judge: AttributeJudge
    real: Tensor
    others: Tensor
    captions: list[str]
    told: Tensor
    steps: int
    guidance_scale: float
    level: float

    def asked(self, model: Checkpoint) -> Tensor:
        """The captions as conditions of a model, int64 (N, L)."""
        return torch.cat([model.read_caption(caption) for caption in self.captions])

    def walk(
        self, model: Checkpoint, y: Tensor, first: int, scale: float, threshold: str = "static"
    ) -> Tensor:
        """Pictures of a model, (B, C, H, W) in [-1, 1]; noise follows from the first's number."""
        generator = seeded(SEED, "imagen", tuple(model.sample_shape), first)
        walk = sample(
            model.denoiser(y, scale),
            draw_noise((len(y), *model.sample_shape), generator).to(model.device),
            sampler="dpmpp_2m",
            num_steps=self.steps,
            spacing="karras",
            threshold=threshold,
        )
        return deque(walk, maxlen=1)[0].x_prev.cpu().clamp(-1, 1)

    def small(self, num: int, scale: float, threshold: str = "static") -> Tensor:
        """Small pictures of the first captions, (num, C, h, w)."""
        y = self.asked(self.cascade.base)[:num]
        return torch.cat(
            [
                self.walk(self.cascade.base, part, first, scale, threshold)
                for first, part in zip(range(0, num, BATCH), y.split(BATCH), strict=True)
            ]
        )

    def large(
        self, small: Tensor, level: float, scale: float = 1.0, threshold: str = "static"
    ) -> Tensor:
        """Large pictures of small ones, which belong to the first captions, (num, C, H, W)."""
        y, found = self.asked(self.cascade.base)[: len(small)], []
        for first in range(0, len(small), BATCH):
            part = small[first : first + BATCH]
            noise = torch.randn(part.shape, generator=seeded(SEED, "augmentation", first))
            z = augmented(part, torch.full((len(part),), level), noise)
            model = self.cascade.enlarger.bound(z, level)
            found.append(self.walk(model, y[first : first + BATCH], first, scale, threshold))
        return torch.cat(found)

    def figures(self, pictures: Tensor) -> dict[str, float]:
        """Frechet distance to real pictures, obedience and edges of pictures of 128 pixels."""
        features, seen = judged(self.judge, to_judge(pictures))
        told = self.told[: len(pictures)]
        known = told >= 0
        return {
            "frechet": frechet_distance(features, judged(self.judge, to_judge(self.real))[0]),
            "obedience": float((seen == told)[known].float().mean()),
            "edges": edges(pictures) / edges(self.real),
        }

    def by_attribute(self, pictures: Tensor, names: list[str]) -> dict[str, float]:
        """The share of pictures that show each attribute that their captions tell."""
        seen, told = judged(self.judge, to_judge(pictures))[1], self.told[: len(pictures)]
        known = told >= 0
        shares = ((seen == told) & known).sum(dim=0) / known.sum(dim=0)
        return {n: float(s) for n, s in zip(names, shares, strict=True) if s == s}


def to_judge(pictures: Tensor) -> Tensor:
    """Pictures (N, C, H, W) of 128 or 64 pixels at 64."""
    return shrunk(pictures, pictures.shape[-1] // JUDGED)


def edges(pictures: Tensor) -> float:
    """Mean absolute difference of pixels that lie side by side, or one above the other."""
    return float(pictures.diff(dim=2).abs().mean() + pictures.diff(dim=3).abs().mean())


def models(by: Measured, one_stage: Checkpoint | None, names: list[str]) -> list[dict[str, Any]]:
    """The table of models; see the module's docstring."""
    num = len(by.captions)
    ratio = by.cascade.enlarger.network.config.ratio
    small = by.small(num, by.guidance_scale)
    drawn = {
        "cascade": by.large(small, by.level),
        "base, interpolated": enlarged(small, ratio).clamp(-1, 1),
    }
    if one_stage is not None:
        setting = Setting("dpmpp_2m", by.steps, spacing="karras", guidance_scale=by.guidance_scale)
        y = by.asked(one_stage)
        pictures = draw_samples(one_stage, num, setting, seed=SEED, conditions=y)[0]
        name = Path(one_stage.name).name
        drawn[name] = enlarged(pictures, LARGE // pictures.shape[-1]).clamp(-1, 1)
    drawn["real, interpolated"] = enlarged(shrunk(by.real, ratio), ratio)
    rows = [
        {"model": name, **by.figures(pictures), "attributes": by.by_attribute(pictures, names)}
        for name, pictures in drawn.items()
    ]
    shown = by.figures(by.real) | {"frechet": by.figures(by.others)["frechet"]}
    return [
        *rows,
        {"model": "real", **shown, "attributes": by.by_attribute(by.real, names)},
    ]


def levels(by: Measured, num: int, values: list[float]) -> list[dict[str, float]]:
    """The second walk from held-out small pictures, by level; see the module's docstring."""
    ratio = by.cascade.enlarger.network.config.ratio
    small = shrunk(by.real[:num], ratio)
    rows = []
    for level in values:
        large = by.large(small, level)
        away = float((shrunk(large, ratio) - small).square().mean().sqrt())
        rows.append({"level": level, **by.figures(large), "away": away})
    return rows


def thresholds(by: Measured, num: int, scales: list[float]) -> list[dict[str, Any]]:
    """Static and dynamic thresholding by scale of guidance; see the module's docstring."""
    rows: list[dict[str, Any]] = []
    for scale in scales:
        for threshold in THRESHOLDS:
            small = by.small(num, scale, threshold)
            large = by.large(small, by.level, scale, threshold)
            rows.append(
                {
                    "guidance_scale": scale,
                    "threshold": threshold,
                    "saturated_small": saturation(small),
                    "saturated": saturation(large),
                    **by.figures(large),
                }
            )
    return rows


def costs(by: Measured, repeats: int = 5) -> dict[str, float]:
    """Milliseconds of processor time of one evaluation of one picture, by network."""
    network, base = by.cascade.enlarger.network, by.cascade.base.network
    device, t = by.cascade.device, torch.tensor([500])
    x, z = torch.randn(1, *network.config.sample_shape), torch.randn(1, *network.config.small_shape)
    trunk = network.config.trunk
    patches = torch.randn(1, trunk.in_channels, *trunk.image_size)
    t, x, z, patches = (each.to(device) for each in (t, x, z, patches))
    level = torch.full((1,), by.level, device=device)
    found = {}
    with torch.no_grad():
        for name, evaluate in (
            ("base", lambda: base(z, t)),
            ("enlarger", lambda: network(x, t, z, level)),
            ("trunk", lambda: network.trunk(patches, t)),
        ):
            times = []
            for _ in range(repeats + 1):
                began = time.process_time()
                evaluate()
                times.append(1000 * (time.process_time() - began))
            found[name] = sorted(times[1:])[repeats // 2]
    return {**found, "branch": found["enlarger"] - found["trunk"]}


def numbers(text: str, name: str) -> list[float]:
    """Numbers that are separated by commas.

    Raises:
        ValueError: if one is none.
    """
    try:
        return [float(each) for each in text.split(",") if each.strip()]
    except ValueError:
        raise ValueError(
            f"--{name} takes numbers with commas between them, got {text!r}."
        ) from None


def measured_with(
    cascade: Cascade,
    judge: AttributeJudge,
    data: CaptionedPictures,
    known: CheckpointConfig,
    num: int,
    **settings: Any,
) -> Measured:
    """What is measured with: `num` held-out pictures with a caption each, and as many others."""
    order = torch.randperm(len(data.pictures), generator=seeded(SEED, "imagen pictures"))
    own, others = order[:num], order[num : 2 * num]
    written = [describe(data.records.facts(i), SEED, "imagen", i) for i in own.tolist()]
    told = []
    for caption in written:
        facts = dict(caption.told)
        row = told_condition(facts, known.class_names, known.attribute_names)
        row[0] = row[0] if CLASS in facts else -1
        told.append(row)
    return Measured(
        cascade,
        judge,
        data.pictures.batch(own)[0],
        data.pictures.batch(others if len(others) == num else own)[0],
        [caption.text for caption in written],
        torch.stack(told),
        **settings,
    )


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the cascade; gets the results.")],
    clip: Annotated[Path, typer.Option(help="Folder of its CLIP.")],
    one_stage: Annotated[
        str, typer.Option(help="A model of one stage that is asked in words; empty is none.")
    ] = str(ONE_STAGE),
    menus: Annotated[str, typer.Option(help="The model whose attributes are judged.")] = str(
        SHIPPED
    ),
    judge: Annotated[Path, typer.Option(help="Folder of the judge.")] = JUDGE,
    split: Annotated[str, typer.Option(help="Of the avatars at 128: test, or train.")] = "test",
    num: Annotated[int, typer.Option(help="Captions for the table of models.")] = 300,
    num_curves: Annotated[int, typer.Option(help="Pictures of each row of the curves.")] = 100,
    augmentation: Annotated[
        float | None, typer.Option(help="Level of augmentation; else as recommended.")
    ] = None,
    augmentations: Annotated[str, typer.Option(help="Levels of the curve.")] = LEVELS,
    scales: Annotated[str, typer.Option(help="Scales of guidance for the thresholds.")] = SCALES,
    steps: Annotated[int, typer.Option(help="Steps of dpmpp_2m, spaced karras.")] = 10,
    guidance_scale: Annotated[float, typer.Option(help="Of the first walk's guidance.")] = 2.0,
) -> None:
    """Measure models, levels, thresholds and costs, and keep them beside the cascade."""
    cascade = load_cascade(folder, load_clip(clip)).to(best_device())
    reader, known = load_judge(judge), load_checkpoint(menus).config
    assert isinstance(reader, AttributeJudge) and isinstance(known, CheckpointConfig)
    level = cascade.enlarger.config.augmentation if augmentation is None else augmentation
    by = measured_with(
        cascade,
        reader,
        captioned_large(split),
        known,
        num,
        steps=steps,
        guidance_scale=guidance_scale,
        level=level,
    )
    num_curves = min(num_curves, len(by.captions))
    other = load_model(one_stage) if one_stage else None
    values: dict[str, Any] = {
        "weights": {"base": cascade.base.weights_hash, "enlarger": cascade.enlarger.weights_hash},
        "clip": cascade.enlarger.config.clip,
        "one_stage": None if other is None else other.weights_hash,
        "num": len(by.captions),
        "num_curves": num_curves,
        "steps": steps,
        "guidance_scale": guidance_scale,
        "level": level,
        "saturated_real": saturation(by.real),
        "trained": {
            "base": cascade.base.config.training,
            "enlarger": cascade.enlarger.config.training,
        },
        "command": shlex.join(["python", "-m", MODULE, *sys.argv[1:]]),
        "costs": costs(by),
    }
    names = [CLASS, *(name for name, _ in known.attribute_names)]
    for name, measure in (
        ("models", lambda: models(by, other, names)),
        ("levels", lambda: levels(by, num_curves, numbers(augmentations, "augmentations"))),
        ("thresholds", lambda: thresholds(by, num_curves, numbers(scales, "scales"))),
    ):
        began = time.perf_counter()
        values[name] = measure()
        for row in values[name]:
            told = ", ".join(
                f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}"
                for key, value in row.items()
                if not isinstance(value, dict)
            )
            print(f"{name}: {told}", flush=True)
        values.setdefault("seconds", {})[name] = round(time.perf_counter() - began, 1)
        write_text(folder / RESULTS, json.dumps(values, indent=2) + "\n")
    write_imagen_card(folder, cascade, imagen_results(folder))


if __name__ == "__main__":
    typer.run(main)
