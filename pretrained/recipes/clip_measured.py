"""Measure a CLIP, and keep the results and a card beside it.

    python -m pretrained.recipes.clip_measured reading runs/clip
    python -m pretrained.recipes.clip_measured guidance runs/clip --model runs/glide

`reading` says how well it reads held-out avatars, by level of noise. `guidance` draws captions of
held-out avatars by a model that is asked in words, with classifier-free guidance and with the
CLIP's at several scales, and lets the judge of the avatars say what is seen. Interrupted, it goes
on with the next row. Both need the data set "avatars".
"""

from __future__ import annotations

import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Annotated

import torch
import typer

from diffusion_core.checkpoint import CheckpointConfig, load_checkpoint
from diffusion_core.clip import clip_accuracy, load_clip, read_clip
from diffusion_core.device import best_device
from diffusion_core.evaluation import (
    AttributeJudge,
    ClipCurve,
    clip_results,
    load_judge,
    measure_clip_guidance,
    save_clip_results,
)
from diffusion_core.glide import describe, load_glide, told_condition
from diffusion_core.publishing import write_clip_card
from diffusion_core.seeding import seeded
from pretrained.recipes.clip import captioned
from pretrained.recipes.glide import SHIPPED

JUDGE = Path(__file__).parents[1] / "judge-avatars"

Folder = Annotated[Path, typer.Argument(help="Folder of the CLIP; gets the results.")]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)


@app.command()
def reading(
    folder: Folder,
    num: Annotated[int, typer.Option(help="Held-out pictures of each level of noise.")] = 3000,
) -> None:
    """Retrieval among 100 captions, and each attribute zero-shot, by log-SNR."""
    clip, settings = read_clip(folder)
    rows = clip_accuracy(clip.to(best_device()), captioned("avatars", "test"), num=num)
    for row in rows:
        named = ", ".join(f"{n.fact} {n.accuracy:.2f} ({n.chance:.2f})" for n in row.named)
        level = "clean" if row.log_snr is None else f"log-SNR {row.log_snr:g}"
        print(f"{level}: retrieval {row.retrieval:.3f}; {named}", flush=True)
    results = dataclasses.replace(clip_results(folder), accuracy=rows)
    save_clip_results(folder, results)
    write_clip_card(folder, clip, settings, results)


@app.command()
def guidance(
    folder: Folder,
    model: Annotated[Path, typer.Option(help="A model that is asked in words.")],
    menus: Annotated[str, typer.Option(help="The model whose attributes are judged.")] = str(
        SHIPPED
    ),
    judge: Annotated[Path, typer.Option(help="Folder of the judge.")] = JUDGE,
    num: Annotated[int, typer.Option(help="Pictures of each row.")] = 100,
    sampler: Annotated[str, typer.Option(help="Of the walks.")] = "dpmpp_2m",
    steps: Annotated[int, typer.Option(help="Steps of a walk.")] = 10,
    spacing: Annotated[str, typer.Option(help="Of the steps.")] = "karras",
    seed: Annotated[int, typer.Option(help="Seed of captions and noise.")] = 0,
) -> None:
    """Obedience and Frechet distance by kind and scale of guidance."""
    (clip, settings), results = read_clip(folder), clip_results(folder)
    by = load_clip(folder)
    words = load_glide(model).to(best_device()).guided_by_clip(by)
    reader, known = load_judge(judge), load_checkpoint(menus).config
    assert isinstance(reader, AttributeJudge) and isinstance(known, CheckpointConfig)
    data = captioned("avatars", "test")
    chosen = torch.randperm(len(data.pictures), generator=seeded(seed, "clip captions"))[:num]
    written = [describe(data.records.facts(i), seed, "clip captions", i) for i in chosen.tolist()]
    told = torch.stack(
        [told_condition(c.told, known.class_names, known.attribute_names) for c in written]
    )
    curve = ClipCurve(
        model.name,
        words.weights_hash,
        by.weights_hash,
        sampler,
        steps,
        spacing,
        num,
        seed,
        shlex.join(["python", "-m", "pretrained.recipes.clip_measured", *sys.argv[1:]]),
    )
    if results.curve is not None and curve.goes_on(results.curve):
        curve = dataclasses.replace(curve, rows=results.curve.rows)
    captions = [c.text for c in written]
    for found in measure_clip_guidance(words, reader, data.pictures, captions, told, curve):
        results = dataclasses.replace(results, curve=found)
        save_clip_results(folder, results)
        print(f"{len(found.rows)} rows", flush=True)
    write_clip_card(folder, clip, settings, results)
    assert results.curve is not None
    print(results.curve.table())


if __name__ == "__main__":
    app()
