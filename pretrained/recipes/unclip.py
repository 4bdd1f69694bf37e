"""The recorded commands that train DALL·E 2's prior and decoder on the avatars.

    python -m pretrained.recipes.unclip prior --clip runs/clip
    python -m pretrained.recipes.unclip projection --clip runs/clip
    python -m pretrained.recipes.unclip pictures --clip runs/clip

Each goes on from its last save when it is started again, and needs a CLIP (`python -m
pretrained.recipes.clip`) and the data set "avatars" as avatars_data.sh makes it today. The CLIP
encodes all clean pictures once; what it makes of them is kept beside the training's state.

`prior` learns embeddings from captions. `projection` needs no diffusion: it begins with the
avatars' model, and learns to give for an embedding the vector of the menus. `pictures` begins with
that, and trains the whole decoder, or with --only-projection the projection alone. On a GPU
--batch-size is what to raise.
"""

from __future__ import annotations

import dataclasses
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from diffusion_core.checkpoint import CheckpointConfig, GuidingClip, load_checkpoint
from diffusion_core.clip import Clip, load_clip
from diffusion_core.data import ImageDataset
from diffusion_core.device import best_device
from diffusion_core.glide import VOCABULARY
from diffusion_core.schedule import make_schedule
from diffusion_core.unclip import (
    CaptionedEmbeddings,
    DecoderNetwork,
    DecoderSettings,
    PriorConfig,
    PriorNetwork,
    PriorSettings,
    decoder_from,
    decoder_training,
    encode_all,
    fresh_prior,
    learn_decoder,
    learn_prior,
    learn_projection,
    load_decoder,
    prior_training,
    projection_training,
    save_decoder,
    save_prior,
)
from pretrained.recipes.clip import EMBEDDED, captioned
from pretrained.recipes.glide import SHIPPED

SEED = 0
NOISE = {"name": "cosine", "num_train_timesteps": 1000}
SAMPLING = {"sampler": "ddim", "num_steps": 25, "guidance_scale": 2.0}

ClipFolder = Annotated[Path, typer.Option("--clip", help="Folder of the CLIP.")]
Folder = Annotated[Path, typer.Option(help="Folder of the model and of the training's state.")]
Steps = Annotated[int, typer.Option(help="Optimiser steps in all.")]
Batch = Annotated[int, typer.Option(help="Embeddings, or pictures, in a step.")]
Data = Annotated[str, typer.Option(help=f"avatars, or {EMBEDDED}, of which less is recorded.")]
SaveEvery = Annotated[int, typer.Option(help="Steps between saves.")]
SayEvery = Annotated[int, typer.Option(help="Steps between two lines.")]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)


class Told:
    """Says every so many steps how far a training is.

    Args:
        steps: Steps in all.
        every: Steps between two lines.
        of: What the number is, in a format.
    """

    def __init__(self, steps: int, every: int, of: str = "loss {:.4f}") -> None:
        """Begin to count."""
        self.steps, self.every, self.of = steps, every, of
        self.values: list[float] = []
        self.began = time.perf_counter()

    def __call__(self, step: int, value: float) -> None:
        """Note the number of a step; print the mean when it is time."""
        self.values.append(value)
        if step % self.every and step != self.steps:
            return
        mean, seconds = sum(self.values) / len(self.values), time.perf_counter() - self.began
        print(
            f"step {step:,} of {self.steps:,}: {self.of.format(mean)}, "
            f"{seconds / len(self.values):.3f} s a step",
            flush=True,
        )
        self.values, self.began = [], time.perf_counter()


def embedded(folder: Path, out: Path, pictures: ImageDataset) -> tuple[GuidingClip, Clip, Tensor]:
    """A CLIP and the embeddings that it has of pictures, which are kept beside a training."""
    by = load_clip(folder)
    assert isinstance(by.network, Clip)
    clip = by.network.to(best_device())
    z = encode_all(clip, pictures, out, by.weights_hash)
    print(f"{len(z):,} embeddings of {z.shape[1]} features", flush=True)
    return by, clip, z


def facts_of(training: Any, step: int, **others: Any) -> dict[str, Any]:
    """How it was trained, as a model's settings tell it."""
    command = shlex.join(["python", "-m", "pretrained.recipes.unclip", *sys.argv[1:]])
    return {"settings": dataclasses.asdict(training), "steps": step, **others, "command": command}


@app.command()
def prior(
    clip: ClipFolder,
    out: Folder = Path("runs/unclip-prior"),
    steps: Steps = 12_000,
    batch_size: Batch = 128,
    width: Annotated[int, typer.Option(help="Numbers of a hidden layer.")] = 216,
    blocks: Annotated[int, typer.Option(help="Residual blocks.")] = 4,
    dataset: Data = "avatars",
    save_every: SaveEvery = 100,
    say_every: SayEvery = 100,
) -> None:
    """Train the prior: from a caption to the embedding of a picture."""
    data = captioned(dataset)
    by, reader, z = embedded(clip, out, data.pictures)
    shape = PriorConfig.of(reader, width=width, blocks=blocks)
    config = prior_training(steps, batch_size=batch_size, seed=SEED)
    config = dataclasses.replace(config, save_every=save_every)
    say = Told(steps, say_every, "{:.4f} of the embeddings' squares unexplained")
    for step in learn_prior(
        fresh_prior(shape, reader, SEED),
        CaptionedEmbeddings(z, data),
        make_schedule(**NOISE),
        config,
        folder=out,
        device=best_device(),
    ):
        say(step.step, step.loss)
        if step.step % save_every == 0 or step.step == steps:
            facts = facts_of(config, step.step)
            _keep_prior(out, step.network, by, f"{dataset} with captions", facts)


@app.command()
def projection(
    clip: ClipFolder,
    out: Folder = Path("runs/unclip-projection"),
    init: Annotated[str, typer.Option(help="The avatars' model to begin with.")] = str(SHIPPED),
    steps: Steps = 4000,
    batch_size: Batch = 256,
    dataset: Data = "avatars",
    save_every: SaveEvery = 500,
    say_every: SayEvery = 250,
) -> None:
    """Train the projection of embeddings to give the vectors of the menus."""
    pictures, begun = captioned(dataset).pictures, load_checkpoint(init)
    by, _, z = embedded(clip, out, pictures)
    decoder = decoder_from(begun.unet, z.shape[1], SEED)
    training = projection_training(steps, batch=batch_size, seed=SEED)
    training = dataclasses.replace(training, save_every=save_every)
    say = Told(steps, say_every, "{:.4f} of the vectors' variance unexplained")
    for step in learn_projection(
        decoder,
        pictures,
        z,
        begun.unet.class_embedding,
        training,
        folder=out,
        device=best_device(),
    ):
        say(step.step, step.unexplained)
        if step.step % save_every == 0 or step.step == steps:
            known = begun.config
            assert isinstance(known, CheckpointConfig)
            settings = DecoderSettings(
                known.schedule,
                by.weights_hash,
                known.prediction_type,
                f"{dataset}, without diffusion",
                facts_of(training, step.step, init=init),
                {k: v for k, v in known.sampling.items() if k != "label"},
                known.clip_x0,
                network=decoder.config,
            )
            save_decoder(out, decoder, settings)


@app.command()
def pictures(
    clip: ClipFolder,
    out: Folder = Path("runs/unclip"),
    init: Annotated[Path, typer.Option(help="What `projection` left.")] = Path(
        "runs/unclip-projection"
    ),
    only_projection: Annotated[
        bool, typer.Option("--only-projection", help="Leave the UNet as it is.")
    ] = False,
    steps: Steps = 8000,
    batch_size: Batch = 32,
    dataset: Data = "avatars",
    save_every: SaveEvery = 100,
    say_every: SayEvery = 50,
) -> None:
    """Train the decoder on pictures, each with its embedding."""
    data = captioned(dataset).pictures
    by, _, z = embedded(clip, out, data)
    begun = load_decoder(init, by)
    config = decoder_training(steps, batch_size=batch_size, seed=SEED)
    config = dataclasses.replace(
        config, save_every=save_every, prediction_type=begun.config.prediction_type
    )
    say = Told(steps, say_every)
    for step in learn_decoder(
        begun.network.train(),
        data,
        z,
        begun.schedule,
        config,
        only_projection=only_projection,
        folder=out,
        device=best_device(),
    ):
        say(step.step, step.loss)
        if step.step % save_every == 0 or step.step == steps:
            facts = facts_of(config, step.step, init=str(init), before=begun.config.training)
            settings = dataclasses.replace(begun.config, dataset=dataset, training=facts)
            save_decoder(out, _decoder(step.network), settings)


def _decoder(bound: torch.nn.Module) -> DecoderNetwork:
    found = bound.decoder
    assert isinstance(found, DecoderNetwork)
    return found


def _keep_prior(
    out: Path, network: PriorNetwork, by: GuidingClip, dataset: str, facts: dict[str, Any]
) -> None:
    settings = PriorSettings(
        NOISE,
        by.weights_hash,
        dataset=dataset,
        training=facts,
        sampling=SAMPLING,
        network=network.config,
        vocabulary=VOCABULARY,
    )
    save_prior(out, network, settings)


if __name__ == "__main__":
    app()
