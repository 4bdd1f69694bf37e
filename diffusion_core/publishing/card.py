"""The model card: what a checkpoint is, how it was made, and the measured table."""

from __future__ import annotations

import dataclasses
import itertools
import platform
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..checkpoint import CARD, CONFIG, TABLE_BEGIN, TABLE_END, Checkpoint
from ..data import CREDIT
from ..evaluation import (
    GUIDED_ROWS,
    AttributeAccuracy,
    Row,
    attribute_table,
    best_value,
    cells_of,
    default_words,
    read_table,
    table,
)
from ..files import write_text

ELSEWHERE = "some rows are kept from an earlier measurement, in other circumstances;"
USAGE = re.compile(r"^    python -m diffusion_core sample --model FOLDER .*$", re.MULTILINE)
FIRST = re.compile(r"^A DDPM on .*, the network predicts \w+\.$", re.MULTILINE)
TRAINED = re.compile(r"^## Training\n\n    .*\n\n\S+ steps\. .*\n", re.MULTILINE)


def write_card(
    folder: Path,
    checkpoint: Checkpoint,
    rows: list[Row],
    judge: dict[str, Any],
    precision: str,
    obedience: Sequence[AttributeAccuracy] = (),
) -> None:
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
    if "features" in judge:
        learnt = ", which learnt other parts of the pictures too" if judge.get("parts") else ""
        judged = (
            f"Judge: a small network with a head for every attribute{learnt}; the Frechet distance "
            f"is taken in its {judge['features']} features against all held-out pictures."
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
    parts = [measured, default_words(read_table(f"{TABLE_BEGIN}\n{measured}\n{TABLE_END}"))]
    parts += [attribute_table(obedience)] if obedience else []
    parts.append(f"{judged} It is no Inception FID. Measured {here};{older} {weights}")
    body = "\n\n".join(filter(None, parts))
    write_text(card, f"{head}{TABLE_BEGIN}\n{body}\n{TABLE_END}{tail}")


def keep_default(folder: Path, checkpoint: Checkpoint) -> Checkpoint:
    """Let a checkpoint begin with what its card's table speaks for; see `card_table.best_value`.

    Args:
        folder: Of the checkpoint; its settings are written anew, what else suits it stays.
        checkpoint: As it was read from there.

    Returns:
        The checkpoint with these settings.
    """
    card = folder / CARD
    best = best_value(read_table(card.read_text(encoding="utf-8"))) if card.exists() else None
    if best is None:
        return checkpoint
    chosen: dict[str, Any] = {
        "sampler": best.sampler,
        "num_steps": best.num_steps,
        "guidance_scale": best.guidance_scale,
        "spacing": best.spacing,
    }
    sampling = checkpoint.config.sampling | chosen
    config = dataclasses.replace(checkpoint.config, sampling=sampling)
    write_text(folder / CONFIG, config.to_json())
    return dataclasses.replace(checkpoint, config=config)


def _with_kept(new: str, before: str) -> str:
    """The new table with those rows of the one before that it lacks, in the order of the rows."""
    heads, rule, *rows = new.splitlines()
    old = list(itertools.takewhile(lambda line: line.startswith("|"), before.strip().splitlines()))
    if old[:2] != [heads, rule]:
        return new
    whole = [line for line in old[2:] if len(cells_of(line)) == len(cells_of(heads))]
    lines = {cells_of(line)[0]: line for line in [*whole, *rows]}
    order = [row.words for row in GUIDED_ROWS]

    def place(name: str) -> int:
        if name in order:
            return order.index(name)
        return len(order) if cells_of(lines[name])[1] else -1  # the scale comes first

    return "\n".join([heads, rule, *(lines[name] for name in sorted(lines, key=place))])


def full_card(text: str, checkpoint: Checkpoint) -> str:
    """A card as it is, or one that describes where there are but the few words of a training.

    What it says of network, use and training, if it is in `describe`'s own words, is said anew: the
    training may have gone on since, with more layers, or been given another command, and another
    default been found.
    """
    if len(text.splitlines()) < 5:
        return describe(checkpoint)
    text = FIRST.sub(lambda _: network_of(checkpoint), text, count=1)
    text = USAGE.sub(lambda _: usage_of(checkpoint), text, count=1)
    return TRAINED.sub(lambda _: training_of(checkpoint), text)


def network_of(checkpoint: Checkpoint) -> str:
    """The card's first sentence."""
    config, parameters = checkpoint.config, sum(p.numel() for p in checkpoint.unet.parameters())
    C, H, W = checkpoint.image_shape
    return (
        f"A DDPM on {config.dataset}: {parameters / 1e6:.2f} M parameters, images {H} × {W} × {C}, "
        f"{config.schedule['name']} schedule with T = {len(checkpoint.schedule)}, the network "
        f"predicts {config.prediction_type}."
    )


def usage_of(checkpoint: Checkpoint) -> str:
    """The card's line that draws samples, with the model's default."""
    config, asked = checkpoint.config, ""
    sampler = config.sampling.get("sampler", "ddim")
    steps = config.sampling.get("num_steps", 25)
    scale = config.sampling.get("guidance_scale", 1.0)
    spacing = config.sampling.get("spacing", "trailing")
    spread = f"--spacing {spacing} " if spacing != "trailing" else ""
    if config.attribute_names:
        (name, values), *_ = config.attribute_names
        asked = f"--label {config.class_names[0]} --attribute {name}={values[0]} "
        asked += f"--guidance-scale {scale:g} " if scale != 1 else ""
    return (
        f"    python -m diffusion_core sample --model FOLDER --num 16 --sampler {sampler} "
        f"--steps {steps} {spread}{asked}--out out.png"
    )


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
    config, shown = checkpoint.config, ""
    if config.attribute_names:
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

{network_of(checkpoint)}

{usage_of(checkpoint)}
{shown}
## Measured

{TABLE_BEGIN}
{TABLE_END}

{training_of(checkpoint)}"""
