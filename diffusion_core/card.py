"""The model card: what a checkpoint is, how it was made, and the measured table."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import torch

from .checkpoint import CARD, TABLE_BEGIN, TABLE_END, Checkpoint, write_text
from .evaluation import Row, table


def write_card(
    folder: Path, checkpoint: Checkpoint, rows: list[Row], judge: dict[str, Any], precision: str
) -> None:
    """Put the measured table into the folder's card, and leave the rest of it as it is.

    Args:
        folder: Of the checkpoint.
        checkpoint: What was measured.
        rows: What was measured of it.
        judge: The judge's own facts: data set and test accuracy.
        precision: That the samples were drawn in.
    """
    card = folder / CARD
    text = card.read_text(encoding="utf-8") if card.exists() else ""
    if len(text.splitlines()) < 5:  # the short one that a training writes
        text = describe(checkpoint)
    if TABLE_BEGIN not in text or TABLE_END not in text:
        text = f"{text.rstrip()}\n\n## Measured\n\n{TABLE_BEGIN}\n{TABLE_END}\n"
    head, _, rest = text.partition(TABLE_BEGIN)
    tail = rest.partition(TABLE_END)[2]
    note = (
        f"Judge: a small classifier, {judge['test_accuracy']:.1%} on the test set; the Frechet "
        "distance is taken in its 128 features against all test images. It is no Inception FID. "
        f"Measured with torch {torch.__version__.split('+')[0]} and {torch.get_num_threads()} "
        f"threads, in {precision}, on {platform.machine()}; weights {checkpoint.weights_hash[:12]}."
    )
    write_text(card, f"{head}{TABLE_BEGIN}\n{table(rows)}\n\n{note}\n{TABLE_END}{tail}")


def describe(checkpoint: Checkpoint) -> str:
    """A card without measurements: front matter, use, training."""
    config, parameters = checkpoint.config, sum(p.numel() for p in checkpoint.unet.parameters())
    C, H, W = checkpoint.image_shape
    settings = config.training.get("settings", {})
    listed = ", ".join(f"{k} {v}" for k, v in settings.items())
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

    python -m diffusion_core sample --model FOLDER --num 16 --sampler ddim --steps 25 --out out.png

## Measured

{TABLE_BEGIN}
{TABLE_END}

## Training

    {config.training.get("command", "")}

{config.training.get("steps", "?")} steps. {listed}.
"""
