"""The recorded commands that train the avatars that are asked in words, in two stages.

    python -m pretrained.recipes.glide text         captions to the vectors of the menus
    python -m pretrained.recipes.glide pictures     the whole network, on avatars with captions
    python -m pretrained.recipes.glide pictures --only-words    its UNet stays: an hour of a CPU

Each goes on from its last save when it is started again. `text` needs the avatars' model and no
picture, and leaves in its folder a model that can be asked in words for all that the menus have.
`pictures` begins with that, and learns what they have not, from the data set "avatars" as
avatars_data.sh makes it today: an older file has fewer records.
"""

from __future__ import annotations

import dataclasses
import shlex
import sys
import time
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
    MenuTargets,
    Tokenizer,
    begun_from,
    glide_shape,
    glide_training,
    learn_glide,
    learn_text,
    load_glide,
    save_glide,
    text_training,
)
from pretrained.recipes.avatars_choices import PARTS, STYLES, Choice, choose

SHIPPED = Path(__file__).parents[1] / "avatars"
EMBEDDED = "avatars-3000"
SEED = 0

Folder = Annotated[Path, typer.Option(help="Folder of the model and of the training's state.")]
Steps = Annotated[int, typer.Option(help="Optimiser steps in all.")]
SayEvery = Annotated[int, typer.Option(help="Steps between two lines.")]

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
    save_every: Annotated[int, typer.Option(help="Steps between saves.")] = 100,
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
    batch_size: Annotated[int, typer.Option(help="Pictures in a step.")] = 32,
    dataset: Annotated[
        str, typer.Option(help=f"avatars, or {EMBEDDED}, of which less is recorded.")
    ] = "avatars",
    only_words: Annotated[
        bool,
        typer.Option(help="Leave the UNet's own weights as they are: for a few steps on a CPU."),
    ] = False,
    learning_rate: Annotated[float, typer.Option(help="The highest learning rate.")] = 3e-4,
    save_every: Annotated[int, typer.Option(help="Steps between saves.")] = 100,
    say_every: SayEvery = 50,
) -> None:
    """Train the whole network on avatars with captions, or only what reads the words."""
    begun = load_glide(init)
    assert isinstance(begun.config, GlideConfig) and isinstance(begun.network, GlideNetwork)
    file = (
        AvatarFile.embedded() if dataset == EMBEDDED else AvatarFile.read(find_avatars(), "train")
    )
    data = CaptionedPictures(
        load_dataset(dataset), AvatarRecords(file), begun.config.tokenizer, SEED
    )
    config = glide_training(steps, batch_size=batch_size, seed=SEED)
    config = dataclasses.replace(config, save_every=save_every, learning_rate=learning_rate)
    network, losses, began = begun.network.train().requires_grad_(True), [], time.perf_counter()
    network.unet.requires_grad_(not only_words)
    for step in learn_glide(
        network, data, begun.schedule, config, folder=out, device=best_device()
    ):
        losses.append(step.loss)
        if step.step % say_every == 0 or step.step == steps:
            mean, seconds = sum(losses) / len(losses), time.perf_counter() - began
            print(
                f"step {step.step:,} of {steps:,}: loss {mean:.4f}, "
                f"{seconds / len(losses):.2f} s a step",
                flush=True,
            )
            losses, began = [], time.perf_counter()
        if step.step % save_every == 0 or step.step == steps:
            facts = {
                "settings": dataclasses.asdict(config),
                "steps": step.step,
                "init": str(init),
                "before": begun.config.training,
            }
            _keep(out, step.network, begun, f"{dataset} with captions", facts)


def _keep(
    out: Path, network: GlideNetwork, begun: Checkpoint, dataset: str, facts: dict[str, object]
) -> None:
    """Write the model as it is now beside the state of its training."""
    known = begun.config
    command = shlex.join(["python", "-m", "pretrained.recipes.glide", *sys.argv[1:]])
    config = GlideConfig(
        network.config,
        known.schedule,
        VOCABULARY if isinstance(known, CheckpointConfig) else known.tokenizer.vocabulary,
        known.prediction_type,
        dataset,
        {**facts, "command": command},
        {k: v for k, v in known.sampling.items() if k != "label"},
        known.clip_x0,
    )
    save_glide(out, network, config)


if __name__ == "__main__":
    app()
