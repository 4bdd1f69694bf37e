"""What `results.json` beside a CLIP holds: how it reads, and what its guidance does.

The curve sets two kinds of guidance of a model that is asked in words side by side (Nichol et al.
2021, section 4): classifier-free, and by the gradient of the CLIP. Every row draws the same number
of pictures from the same captions and the same noise. What they show of what was asked is read by
the judge of the avatars, never by the CLIP that guides.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoint import RESULTS, Checkpoint
from ..clip import ClipAccuracy, Named
from ..data import ImageDataset
from ..denoiser import ClipGuidance, ScheduledDenoiser
from ..fields import (
    Kind,
    check_fields,
    listed,
    mapping,
    number,
    one_of,
    optional,
    parse_json,
    text,
    whole,
)
from ..files import write_text
from ..samplers import sample
from ..seeding import draw_noise, seeded
from .judges import AttributeJudge, judged
from .metrics import frechet_distance

CLIP_RESULTS_FORMAT = "diffusion-playground-clip-results/1"
CLASSIFIER_FREE, BY_CLIP = "classifier-free", "CLIP"
CLIP_KINDS = (CLASSIFIER_FREE, BY_CLIP)
FREE_SCALES = (0.0, 1.0, 1.5, 2.0, 3.0, 5.0)
CLIP_SCALES = (0.5, 1.0, 2.0, 4.0, 8.0)
_BATCH = 50

_SHARE, _COUNT = number(0, 1), whole(0, 10**9)
_NAMED: dict[str, Kind] = {
    "fact": text(300),
    "accuracy": _SHARE,
    "chance": _SHARE,
    "num": _COUNT,
}
_ACCURACY: dict[str, Kind] = {
    "log_snr": optional(number(-100, 100)),
    "retrieval": _SHARE,
    "num": _COUNT,
    "named": listed(mapping(_NAMED), 0, 1000),
}
_ROW: dict[str, Kind] = {
    "kind": one_of(CLIP_KINDS),
    "scale": number(0, 100),
    "num": _COUNT,
    "obedience": _SHARE,
    "frechet_distance": number(-1, 1e9),
    "seconds": number(0, 1e9),
}
_CURVE: dict[str, Kind] = {
    "model": text(300),
    "model_weights": text(200),
    "clip_weights": text(200),
    "sampler": text(100),
    "steps": _COUNT,
    "spacing": text(100),
    "num": _COUNT,
    "seed": whole(0, 2**64),
    "command": text(10_000, lines=True),
    "rows": listed(mapping(_ROW), 0, 1000),
}
_RESULTS: dict[str, Kind] = {
    "accuracy": listed(mapping(_ACCURACY), 0, 1000),
    "curve": optional(mapping(_CURVE)),
}


@dataclass(frozen=True)
class ClipGuidanceRow:
    """Pictures of one kind of guidance at one scale, measured.

    Attributes:
        kind: One of `CLIP_KINDS`.
        scale: `guidance_scale` of classifier-free guidance, where 1 is off and 0 asks for nothing;
            `clip_scale` of the other, beside which classifier-free guidance is off.
        num: Pictures drawn.
        obedience: Of all that the captions tell and the judge reads, the share that is seen.
        frechet_distance: To all held-out pictures, in the judge's features.
        seconds: Of drawing.
    """

    kind: str
    scale: float
    num: int
    obedience: float
    frechet_distance: float
    seconds: float


@dataclass(frozen=True)
class ClipCurve:
    """All rows, and what they were measured with.

    Attributes:
        model: Name of the guided model.
        model_weights: SHA-256 of its weights.
        clip_weights: SHA-256 of those of the CLIP.
        sampler, steps, spacing: Of the walks.
        num: Pictures a row.
        seed: Of captions and noise.
        command: What a person typed.
        rows: Those measured so far.
    """

    model: str
    model_weights: str
    clip_weights: str
    sampler: str
    steps: int
    spacing: str
    num: int
    seed: int
    command: str = ""
    rows: tuple[ClipGuidanceRow, ...] = ()

    def goes_on(self, other: ClipCurve) -> bool:
        """Whether rows of the other stand beside these: all settings but the command agree."""
        same = [dataclasses.replace(each, command="", rows=()) for each in (self, other)]
        return same[0] == same[1]

    def table(self) -> str:
        """The rows as Markdown."""
        lines = [
            "| guidance | scale | obedience | Frechet distance | images |",
            "|---|---:|---:|---:|---:|",
        ]
        lines += [
            f"| {r.kind} | {r.scale:g} | {r.obedience:.3f} | {r.frechet_distance:.2f} | {r.num:,} |"
            for r in self.rows
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class ClipResults:
    """What `results.json` beside a CLIP holds.

    Attributes:
        accuracy: How well it reads held-out pictures, by level of noise.
        curve: What its guidance does; None before it was measured.
    """

    accuracy: tuple[ClipAccuracy, ...] = ()
    curve: ClipCurve | None = None

    def to_json(self) -> str:
        """As text, in full precision."""
        values = {"format": CLIP_RESULTS_FORMAT, **dataclasses.asdict(self)}
        return json.dumps(values, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, data: str | bytes) -> ClipResults:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else.
        """
        values: Any = parse_json(data, "This file of results")
        if not isinstance(values, dict) or values.pop("format", None) != CLIP_RESULTS_FORMAT:
            raise ValueError(f"These results are not of the form {CLIP_RESULTS_FORMAT!r}.")
        check_fields(values, _RESULTS)
        curve = values.get("curve")
        if curve is not None:
            check_fields(curve, _CURVE, required=tuple(_CURVE))
            for row in curve["rows"]:
                check_fields(row, _ROW, required=tuple(_ROW))
            curve = ClipCurve(
                **{**curve, "rows": tuple(ClipGuidanceRow(**row) for row in curve["rows"])}
            )
        rows = []
        for row in values.get("accuracy", []):
            check_fields(row, _ACCURACY, required=tuple(_ACCURACY))
            for each in row["named"]:
                check_fields(each, _NAMED, required=tuple(_NAMED))
            named = tuple(Named(**each) for each in row["named"])
            rows.append(ClipAccuracy(**{**row, "named": named}))
        return cls(tuple(rows), curve)


def clip_results(folder: str | Path) -> ClipResults:
    """The results beside a CLIP; empty ones where there are none.

    Raises:
        ValueError: if the file is something else.
    """
    file = Path(folder) / RESULTS
    return ClipResults.from_json(file.read_bytes()) if file.is_file() else ClipResults()


def save_clip_results(folder: str | Path, results: ClipResults) -> None:
    """Write `results.json` there."""
    write_text(Path(folder) / RESULTS, results.to_json())


def measure_clip_guidance(
    checkpoint: Checkpoint,
    judge: AttributeJudge,
    real: ImageDataset,
    captions: Sequence[str],
    told: Tensor,
    curve: ClipCurve,
    *,
    free_scales: Sequence[float] = FREE_SCALES,
    clip_scales: Sequence[float] = CLIP_SCALES,
) -> Iterator[ClipCurve]:
    """Measure the rows that a curve lacks, and yield the curve with each new row.

    Args:
        checkpoint: A model that is asked in words, as `Checkpoint.guided_by_clip` gave it.
        judge: Who reads what is seen, and in whose features the distance is taken.
        real: Held-out pictures, that the drawn ones are compared with.
        captions: One a picture, `curve.num` of them.
        told: What they tell, as conditions (num, 1 + K) of the judge; -1 is not told.
        curve: The settings, and the rows that are known.
        free_scales: Those of classifier-free guidance to measure.
        clip_scales: Those of the CLIP to measure.

    Raises:
        ValueError: if the model is not asked in words or has no CLIP beside it.
    """
    y = torch.cat([checkpoint.read_caption(caption) for caption in captions])
    if checkpoint.clip is None:
        raise ValueError("Guidance by a CLIP is measured of a model with one beside it.")
    with torch.no_grad():
        theirs = torch.cat([checkpoint.clip.read_caption(caption) for caption in captions])
        wanted = checkpoint.clip.network.encode_captions(theirs.to(checkpoint.device))
    target, _ = judged(judge, real.batch(torch.arange(len(real)))[0])
    done = {(row.kind, row.scale) for row in curve.rows}
    todo = [(CLASSIFIER_FREE, s) for s in free_scales] + [(BY_CLIP, s) for s in clip_scales]
    for kind, scale in todo:
        if (kind, scale) in done:
            continue
        parts, start = [], time.perf_counter()
        for first in range(0, len(y), _BATCH):
            some = slice(first, first + _BATCH)
            denoiser = _denoiser(checkpoint, kind, scale, y[some], wanted[some], curve.sampler)
            generator = seeded(curve.seed, "clip guidance", first)
            x_T = draw_noise((len(y[some]), *checkpoint.sample_shape), generator)
            walk = sample(
                denoiser,
                x_T.to(checkpoint.device),
                sampler=curve.sampler,
                num_steps=curve.steps,
                spacing=curve.spacing,
                clip_x0=checkpoint.config.clip_x0,
                generator=generator,
            )
            parts.append(deque(walk, maxlen=1)[0].x_prev.float().cpu().clamp(-1, 1))
        seconds = time.perf_counter() - start
        features, seen = judged(judge, torch.cat(parts))
        known, seen = told >= 0, seen[:, : told.shape[1]]
        obedience = float(((seen == told) & known).sum() / known.sum())
        distance = frechet_distance(features, target)
        row = ClipGuidanceRow(kind, scale, len(y), obedience, distance, round(seconds, 2))
        rows = sorted([*curve.rows, row], key=lambda r: (CLIP_KINDS.index(r.kind), r.scale))
        curve = dataclasses.replace(curve, rows=tuple(rows))
        yield curve


def _denoiser(
    checkpoint: Checkpoint, kind: str, scale: float, y: Tensor, wanted: Tensor, sampler: str
) -> ScheduledDenoiser:
    if kind == CLASSIFIER_FREE:
        return checkpoint.denoiser(y, scale)
    assert checkpoint.clip is not None
    algorithm = 1 if sampler == "ddpm" else 2
    return ClipGuidance(checkpoint.denoiser(y), checkpoint.clip.network, wanted, scale, algorithm)
