"""The recorded commands that train Imagen's cascade on the avatars.

    python -m pretrained.recipes.imagen words --clip runs/clip
    python -m pretrained.recipes.imagen base --clip runs/clip
    python -m pretrained.recipes.imagen enlarge --clip runs/clip

Each goes on from its last save when it is started again, and needs a CLIP (`python -m
pretrained.recipes.clip`), whose text encoder reads the captions and stays as it is. `words` needs
the avatars' model and no picture: the projection of captions learns to give the vectors of the
menus. `base` begins with that and with the avatars' UNet, on pictures of 32 × 32; it and `words`
need the data set "avatars" as avatars_data.sh makes it today. `enlarge` goes from 32 × 32 to
128 × 128 and needs the same avatars drawn at that side (avatars_data.sh --size 128). On a GPU
--batch-size is what to raise.

A cascade is a folder that holds both as `base` and `enlarger`.
"""

from __future__ import annotations

import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from diffusion_core.checkpoint import (
    Checkpoint,
    CheckpointConfig,
    GuidingClip,
    load_checkpoint,
)
from diffusion_core.clip import Clip, load_clip
from diffusion_core.data import AvatarFile, ImageDataset, find_avatars
from diffusion_core.device import best_device
from diffusion_core.glide import (
    VOCABULARY,
    AvatarRecords,
    CaptionedPictures,
    MenuTargets,
    Tokenizer,
)
from diffusion_core.imagen import (
    BaseNetwork,
    BaseSettings,
    Enlarger,
    EnlargerSettings,
    base_from,
    enlarger_from,
    imagen_training,
    learn_base,
    learn_enlarger,
    learn_words,
    load_base,
    save_base,
    save_enlarger,
    words_training,
)
from pretrained.recipes.clip import EMBEDDED, captioned
from pretrained.recipes.glide import SHIPPED
from pretrained.recipes.unclip import Told

SMALL, LARGE = 32, 128
SEED = 0
WORDS, BASE, ENLARGER = (
    Path("runs") / name for name in ("imagen-words", "imagen/base", "imagen/enlarger")
)

ClipFolder = Annotated[Path, typer.Option("--clip", help="Folder of the CLIP.")]
Folder = Annotated[Path, typer.Option(help="Folder of the model and of the training's state.")]
Avatars = Annotated[str, typer.Option(help="The avatars' model to begin with.")]
Words = Annotated[Path, typer.Option(help="What `words` left, for its captions.")]
Steps = Annotated[int, typer.Option(help="Optimiser steps in all.")]
Batch = Annotated[int, typer.Option(help="Captions, or pictures, in a step.")]
Rate = Annotated[float, typer.Option(help="Highest learning rate.")]
Data = Annotated[str, typer.Option(help=f"avatars, or {EMBEDDED}, of which less is recorded.")]
SaveEvery = Annotated[int, typer.Option(help="Steps between saves.")]
SayEvery = Annotated[int, typer.Option(help="Steps between two lines.")]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)


def averaged(data: CaptionedPictures, side: int) -> CaptionedPictures:
    """The same with pictures of a smaller side, each pixel the mean of those in its place."""
    pictures = data.pictures
    N, H, W, C = pictures.pictures.shape
    small = np.empty((N, side, side, C), np.uint8)
    for first in range(0, N, 1000):  # in bounded memory
        part = pictures.pictures[first : first + 1000].reshape(
            -1, side, H // side, side, W // side, C
        )
        small[first : first + 1000] = part.mean(axis=(2, 4), dtype=np.float32).round()
    fewer = dataclasses.replace(pictures, pictures=small)
    return CaptionedPictures(fewer, data.records, data.tokenizer, data.seed)


def captioned_large(split: str = "train", side: int = LARGE) -> CaptionedPictures:
    """Avatars of a side that only the recipe draws, with what is recorded of them."""
    file = AvatarFile.read(find_avatars(side), split)
    labels, attributes = (torch.from_numpy(x).long() for x in (file.labels, file.attributes))
    pictures = ImageDataset(
        f"avatars-{side}",
        file.pictures,
        labels,
        file.class_names,
        (),
        attributes,
        file.attribute_names,
    )
    return CaptionedPictures(pictures, AvatarRecords(file), Tokenizer(VOCABULARY), SEED)


def opened(clip: Path, init: str) -> tuple[GuidingClip, Clip, Checkpoint, CheckpointConfig]:
    """The CLIP, its network, the avatars' model and its settings."""
    by, begun = load_clip(clip), load_checkpoint(init)
    assert isinstance(by.network, Clip) and isinstance(begun.config, CheckpointConfig)
    return by, by.network, begun, begun.config


def known_of(
    by: GuidingClip, avatars: CheckpointConfig, dataset: str, facts: dict[str, Any]
) -> dict[str, Any]:
    """What the settings of both models have in common."""
    return {
        "schedule": avatars.schedule,
        "clip": by.weights_hash,
        "prediction_type": avatars.prediction_type,
        "dataset": dataset,
        "training": facts,
        "sampling": {"sampler": "dpmpp_2m", "num_steps": 10, "spacing": "karras"},
        "clip_x0": 1.0,
        "vocabulary": VOCABULARY,
    }


def facts_of(training: Any, step: int, **others: Any) -> dict[str, Any]:
    """How it was trained, as a model's settings tell it."""
    command = shlex.join(["python", "-m", "pretrained.recipes.imagen", *sys.argv[1:]])
    return {"settings": dataclasses.asdict(training), "steps": step, **others, "command": command}


def take_words(network: BaseNetwork | Enlarger, words: Path, by: GuidingClip) -> None:
    """Let a network's captions begin as those of the base model in a folder."""
    before = load_base(words, by).network
    assert isinstance(before, BaseNetwork)
    network.caption.load_state_dict(before.caption.state_dict())


@app.command()
def words(
    clip: ClipFolder,
    out: Folder = WORDS,
    init: Avatars = str(SHIPPED),
    steps: Steps = 6000,
    batch_size: Batch = 64,
    dataset: Data = "avatars",
    save_every: SaveEvery = 500,
    say_every: SayEvery = 250,
) -> None:
    """Train the projection of captions to give the vectors of the menus."""
    by, reader, begun, known = opened(clip, init)
    network = base_from(begun.unet, reader, SMALL, SEED)
    targets = MenuTargets(begun.unet.class_embedding, known.class_names, known.attribute_names)
    training = words_training(steps, batch=batch_size, seed=SEED)
    training = dataclasses.replace(training, save_every=save_every)
    say = Told(steps, say_every, "{:.4f} of the vectors' variance unexplained")
    learn = learn_words(
        network.caption, captioned(dataset), targets, training, folder=out, device=best_device()
    )
    for step in learn:
        say(step.step, step.unexplained)
        if step.step % save_every == 0 or step.step == steps:
            facts = facts_of(training, step.step, init=init)
            settings = known_of(by, known, f"{dataset}, captions alone", facts)
            save_base(out, network, BaseSettings(network=network.config, **settings))


@app.command()
def base(
    clip: ClipFolder,
    out: Folder = BASE,
    words: Words = WORDS,
    init: Avatars = str(SHIPPED),
    steps: Steps = 6000,
    batch_size: Batch = 32,
    learning_rate: Rate = 5e-4,
    dataset: Data = "avatars",
    save_every: SaveEvery = 50,
    say_every: SayEvery = 25,
) -> None:
    """Train the base model: from a caption to a picture of 32 × 32."""
    by, reader, begun, known = opened(clip, init)
    network = base_from(begun.unet, reader, SMALL, SEED)
    take_words(network, words, by)
    config = imagen_training(steps, batch_size=batch_size, seed=SEED)
    config = dataclasses.replace(
        config,
        learning_rate=learning_rate,
        save_every=save_every,
        prediction_type=known.prediction_type,
    )
    say = Told(steps, say_every)
    data = averaged(captioned(dataset), SMALL)
    for step in learn_base(network, data, begun.schedule, config, folder=out, device=best_device()):
        say(step.step, step.loss)
        if step.step % save_every == 0 or step.step == steps:
            facts = facts_of(config, step.step, init=init, words=str(words))
            settings = known_of(by, known, f"{dataset} at {SMALL} with captions", facts)
            settings["sampling"] |= {"guidance_scale": 2.0}
            save_base(out, step.network, BaseSettings(network=network.config, **settings))


@app.command()
def enlarge(
    clip: ClipFolder,
    out: Folder = ENLARGER,
    words: Words = WORDS,
    init: Avatars = str(SHIPPED),
    steps: Steps = 12_000,
    batch_size: Batch = 8,
    learning_rate: Rate = 1e-3,
    save_every: SaveEvery = 50,
    say_every: SayEvery = 25,
) -> None:
    """Train the model of super-resolution: from 32 × 32 to 128 × 128."""
    by, reader, begun, known = opened(clip, init)
    network = enlarger_from(begun.unet, reader, LARGE, SEED)
    take_words(network, words, by)
    config = imagen_training(steps, batch_size=batch_size, seed=SEED)
    config = dataclasses.replace(
        config,
        learning_rate=learning_rate,
        warmup_steps=50,  # most of what learns is new
        save_every=save_every,
        prediction_type=known.prediction_type,
    )
    say = Told(steps, say_every)
    data = captioned_large()
    for step in learn_enlarger(
        network, data, begun.schedule, config, folder=out, device=best_device()
    ):
        say(step.step, step.loss)
        if step.step % save_every == 0 or step.step == steps:
            facts = facts_of(config, step.step, init=init, words=str(words))
            settings = known_of(by, known, f"avatars at {LARGE} with captions", facts)
            save_enlarger(out, step.network, EnlargerSettings(network=network.config, **settings))


if __name__ == "__main__":
    app()
