"""The model card: what a checkpoint is, how it was made, and the measured table."""

from __future__ import annotations

import itertools
import math
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .avatars import CREDIT
from .checkpoint import CARD, TABLE_BEGIN, TABLE_END, Checkpoint
from .evaluation import GUIDED_ROWS, Row, table
from .evaluation import describe as in_words
from .obedience import Obedience, obedience_table
from .samplers import SAMPLERS
from .state import write_text

HEADINGS = {  # how each column's heading begins, in small letters
    "name": "sampler",
    "evaluations": "evaluations",
    "frechet": "frechet",
    "accuracy": "class accuracy",
    "nearest": "nearest",
    "ms_per_image": "ms",
    "samples": "images",
}
ELSEWHERE = "some rows are kept from an earlier measurement, in other circumstances;"
TRAINED = re.compile(r"^## Training\n\n    .*\n\n\S+ steps\. .*\n", re.MULTILINE)
SETTINGS = re.compile(r"(\w+) (\d+)(?:, eta (\S+))?(?:, guidance (\S+))?")


@dataclass(frozen=True)
class CardRow:
    """One line of a card's measured table, read back; see `evaluation.Row` for what each means.

    Attributes:
        name: Sampler and settings in words, or what the scale was taken of: "training images".
        sampler: One of `SAMPLERS`; None in a row of the scale.
        num_steps: Of the walk; 0 in a row of the scale.
        evaluations: Of the network, an image; guided ones count as one. 0 in a row of the scale.
        eta, guidance_scale: 0 and 1 where the table names none.
        frechet, accuracy, nearest, ms_per_image: As rounded in the table; None is an empty cell.
        samples: How many images were measured.
    """

    name: str
    sampler: str | None
    num_steps: int
    evaluations: int
    eta: float
    guidance_scale: float
    frechet: float
    accuracy: float | None
    nearest: float | None
    ms_per_image: float | None
    samples: int

    @property
    def plain(self) -> bool:
        """Whether a sampler was run with neither eta nor guidance."""
        return self.sampler is not None and self.eta == 0 and self.guidance_scale == 1


def read_table(card: str) -> list[CardRow]:
    """The rows that `write_card` put between the marks, in the card's order.

    What cannot be read is left out: a single row, or all of them where a mark or a column is
    missing. Never raises.

    Args:
        card: The card's text.
    """
    body, end, _ = card.partition(TABLE_BEGIN)[2].partition(TABLE_END)
    lines = [_cells(line) for line in body.splitlines() if line.startswith("|")]
    if not end or not lines:
        return []
    heads = [head.lower() for head in lines[0]]
    places = {k: [i for i, h in enumerate(heads) if h.startswith(v)] for k, v in HEADINGS.items()}
    if not all(places.values()):
        return []
    rows = []
    for cells in lines[1:]:
        if len(cells) == len(heads):
            try:
                rows.append(_row({k: cells[i[0]] for k, i in places.items()}))
            except ValueError:  # the line under the headings, and what no writer of ours wrote
                continue
    return rows


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _number(text: str) -> float:
    value = float(text.replace(",", ""))
    if not math.isfinite(value):
        raise ValueError(f"{text} is no measurement.")
    return value


def _row(cells: dict[str, str]) -> CardRow:
    """A row from its cells; ValueError if it is none."""
    found = SETTINGS.fullmatch(cells["name"])
    sampler, steps, eta, guidance = found.groups() if found else (None, "0", None, None)
    count = int(cells["evaluations"] or 0)
    known = sampler in SAMPLERS and count >= int(steps) > 0
    if not cells["name"] or not known and (found or count):
        raise ValueError(f"{cells['name']!r} is neither a sampler's row nor one of the scale.")
    rest = {k: _number(cells[k]) if cells[k] else None for k in list(HEADINGS)[3:6]}
    return CardRow(
        cells["name"], sampler, int(steps), count, _number(eta or "0"), _number(guidance or "1"),
        _number(cells["frechet"]), **rest, samples=int(_number(cells["samples"])),
    )  # fmt: skip


def write_card(
    folder: Path, checkpoint: Checkpoint, rows: list[Row], judge: dict[str, Any], precision: str,
    obedience: Sequence[Obedience] = (),
) -> None:  # fmt: skip
    """Put the measured table into the folder's card, and leave the rest of it as it is.

    Rows that stand there already and were not measured anew stay, if they are of the same weights,
    in the same precision and by the same judge.

    Args:
        folder: Of the checkpoint.
        checkpoint: What was measured.
        rows: What was measured of it.
        judge: The judge's own facts: data set and test accuracy.
        precision: That the samples were drawn in.
        obedience: How often attributes are shown, for a second table.
    """
    card = folder / CARD
    text = card.read_text(encoding="utf-8") if card.exists() else ""
    text = full_card(text, checkpoint)
    if TABLE_BEGIN not in text or TABLE_END not in text:
        text = f"{text.rstrip()}\n\n## Measured\n\n{TABLE_BEGIN}\n{TABLE_END}\n"
    head, _, rest = text.partition(TABLE_BEGIN)
    before, _, tail = rest.partition(TABLE_END)
    judged = (
        f"Judge: a small classifier, {judge['test_accuracy']:.1%} on the test set; the Frechet "
        "distance is taken in its 128 features against all test images."
    )
    if obedience:
        judged = (
            "Judge: a small network with a head for every attribute; the Frechet distance is taken "
            f"in its {judge['features']} features against all held-out pictures."
        )
    here = (
        f"with torch {torch.__version__.split('+')[0]} and {torch.get_num_threads()} threads, in "
        f"{precision}, on {platform.machine()}"
    )
    weights = f"weights {checkpoint.weights_hash[:12]}."
    new = measured = table(rows)
    if all(words in before for words in (judged, f", in {precision}, on ", weights)):
        measured = _with_kept(new, before)
    older = (
        f" {ELSEWHERE}" if measured != new and (here not in before or ELSEWHERE in before) else ""
    )
    parts = [measured, *([obedience_table(obedience)] if obedience else [])]
    parts.append(f"{judged} It is no Inception FID. Measured {here};{older} {weights}")
    body = "\n\n".join(parts)
    write_text(card, f"{head}{TABLE_BEGIN}\n{body}\n{TABLE_END}{tail}")


def _with_kept(new: str, before: str) -> str:
    """The new table with those rows of the one before that it lacks, in the order of the rows."""
    heads, rule, *rows = new.splitlines()
    old = list(itertools.takewhile(lambda line: line.startswith("|"), before.strip().splitlines()))
    if old[:2] != [heads, rule]:
        return new
    whole = [line for line in old[2:] if len(_cells(line)) == len(_cells(heads))]
    lines = {_cells(line)[0]: line for line in [*whole, *rows]}
    order = [in_words(*row) for row in GUIDED_ROWS]

    def place(name: str) -> int:
        if name in order:
            return order.index(name)
        return len(order) if _cells(lines[name])[1] else -1  # the scale comes first

    return "\n".join([heads, rule, *(lines[name] for name in sorted(lines, key=place))])


def full_card(text: str, checkpoint: Checkpoint) -> str:
    """A card as it is, or one that describes where there are but the few words of a training.

    What it says of the training, if it is in `describe`'s own words, is said anew: the training may
    have gone on since, or been given another command.
    """
    if len(text.splitlines()) < 5:
        return describe(checkpoint)
    return TRAINED.sub(lambda _: training_of(checkpoint), text)


def training_of(checkpoint: Checkpoint) -> str:
    """The card's words on the training."""
    training = checkpoint.config.training
    listed = ", ".join(f"{k} {v}" for k, v in training.get("settings", {}).items())
    return (
        f"## Training\n\n    {training.get('command', '')}\n\n"
        f"{training.get('steps', '?')} steps. {listed}.\n"
    )


def describe(checkpoint: Checkpoint) -> str:
    """A card without measurements: front matter, use, training."""
    config, parameters = checkpoint.config, sum(p.numel() for p in checkpoint.unet.parameters())
    C, H, W = checkpoint.image_shape
    asked, shown = "", ""
    if config.attribute_names:
        (name, values), *_ = config.attribute_names
        asked = f"--label {config.class_names[0]} --attribute {name}={values[0]} "
        lines = [f"- {name}: {', '.join(values)}" for name, values in config.attribute_names]
        shown = "\nIt can be asked for a class (" + ", ".join(config.class_names) + ") and for:\n\n"
        shown += "\n".join(lines) + "\n"
    if config.dataset.startswith("avatars"):
        shown += f"\n{CREDIT}\n"
    return f"""---
license: mit
library_name: pytorch
pipeline_tag: unconditional-image-generation
tags: [diffusion, ddpm, unconditional-image-generation]
---
# {Path(checkpoint.name).name}

A DDPM on {config.dataset}: {parameters / 1e6:.2f} M parameters, images {H} × {W} × {C}, \
{config.schedule["name"]} schedule with T = {len(checkpoint.schedule)}, the network predicts \
{config.prediction_type}.

    python -m diffusion_core sample --model FOLDER --num 16 --sampler ddim --steps 25 \
{asked}--out out.png
{shown}
## Measured

{TABLE_BEGIN}
{TABLE_END}

{training_of(checkpoint)}"""
