"""Fidelity against variety: what guidance does to a model's pictures, by its kind and its scale.

(Dhariwal and Nichol 2021, figure 4.) Every row draws the same number of pictures of all classes
alike, from the same noise, and is measured by the judge of the data set, which guides nothing. Of
an ideal classifier all kinds would be one: the gradient of log p(y | x_t) is then the difference of
the scores with and without class, so that

    classifier         the model without classes, moved by the classifier, s times
    classifier-free    the model's own two predictions, s = guidance_scale
    both               half of the scale by each

and scale 0 is in every kind the model without classes.
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

from ..checkpoint import RESULTS, Checkpoint
from ..data import ImageDataset
from ..denoiser import ClassifierGuidance, ScheduledDenoiser
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
from ..guided_diffusion import Accuracy
from ..samplers import sample
from ..seeding import draw_noise, seeded
from .judges import AttributeJudge, Judge, judged, rights
from .metrics import frechet_distance
from .precision_recall import precision_recall

GUIDANCE_KINDS = ("classifier", "classifier-free", "both")
GUIDANCE_SCALES = (0.0, 0.5, 1.0, 2.0, 4.0, 7.0, 12.0, 20.0)
GUIDANCE_FORMAT = "diffusion-playground-guidance/1"
_BATCH = 50

_SHARE, _COUNT = number(0, 1), whole(1, 10**9)
_ACCURACY: dict[str, Kind] = {
    "log_snr": number(-100, 100),
    "accuracy": _SHARE,
    "cross_entropy": number(0, 1e9),
    "num": _COUNT,
}
_ROW: dict[str, Kind] = {
    "kind": one_of(GUIDANCE_KINDS),
    "scale": number(0, 100),
    "num": _COUNT,
    "accuracy": _SHARE,
    "frechet_distance": number(-1, 1e9),
    "precision": _SHARE,
    "recall": _SHARE,
    "seconds": number(0, 1e9),
}
_CURVE: dict[str, Kind] = {
    "model": text(300),
    "model_weights": text(200),
    "classifier_weights": text(200),
    "sampler": text(100),
    "steps": _COUNT,
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
class GuidanceRow:
    """Pictures of one kind of guidance at one scale, measured.

    Attributes:
        kind: One of `GUIDANCE_KINDS`.
        scale: The scale s.
        num: Pictures drawn, and test pictures that they are compared with.
        accuracy: Share of pictures in which the judge reads the class asked for.
        frechet_distance: In the judge's features.
        precision: See `precision_recall`.
        recall: See `precision_recall`.
        seconds: Of drawing.
    """

    kind: str
    scale: float
    num: int
    accuracy: float
    frechet_distance: float
    precision: float
    recall: float
    seconds: float


@dataclass(frozen=True)
class GuidanceCurve:
    """All rows, and what they were measured with.

    Attributes:
        model: Name of the guided model.
        model_weights: SHA-256 of its weights.
        classifier_weights: SHA-256 of those of the classifier.
        sampler: Of the walks.
        steps: Of the walks.
        num: Pictures a row.
        seed: Of the noise.
        command: What a person typed.
        rows: Those measured so far.
    """

    model: str
    model_weights: str
    classifier_weights: str
    sampler: str
    steps: int
    num: int
    seed: int
    command: str = ""
    rows: tuple[GuidanceRow, ...] = ()

    def goes_on(self, other: GuidanceCurve) -> bool:
        """Whether rows of the other stand beside these: all settings but the command agree."""
        same = [dataclasses.replace(each, command="", rows=()) for each in (self, other)]
        return same[0] == same[1]

    def table(self) -> str:
        """The rows as Markdown."""
        lines = [
            "| guidance | scale | class accuracy | Frechet distance | precision | recall "
            "| images |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        lines += [
            f"| {r.kind} | {r.scale:g} | {r.accuracy:.3f} | {r.frechet_distance:.2f} | "
            f"{r.precision:.3f} | {r.recall:.3f} | {r.num:,} |"
            for r in self.rows
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class GuidanceResults:
    """What `results.json` beside a classifier holds.

    Attributes:
        accuracy: How well the classifier reads noisy test pictures.
        curve: What its guidance does; None before it was measured.
    """

    accuracy: tuple[Accuracy, ...] = ()
    curve: GuidanceCurve | None = None

    def to_json(self) -> str:
        """As text, in full precision."""
        values = {"format": GUIDANCE_FORMAT, **dataclasses.asdict(self)}
        return json.dumps(values, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, data: str | bytes) -> GuidanceResults:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else.
        """
        values: Any = parse_json(data, "This file of results")
        if not isinstance(values, dict) or values.pop("format", None) != GUIDANCE_FORMAT:
            raise ValueError(f"These results are not of the form {GUIDANCE_FORMAT!r}.")
        check_fields(values, _RESULTS)
        curve = values.get("curve")
        if curve is not None:
            check_fields(curve, _CURVE, required=tuple(_CURVE))
            for row in curve["rows"]:
                check_fields(row, _ROW, required=tuple(_ROW))
            rows = tuple(GuidanceRow(**row) for row in curve["rows"])
            curve = GuidanceCurve(**{**curve, "rows": rows})
        for row in values.get("accuracy", []):
            check_fields(row, _ACCURACY, required=tuple(_ACCURACY))
        return cls(tuple(Accuracy(**row) for row in values.get("accuracy", [])), curve)


def guidance_results(folder: str | Path) -> GuidanceResults:
    """The results beside a classifier; empty ones where there are none.

    Raises:
        ValueError: if the file is something else.
    """
    file = Path(folder) / RESULTS
    if not file.is_file():
        return GuidanceResults()
    return GuidanceResults.from_json(file.read_bytes())


def save_guidance_results(folder: str | Path, results: GuidanceResults) -> None:
    """Write `results.json` there."""
    write_text(Path(folder) / RESULTS, results.to_json())


def guided_denoiser(
    checkpoint: Checkpoint, kind: str, scale: float, labels: torch.Tensor, algorithm: int = 2
) -> ScheduledDenoiser:
    """The denoiser of one kind of guidance; the model needs a classifier beside it.

    Args:
        checkpoint: As `Checkpoint.guided_by` gave it.
        kind: One of `GUIDANCE_KINDS`.
        scale: The scale s, as the module's docstring has it.
        labels: The wanted classes, int64 (B,).
        algorithm: See `denoiser.ClassifierGuidance`.

    Raises:
        ValueError: if there is no such kind, or the model has no classes where it needs them.
    """
    if kind not in GUIDANCE_KINDS:
        raise ValueError(f"There is no guidance {kind!r}; choose {', '.join(GUIDANCE_KINDS)}.")
    if scale == 0:
        return checkpoint.denoiser()
    free = {"classifier": None, "classifier-free": scale, "both": scale / 2}[kind]
    plain = checkpoint.denoiser() if free is None else checkpoint.denoiser(labels, free)
    if kind == "classifier-free":
        return plain
    assert checkpoint.classifier is not None
    share = scale if kind == "classifier" else scale / 2
    return ClassifierGuidance(plain, checkpoint.classifier.network, labels, share, algorithm)


def measure_guidance(
    checkpoint: Checkpoint,
    judge: Judge | AttributeJudge,
    test: ImageDataset,
    curve: GuidanceCurve,
    *,
    kinds: Sequence[str] = GUIDANCE_KINDS,
    scales: Sequence[float] = GUIDANCE_SCALES,
) -> Iterator[GuidanceCurve]:
    """Measure the rows that a curve lacks, and yield the curve with each new row.

    Args:
        checkpoint: As `Checkpoint.guided_by` gave it.
        judge: In whose features all is measured, and who reads the classes.
        test: The test pictures.
        curve: The settings, and the rows that are known.
        kinds: Those to measure.
        scales: Those to measure.

    Raises:
        ValueError: if there are fewer test pictures than the curve's `num`.
    """
    num = curve.num
    if not 10 <= num <= len(test):
        raise ValueError(f"num must be from 10 to {len(test):,}, the test pictures; got {num}.")
    chosen = torch.randperm(len(test), generator=seeded("test images"))[:num]
    target, _ = judged(judge, test.batch(chosen)[0])
    done = {(row.kind, row.scale) for row in curve.rows}
    for scale in coarse_first(scales):
        for kind in kinds:
            if (kind, scale) in done:
                continue
            known = [row for row in curve.rows if row.scale == 0]
            if scale == 0 and known:
                row = dataclasses.replace(known[0], kind=kind, seconds=0.0)
            else:
                row = _measured(checkpoint, judge, target, curve, kind, scale)
            rows = sorted([*curve.rows, row], key=lambda r: (GUIDANCE_KINDS.index(r.kind), r.scale))
            curve = dataclasses.replace(curve, rows=tuple(rows))
            yield curve


def coarse_first(values: Sequence[float]) -> list[float]:
    """The same values, the ends first, then the middles of what lies between those before.

    So a measurement that is not over yet already shows the whole range.
    """
    gaps, order = [(0, len(values) - 1)], [*values[:1], *values[-1:]] if len(values) > 1 else []
    for low, high in gaps:  # grows while it is read
        if high - low > 1:
            middle = (low + high) // 2
            order.append(values[middle])
            gaps += [(low, middle), (middle, high)]
    return order or [*values]


def _measured(
    checkpoint: Checkpoint,
    judge: Judge | AttributeJudge,
    target: torch.Tensor,
    curve: GuidanceCurve,
    kind: str,
    scale: float,
) -> GuidanceRow:
    assert checkpoint.classifier is not None
    labels = torch.arange(curve.num) % len(checkpoint.classifier.class_names)
    algorithm = 1 if curve.sampler == "ddpm" else 2
    parts, start = [], time.perf_counter()
    for first, y in enumerate(labels.split(_BATCH)):
        generator = seeded(curve.seed, "guidance", first)
        x_T = draw_noise((len(y), *checkpoint.sample_shape), generator).to(checkpoint.device)
        walk = sample(
            guided_denoiser(checkpoint, kind, scale, y, algorithm),
            x_T,
            sampler=curve.sampler,
            num_steps=curve.steps,
            clip_x0=bool(checkpoint.config.clip_x0),
            generator=generator,
        )
        parts.append(deque(walk, maxlen=1)[0].x_prev.float().cpu().clamp(-1, 1))
    seconds = time.perf_counter() - start
    features, seen = judged(judge, torch.cat(parts))
    right = float(rights(seen if seen.ndim == 1 else seen[:, 0], labels)[0])
    near = precision_recall(features, target)
    distance = frechet_distance(features, target)
    return GuidanceRow(kind, scale, curve.num, right, distance, *near, round(seconds, 2))
