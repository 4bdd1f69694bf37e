"""The recorded commands that train the avatars that are asked in words.

    python -m pretrained.recipes.glide text         captions to the vectors of the menus
    python -m pretrained.recipes.glide pictures     the whole network, on avatars with captions
    python -m pretrained.recipes.glide pictures --only-words    its UNet stays: an hour of a CPU
    python -m pretrained.recipes.glide inpainting   a network that fills holes of them by words

Each goes on from its last save when it is started again. `inpainting` begins with what `text` or
`pictures` left, whose text encoder stays. `text` needs the avatars' model and no
picture, and leaves in its folder a model that can be asked in words for all that the menus have.
`pictures` begins with that, and learns what they have not, from the data set "avatars" as
avatars_data.sh makes it today: an older file has fewer records.
"""

from __future__ import annotations

import dataclasses
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from diffusion_core.checkpoint import Checkpoint, CheckpointConfig, load_checkpoint
from diffusion_core.data import AvatarFile, find_avatars, load_dataset
from diffusion_core.device import best_device
from diffusion_core.glide import (
    VOCABULARY,
    AvatarRecords,
    CaptionedPictures,
    GlideConfig,
    GlideNetwork,
    Inpainter,
    InpainterConfig,
    InpainterModel,
    MenuTargets,
    Tokenizer,
    begun_from,
    glide_shape,
    glide_training,
    inpainter_from,
    is_glide,
    learn_glide,
    learn_inpainter,
    learn_text,
    load_glide,
    load_inpainter,
    save_glide,
    save_inpainter,
    text_training,
)
from diffusion_core.training import NetworkT, TrainConfig, TrainStep
from pretrained.recipes.avatars_choices import PARTS, STYLES, Choice, choose

SHIPPED = Path(__file__).parents[1] / "avatars"
WORDS = SHIPPED.with_name("glide-avatars")
EMBEDDED = "avatars-3000"
SEED = 0

Folder = Annotated[Path, typer.Option(help="Folder of the model and of the training's state.")]
Steps = Annotated[int, typer.Option(help="Optimiser steps in all.")]
SayEvery = Annotated[int, typer.Option(help="Steps between two lines.")]
SaveEvery = Annotated[int, typer.Option(help="Steps between saves.")]
BatchSize = Annotated[int, typer.Option(help="Pictures in a step.")]
LearningRate = Annotated[float, typer.Option(help="The highest learning rate.")]
Dataset = Annotated[str, typer.Option(help=f"avatars, or {EMBEDDED}, of which less is recorded.")]

Begun = Checkpoint | InpainterModel  # what a training goes on from

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)


def facts_of(choice: Choice) -> dict[str, str]:
    """What is recorded of an avatar: class, attributes and parts by their names."""
    parts = zip(PARTS.items(), choice.parts, strict=True)
    told = {name: str(values[i]) for (name, values), i in parts if i >= 0}
    return {"class": choice.style, **choice.attributes, **told}


class ChosenRecords:
    """The facts of avatars that are chosen and not drawn, without end; none is held out."""

    def __len__(self) -> int:
        """More than any training asks for."""
        return 2**40

    def facts(self, index: int) -> dict[str, str]:
        """What is chosen for one; every other is a person, of whom there is most to tell."""
        rng = np.random.default_rng([SEED, index])
        style = STYLES[0] if index % 2 else STYLES[1 + index // 2 % 2]
        while (choice := choose(style, rng)).held_out:
            pass
        return facts_of(choice)


@app.command()
def text(
    out: Folder = Path("runs/glide-text"),
    init: Annotated[str, typer.Option(help="The avatars' model to begin with.")] = str(SHIPPED),
    steps: Steps = 16_000,
    batch_size: Annotated[int, typer.Option(help="Captions in a step.")] = 32,
    width: Annotated[int, typer.Option(help="Features of a token.")] = 96,
    layers: Annotated[int, typer.Option(help="Layers of the text encoder.")] = 4,
    save_every: SaveEvery = 100,
    say_every: SayEvery = 50,
) -> None:
    """Train the text encoder to give the vectors of the menus."""
    begun = load_checkpoint(init)
    known = begun.config
    assert isinstance(known, CheckpointConfig)
    shape = glide_shape(begun.unet.config, len(VOCABULARY), width=width, layers=layers)
    network = begun_from(begun.unet, shape, SEED)
    targets = MenuTargets(begun.unet.class_embedding, known.class_names, known.attribute_names)
    config = text_training(steps, batch_size=batch_size, seed=SEED)
    config = dataclasses.replace(config, save_every=save_every)
    tokenizer, records = Tokenizer(VOCABULARY, shape.text.length), ChosenRecords()
    began = time.perf_counter()
    for step in learn_text(
        network.text,
        records,
        tokenizer,
        targets,
        begun.schedule,
        config,
        folder=out,
        device=best_device(),
    ):
        if step.step % say_every == 0 or step.step == steps:
            print(
                f"step {step.step:,} of {steps:,}: {step.unexplained:.4f} of the vectors' variance "
                f"unexplained, {time.perf_counter() - began:.0f} s",
                flush=True,
            )
        if step.step % save_every == 0 or step.step == steps:
            network.text.load_state_dict(step.encoder.state_dict())
            facts = {"settings": dataclasses.asdict(config), "steps": step.step, "init": init}
            _keep(out, network.cpu(), begun, "captions, without pictures", facts)


@app.command()
def pictures(
    out: Folder = Path("runs/glide"),
    init: Annotated[Path, typer.Option(help="What `text` left.")] = Path("runs/glide-text"),
    steps: Steps = 20_000,
    batch_size: BatchSize = 32,
    dataset: Dataset = "avatars",
    only_words: Annotated[
        bool,
        typer.Option(help="Leave the UNet's own weights as they are: for a few steps on a CPU."),
    ] = False,
    learning_rate: LearningRate = 3e-4,
    save_every: SaveEvery = 100,
    say_every: SayEvery = 50,
) -> None:
    """Train the whole network on avatars with captions, or only what reads the words."""
    begun = load_glide(init)
    assert isinstance(begun.config, GlideConfig) and isinstance(begun.network, GlideNetwork)
    data, config = _captioned(dataset, begun.config), glide_training(steps, batch_size=batch_size)
    config = dataclasses.replace(config, save_every=save_every, learning_rate=learning_rate)
    network = begun.network.train().requires_grad_(True)
    network.unet.requires_grad_(not only_words)
    training = learn_glide(network, data, begun.schedule, config, folder=out, device=best_device())
    for step, facts in _told(training, config, say_every, init, begun):
        _keep(out, step.network, begun, f"{dataset} with captions", facts)


@app.command()
def inpainting(
    out: Folder = Path("runs/glide-inpainting"),
    init: Annotated[
        Path, typer.Option(help="A model that is asked in words, or one that fills holes.")
    ] = WORDS,
    steps: Steps = 20_000,
    batch_size: BatchSize = 32,
    dataset: Dataset = "avatars",
    learning_rate: LearningRate = 3e-4,
    save_every: SaveEvery = 100,
    say_every: SayEvery = 50,
) -> None:
    """Train a network that fills holes of avatars by words; its text encoder stays."""
    begun = load_glide(init) if is_glide(init) else load_inpainter(init)
    assert isinstance(begun.config, GlideConfig) and isinstance(begun.network, GlideNetwork)
    own = begun.network if isinstance(begun.network, Inpainter) else inpainter_from(begun.network)
    data, config = _captioned(dataset, begun.config), glide_training(steps, batch_size=batch_size)
    config = dataclasses.replace(config, save_every=save_every, learning_rate=learning_rate)
    network = own.train().requires_grad_(True)
    network.text.requires_grad_(False)
    training = learn_inpainter(
        network, data, begun.schedule, config, folder=out, device=best_device()
    )
    for step, facts in _told(training, config, say_every, init, begun):
        _keep(out, step.network, begun, f"{dataset} with captions and holes", facts)


def _captioned(dataset: str, known: GlideConfig) -> CaptionedPictures:
    """The pictures of a data set with captions of what is recorded of them."""
    file = (
        AvatarFile.embedded() if dataset == EMBEDDED else AvatarFile.read(find_avatars(), "train")
    )
    return CaptionedPictures(load_dataset(dataset), AvatarRecords(file), known.tokenizer, SEED)


def _told(
    training: Iterator[TrainStep[NetworkT]],
    config: TrainConfig,
    say_every: int,
    init: Path,
    begun: Begun,
) -> Iterator[tuple[TrainStep[NetworkT], dict[str, object]]]:
    """Print how a training does, and yield the steps that are to be kept, with its facts."""
    losses, began = list[float](), time.perf_counter()
    for step in training:
        losses.append(step.loss)
        if step.step % say_every == 0 or step.step == config.num_steps:
            mean, seconds = sum(losses) / len(losses), time.perf_counter() - began
            print(
                f"step {step.step:,} of {config.num_steps:,}: loss {mean:.4f}, "
                f"{seconds / len(losses):.2f} s a step",
                flush=True,
            )
            losses, began = [], time.perf_counter()
        if step.step % config.save_every == 0 or step.step == config.num_steps:
            yield (
                step,
                {
                    "settings": dataclasses.asdict(config),
                    "steps": step.step,
                    "init": str(init),
                    "before": begun.config.training,
                },
            )


def _keep(
    out: Path,
    network: GlideNetwork,
    begun: Begun,
    dataset: str,
    facts: dict[str, object],
) -> None:
    """Write the model as it is now beside the state of its training."""
    known = begun.config
    command = shlex.join(["python", "-m", "pretrained.recipes.glide", *sys.argv[1:]])
    fills = isinstance(network, Inpainter)
    config = (InpainterConfig if fills else GlideConfig)(
        network.config,
        known.schedule,
        VOCABULARY if isinstance(known, CheckpointConfig) else known.tokenizer.vocabulary,
        known.prediction_type,
        dataset,
        {**facts, "command": command},
        {k: v for k, v in known.sampling.items() if k != "label"},
        known.clip_x0,
    )
    if isinstance(network, Inpainter) and isinstance(config, InpainterConfig):
        save_inpainter(out, network, config)
    else:
        save_glide(out, network, config)


if __name__ == "__main__":
    app()
