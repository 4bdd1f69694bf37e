"""How well a CLIP reads pictures that it was not trained on, by their level of noise.

Two questions, as of Radford et al. (2021): of a hundred captions that tell all, which is a
picture's own; and, without having been trained to classify (section 3.1 there), which value of a
fact it shows: the captions that tell a value and nothing else are encoded in several wordings, and
the value whose mean embedding agrees best is the answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..conditioning import CLASS
from ..glide import CaptionedPictures, Records, describe, meaning
from ..guided_diffusion import noised
from ..seeding import seeded
from .matching import FactTable, single_captions
from .network import Clip

LEVELS = (math.inf, 6.0, 3.0, 0.0, -3.0, -6.0, -9.0)
GROUP = 100  # captions among which a picture's own is to be found
WORDINGS = 8
_TRIES = 40  # wordings tried, of a value that is told by chance
_BATCH = 250


@dataclass(frozen=True)
class Named:
    """How often the value of a fact is named right.

    Attributes:
        fact: Its name, as recorded.
        accuracy: Share of pictures whose value is named.
        chance: That of a guess.
        num: Pictures of which it is recorded.
    """

    fact: str
    accuracy: float
    chance: float
    num: int


@dataclass(frozen=True)
class ClipAccuracy:
    """How well a CLIP reads pictures of one level of noise.

    Attributes:
        log_snr: The level; None of clean pictures.
        retrieval: Share of pictures whose own caption agrees best with them, among `GROUP` that
            tell all.
        num: Number of pictures.
        named: Each fact that captions can tell by itself.
    """

    log_snr: float | None
    retrieval: float
    num: int
    named: tuple[Named, ...]


@torch.no_grad()
def clip_accuracy(
    clip: Clip,
    data: CaptionedPictures,
    *,
    num: int = 1000,
    log_snrs: Sequence[float] = LEVELS,
) -> tuple[ClipAccuracy, ...]:
    """Measure a CLIP on held-out pictures, a row for each level of noise.

    Args:
        clip: In evaluation mode.
        data: The pictures, what is recorded of them, and the tokenizer.
        num: Pictures of each level, with the same noise at each; a multiple of `GROUP` is taken.
        log_snrs: The levels; infinite is clean.

    Raises:
        ValueError: if there are fewer pictures than `GROUP`.
    """
    num = min(num, len(data.pictures)) // GROUP * GROUP
    if not num:
        raise ValueError(f"At least {GROUP} pictures are needed to measure a CLIP.")
    chosen = torch.randperm(len(data.pictures), generator=seeded("clip test"))[:num]
    facts = [data.records.facts(i) for i in chosen.tolist()]
    texts = [describe(f, "clip test", i, told=tuple(f)).text for i, f in enumerate(facts)]
    captions = _encoded(clip, data, texts)
    prompts = value_prompts(clip, data, data.records)
    device, rows = next(clip.parameters()).device, []
    for level in log_snrs:
        parts = []
        for first, part in enumerate(chosen.split(_BATCH)):
            x0, _ = data.batch(part)
            eps = torch.randn(x0.shape, generator=seeded("clip noise", first))
            log_snr = torch.full((len(part),), level)
            x_t = noised(x0, log_snr, eps)
            parts.append(clip.encode_pictures(x_t.to(device), log_snr.to(device)).cpu())
        pictures = torch.cat(parts)
        own = torch.arange(GROUP)
        found = [
            float((c @ p.T).argmax(dim=0).eq(own).float().mean())
            for c, p in zip(captions.split(GROUP), pictures.split(GROUP), strict=True)
        ]
        named = tuple(_named(name, prompts, pictures, facts) for name in facts_told(prompts))
        known = None if math.isinf(level) else level
        rows.append(ClipAccuracy(known, sum(found) / len(found), num, named))
    return tuple(rows)


Prompts = dict[tuple[str, str], dict[str, Tensor]]
"""For a style and a fact the embedding of each value, (D,), that captions can tell by itself."""


def value_prompts(clip: Clip, data: CaptionedPictures, records: Records) -> Prompts:
    """The embedding of each value of each fact that is recorded and can be told by itself."""
    table = FactTable(records)
    texts: dict[tuple[str, str], dict[str, list[str]]] = {}
    for i in range(_TRIES):
        for single in single_captions(table, "clip prompt", i):
            told = texts.setdefault((single.style, single.fact), {}).setdefault(single.meant, [])
            if len(told) < WORDINGS:
                told.append(single.text)
    return {
        group: {
            meant: F.normalize(_encoded(clip, data, told).mean(dim=0), dim=0)
            for meant, told in values.items()
        }
        for group, values in texts.items()
        if len(values) > 1
    }


def facts_told(prompts: Prompts) -> list[str]:
    """The names of facts that have prompts, the class first, in the order of their records."""
    names = dict.fromkeys(name for _, name in prompts)
    return [CLASS, *(name for name in names if name != CLASS)] if CLASS in names else [*names]


def _named(
    name: str, prompts: Prompts, pictures: Tensor, facts: Sequence[Mapping[str, str]]
) -> Named:
    right, chance, num = 0, 0.0, 0
    for (style, fact), told in prompts.items():
        if fact != name:
            continue
        shown = [
            i
            for i, f in enumerate(facts)
            if f.get(name) and style in ("", f[CLASS]) and meaning(name, f[name]) in told
        ]
        if not shown:
            continue
        best = (pictures[shown] @ torch.stack([*told.values()]).T).argmax(dim=1).tolist()
        values = [*told]
        right += sum(
            values[b] == meaning(name, facts[i][name]) for b, i in zip(best, shown, strict=True)
        )
        chance += len(shown) / len(told)
        num += len(shown)
    return Named(name, right / max(num, 1), chance / max(num, 1), num)


def _encoded(clip: Clip, data: CaptionedPictures, texts: Sequence[str]) -> Tensor:
    """The embeddings of captions, (N, D), on the CPU."""
    device = next(clip.parameters()).device
    y = torch.cat([data.tokenizer.read(text) for text in texts])
    return torch.cat([clip.encode_captions(part.to(device)).cpu() for part in y.split(_BATCH)])
