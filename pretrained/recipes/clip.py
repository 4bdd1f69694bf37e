"""The recorded command that trains the CLIP of the avatars.

    python -m pretrained.recipes.clip

It goes on from its last save when it is started again, and needs the data set "avatars" as
avatars_data.sh makes it today: an older file has fewer records, and its captions tell less. The
folder holds at every save a CLIP as `clip.load_clip` reads it. `--picture-widths`, `--text-layers`
and `--batch-size` make a larger one on a GPU.
"""

from __future__ import annotations

import dataclasses
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from diffusion_core.clip import (
    Clip,
    ClipConfig,
    ClipSettings,
    ClipTraining,
    fresh_clip,
    learn_clip,
    read_clip,
    save_clip,
)
from diffusion_core.data import AvatarFile, find_avatars, load_dataset
from diffusion_core.device import best_device
from diffusion_core.glide import (
    MAX_TOKENS,
    VOCABULARY,
    AvatarRecords,
    CaptionedPictures,
    TextEncoderConfig,
    Tokenizer,
)

EMBEDDED = "avatars-3000"
SEED = 0


def captioned(dataset: str, split: str = "train") -> CaptionedPictures:
    """Avatars of a data set with what is recorded of them."""
    if dataset == EMBEDDED:
        file = AvatarFile.embedded()
    else:
        file = AvatarFile.read(find_avatars(), split)
    pictures = load_dataset(dataset, split=split)
    return CaptionedPictures(pictures, AvatarRecords(file), Tokenizer(VOCABULARY), SEED)


def main(
    out: Annotated[Path, typer.Option(help="Folder of the CLIP and the training's state.")] = Path(
        "runs/clip"
    ),
    steps: Annotated[int, typer.Option(help="Optimiser steps in all.")] = 2000,
    decay: Annotated[int, typer.Option(help="Last steps, in which the rate falls to 0.")] = 700,
    batch_size: Annotated[int, typer.Option(help="Pictures, with a caption each, a step.")] = 128,
    features: Annotated[int, typer.Option(help="Features of an embedding.")] = 128,
    picture_widths: Annotated[str, typer.Option(help="Channels of each level.")] = "64,96,128",
    text_width: Annotated[int, typer.Option(help="Features of a token.")] = 96,
    text_layers: Annotated[int, typer.Option(help="Layers of the text encoder.")] = 3,
    dataset: Annotated[
        str, typer.Option(help=f"avatars, or {EMBEDDED}, of which less is recorded.")
    ] = "avatars",
    save_every: Annotated[int, typer.Option(help="Steps between saves.")] = 100,
    naming: Annotated[
        float, typer.Option(help="Weight of naming single facts beside the contrast.")
    ] = 2.0,
    init: Annotated[
        Path | None, typer.Option(help="A CLIP of the same shape to begin with; else at random.")
    ] = None,
    say_every: Annotated[int, typer.Option(help="Steps between two lines.")] = 50,
) -> None:
    """Train the CLIP on avatars with captions."""
    data = captioned(dataset)
    text = TextEncoderConfig(len(VOCABULARY), MAX_TOKENS, text_width, text_layers, vector=features)
    widths = tuple(int(width) for width in picture_widths.split(","))
    config = ClipConfig(text, data.pictures.shape, widths=widths)
    training = ClipTraining(
        steps, batch_size, decay, seed=SEED, save_every=save_every, naming=naming
    )
    clip, before = fresh_clip(config, SEED), {}
    if init is not None:
        begun, known = read_clip(init)
        if begun.config != config:
            raise ValueError(f"The CLIP in {init} is of another shape; give its widths and layers.")
        clip.load_state_dict(begun.state_dict())
        before = {"init": str(init), "before": known.training}
    print(f"{clip.num_parameters:,} parameters, {len(data.pictures):,} pictures", flush=True)
    losses, began = [], time.perf_counter()
    for step in learn_clip(clip, data, training, folder=out, device=best_device()):
        losses.append(step.loss)
        if step.step % say_every == 0 or step.step == steps:
            print(
                f"step {step.step:,} of {steps:,}: loss {sum(losses) / len(losses):.4f}, single "
                f"facts {step.naming:.3f}, clean pictures' captions found {step.clean_top1:.2f}, "
                f"{(time.perf_counter() - began) / len(losses):.2f} s a step, "
                f"{step.seconds:.0f} s of processor time",
                flush=True,
            )
            losses, began = [], time.perf_counter()
        if step.step % save_every == 0 or step.step == steps:
            facts = {"steps": step.step, "cpu_seconds": round(step.seconds), **before}
            _keep(out, clip, training, dataset, facts)


def _keep(
    out: Path, clip: Clip, training: ClipTraining, dataset: str, more: dict[str, object]
) -> None:
    """Write the CLIP as it is now beside the state of its training."""
    facts = {
        "settings": dataclasses.asdict(training),
        **more,
        "command": shlex.join(["python", "-m", "pretrained.recipes.clip", *sys.argv[1:]]),
    }
    save_clip(out, clip, ClipSettings(clip.config, VOCABULARY, f"{dataset} with captions", facts))


if __name__ == "__main__":
    typer.run(main)
