"""The benchmark of a checkpoint: the test images, judge and rows of its own data set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..checkpoint import Checkpoint
from ..data import load_dataset
from ..device import best_device, fastest_precision
from ..training import PRECISIONS
from .attributes import measure_attributes
from .evaluate import GUIDED_ROWS, ROWS, evaluate
from .judges import AttributeJudge, load_judge
from .records import (
    AttributeAccuracy,
    Conditions,
    JudgeFacts,
    ReferenceRow,
    Results,
    SamplerRow,
    Setting,
)


@dataclass(frozen=True)
class Benchmark:
    """The measurements of models of a data set.

    Attributes:
        judge: Folder of the judge.
        rows: Settings of the table's rows.
        num_nearest: Samples a row whose nearest training image is searched; None is all.
    """

    judge: Path
    rows: tuple[Setting, ...]
    num_nearest: int | None = None


BENCHMARKS = {
    "fashion-mnist": Benchmark(Path("pretrained/judge"), ROWS),
    "avatars": Benchmark(Path("pretrained/judge-avatars"), GUIDED_ROWS, 500),
}


class Scorecard:
    """The measurements of a checkpoint, by the yardstick of its data set.

    Args:
        checkpoint: The checkpoint to measure.
        judge: Folder of another judge; None is the data set's own.
        rows: The rows to measure, as "ddim 25; heun 10"; else all.
        precision: Precision of the samples: "fp32", "bf16" or "auto".

    Raises:
        ValueError: if the data set has no test images, or judge, rows or precision are unknown.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        judge: Path | None = None,
        rows: str = "",
        precision: str = "fp32",
    ) -> None:
        """Check the arguments, then read judge and data."""
        if precision not in PRECISIONS:
            raise ValueError(
                f"There is no precision {precision!r}; choose {', '.join(PRECISIONS)}."
            )
        yardstick = BENCHMARKS.get(checkpoint.config.dataset)
        named = {row.words: row for row in (yardstick.rows if yardstick else ROWS)}
        wanted = [part.strip() for part in rows.split(";") if part.strip()] or list(named)
        if unknown := [name for name in wanted if name not in named]:
            raise ValueError(f"There is no row {unknown[0]!r}; choose from: {'; '.join(named)}.")
        if yardstick is None:
            raise ValueError(
                f"evaluate compares with a test set, which only {' and '.join(BENCHMARKS)} have; "
                f"this model was trained on {checkpoint.config.dataset or 'unknown pictures'}."
            )
        folder = judge or yardstick.judge
        self.facts = _facts(folder)
        self.checkpoint, self.yardstick = checkpoint, yardstick
        self.judge = load_judge(folder)
        self.precision = fastest_precision(best_device()) if precision == "auto" else precision
        self._rows = [named[name] for name in wanted]
        self.train = load_dataset(checkpoint.config.dataset)
        self.test = load_dataset(checkpoint.config.dataset, split="test")

    def rows(self, num: int, num_slow: int) -> Iterator[ReferenceRow | SamplerRow]:
        """The rows, as they are measured; see `evaluation.evaluate`."""
        return evaluate(
            self.checkpoint,
            self.judge,
            self.train,
            self.test,
            num=num,
            num_slow=num_slow,
            rows=self._rows,
            precision=self.precision,
            num_nearest=self.yardstick.num_nearest,
        )

    def attribute_accuracies(self, num: int) -> list[AttributeAccuracy]:
        """How often attributes are shown; an empty list for a model that has none."""
        if not self.checkpoint.attributes or not isinstance(self.judge, AttributeJudge):
            return []
        return measure_attributes(
            self.checkpoint, self.judge, self.test, num=num, precision=self.precision
        )

    def results(
        self,
        rows: Sequence[ReferenceRow | SamplerRow],
        attributes: Sequence[AttributeAccuracy] = (),
    ) -> Results:
        """The measurements, with the weights, the judge and the conditions that they hold for."""
        return Results(
            self.checkpoint.weights_hash,
            self.facts,
            Conditions.here(self.precision),
            tuple(row for row in rows if isinstance(row, ReferenceRow)),
            tuple(row for row in rows if isinstance(row, SamplerRow)),
            tuple(attributes),
        )


def _facts(folder: Path) -> JudgeFacts:
    """The facts in the folder of a judge; ValueError where there are none."""
    try:
        return JudgeFacts.of(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder} lacks a config.json with the judge's test_accuracy.") from error
