"""Training a CLIP on captioned pictures of all levels of noise, saved so that it can go on.

Of each step's pictures a share is clean, since variations and priors need the embeddings of clean
ones; the others have log-SNRs as a cosine schedule spreads them, as for the classifier. Half of the
captions tell all that is recorded and has words; the others leave parts out as `glide.describe`
does, for whoever asks in words leaves most out. What a caption does not tell makes no wrong target,
see `matching`, where it also stands why each picture meets a caption with one fact wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..conditioning import CLASS
from ..glide import Caption, CaptionedPictures, describe
from ..guided_diffusion import drawn_log_snrs, noised
from ..seeding import seeded
from ..training_runs import ModuleTraining, train_module
from .matching import FactTable, contrast, naming, single_captions, true_of
from .network import Clip, shape_of


@dataclass(frozen=True)
class ClipTraining(ModuleTraining):
    """The settings of a training; those of `ModuleTraining`, and these.

    Attributes:
        clean: Share of clean pictures.
        full: Share of captions that tell all.
        naming: Weight of the naming of single facts beside the contrast.

    Raises:
        ValueError: if a number is out of its bounds.
    """

    steps: int = 2000
    batch: int = 128
    decay: int = 700
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    clean: float = 0.3
    full: float = 0.5
    naming: float = 2.0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        super().__post_init__()
        if self.batch < 2:
            raise ValueError("A contrast needs at least 2 pictures in a step.")
        if not 0 <= self.naming < math.inf:
            raise ValueError("The weight of naming must be at least 0.")
        if not (0 <= self.clean <= 1 and 0 <= self.full <= 1):
            raise ValueError("The shares of clean pictures and full captions lie in [0, 1].")


@dataclass(frozen=True)
class ClipStep:
    """What a step of training tells.

    Attributes:
        step: Number of steps done.
        loss: The contrastive loss, nats.
        naming: Cross entropy of single facts, nats; 0 where it has no weight.
        clean_top1: Of its clean pictures, the share whose best caption of the step is true; nan
            without clean ones.
        seconds: Seconds of processor time in all, those before an interruption too.
    """

    step: int
    loss: float
    naming: float
    clean_top1: float
    seconds: float


def draw_pairs(
    data: CaptionedPictures, table: FactTable, training: ClipTraining, step: int
) -> tuple[Tensor, list[Caption]]:
    """The pictures of a step by their numbers, (B,), none twice if there are enough; and captions.

    Of the 2B captions the first are the pictures', and the second tell one fact of each otherwise.
    """
    generator = seeded(training.seed, "clip pairs", step)
    order = torch.randperm(len(data.pictures), generator=generator)
    indices = order.repeat(-(-training.batch // len(order)))[: training.batch]
    full = torch.rand(training.batch, generator=generator) < training.full
    draws = torch.rand(training.batch, 2, generator=generator).tolist()
    captions, wrong = [], []
    for place, (index, tells_all) in enumerate(zip(indices.tolist(), full.tolist(), strict=True)):
        facts = data.records.facts(index)
        told = tuple(facts) if tells_all else None
        own = describe(facts, training.seed, "clip", step, place, told=told)
        which, value = draws[place]
        names = [name for name in own.told if name != CLASS] or ["background"]
        changed = table.altered(facts, names[int(which * len(names))], value)
        said = tuple(name for name in {**own.told, **dict.fromkeys(names)} if name in changed)
        captions.append(own)
        wrong.append(describe(changed, training.seed, "clip wrong", step, place, told=said))
    return indices, captions + wrong


def learn_clip(
    clip: Clip,
    data: CaptionedPictures,
    training: ClipTraining,
    *,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[ClipStep]:
    """Train on captioned pictures of all levels of noise, and yield after every step.

    Each step's draws depend on the seed and its number alone, so that an interrupted training goes
    on as it would have. Stopping is leaving: what came after the last save is trained again.

    Args:
        clip: As `fresh_clip` gave it; changed in place.
        data: Pictures, what is recorded of them, and the tokenizer.
        training: The settings.
        folder: Where the state is saved every `save_every` steps and at the end; None saves none.
        device: The device to train on.

    Raises:
        ValueError: if the pictures do not fit, or the folder holds a training of other settings.
    """
    config = clip.config
    if data.pictures.shape != config.sample_shape:
        raise ValueError(
            f"The CLIP is made for pictures of {config.sample_shape}, and {data.pictures.name} has "
            f"{data.pictures.shape}."
        )
    words, length = config.text.num_words, config.text.length
    if (len(data.tokenizer.vocabulary), data.tokenizer.length) != (words, length):
        raise ValueError(f"The CLIP reads captions of {length} numbers and {words} words.")
    clip.to(device).train()
    table, top1, named = FactTable(data.records), math.nan, 0.0

    def encoded(texts: list[str]) -> Tensor:
        y = torch.cat([data.tokenizer.read(text) for text in texts])
        y = y[:, : int((y >= 0).sum(dim=1).max())]
        return clip.encode_captions(y.to(device))

    def loss_of(step: int) -> Tensor:
        nonlocal top1, named
        indices, captions = draw_pairs(data, table, training, step)
        generator = seeded(training.seed, "clip noise", step)
        x0, _ = data.batch(indices)
        log_snr = drawn_log_snrs(training.batch, generator)
        clean = torch.rand(training.batch, generator=generator) < training.clean
        log_snr[clean] = math.inf
        x_t = noised(x0, log_snr, torch.randn(x0.shape, generator=generator))
        true = true_of(table.told([each.told for each in captions]), table.facts[indices])
        surprise = torch.tensor([table.surprise(each.told) for each in captions])
        pictures = clip.encode_pictures(x_t.to(device), log_snr.to(device))
        logits = clip.logits(pictures, encoded([each.text for each in captions]))
        best = logits.detach().argmax(dim=0).cpu()  # of the wrong ones too
        top1 = float(true[best, torch.arange(len(best))][clean].float().mean())
        loss = contrast(logits, true.to(device), surprise.to(device))
        if training.naming:
            singles = single_captions(table, training.seed, "clip single", step)
            each_fact = clip.logits(pictures, encoded([single.text for single in singles]))
            names = naming(each_fact, singles, table.facts[indices], table)
            named = float(names.detach())
            loss = loss + training.naming * names
        return loss

    same = {**shape_of(config), "vocabulary": " ".join(data.tokenizer.vocabulary)}
    same |= {"content": data.pictures.content, "records": len(data.records)}
    for done in train_module(clip, training, loss_of, same, folder=folder):
        loss = done.loss - training.naming * named
        yield ClipStep(done.step, loss, named, top1, done.seconds)
    clip.eval()
