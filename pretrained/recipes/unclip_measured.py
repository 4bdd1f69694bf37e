"""Measure DALL·E 2 on the avatars, and keep the results and a card beside the decoder.

    python -m pretrained.recipes.unclip_measured runs/unclip --prior runs/unclip-prior \
        --clip runs/clip

All pictures and captions are held out, and the judge of the avatars reads what is drawn.

variations   a held-out picture is encoded and drawn anew from fresh noise: of the pictures that
             have an attribute, the share in which the judge reads what it read in the picture,
             and, as chance, what it read in another picture
words        a caption is drawn by three conditions from the same noise: what the prior makes of it,
             the embedding of the caption itself, and nothing (figure 8 of Ramesh et al. 2022); of
             the captions that tell an attribute, the share that shows it
quality      all these pictures beside as many held-out ones: Frechet distance, precision, recall
differences  the embedding of a picture is moved along the difference of two captions, of what is
             there and of another value of one attribute; drawn from the same noise, the share that
             shows the asked value, and of all other attributes the share that stays as it was
             drawn without the move
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from diffusion_core.checkpoint import RESULTS, CheckpointConfig, load_checkpoint
from diffusion_core.clip import FactTable, load_clip
from diffusion_core.conditioning import CLASS, AttributeNames
from diffusion_core.device import best_device
from diffusion_core.evaluation import (
    AttributeJudge,
    frechet_distance,
    judged,
    load_judge,
    precision_recall,
    rights,
)
from diffusion_core.files import write_text
from diffusion_core.glide import CaptionedPictures, describe, told_condition
from diffusion_core.publishing import write_unclip_card
from diffusion_core.samplers import sample
from diffusion_core.seeding import draw_noise, seeded
from diffusion_core.unclip import (
    Decoder,
    drawn_embeddings,
    encode,
    load_decoder,
    load_prior,
    text_difference,
    unclip_results,
)
from pretrained.recipes.clip import captioned
from pretrained.recipes.glide import SHIPPED

MODULE = "pretrained.recipes.unclip_measured"
JUDGE = Path(__file__).parents[1] / "judge-avatars"
CONDITIONS = ("prior", "text", "nothing")
SEED = 2
BATCH = 50  # pictures that are drawn together


@dataclasses.dataclass(frozen=True)
class Measured:
    """What is measured with, and of which pictures.

    Attributes:
        decoder: The decoder, with its CLIP.
        judge: What reads pictures.
        data: Held-out pictures with their records.
        class_names: The styles.
        attribute_names: The attributes, in the order in which the judge reads them.
        steps: Steps of dpmpp_2m, spaced karras, by which pictures are drawn.
        guidance_scale: Scale of the decoder's guidance.
    """

    decoder: Decoder
    judge: AttributeJudge
    data: CaptionedPictures
    class_names: tuple[str, ...]
    attribute_names: AttributeNames
    steps: int
    guidance_scale: float

    @property
    def names(self) -> list[str]:
        """Class and attributes, in the order of a condition."""
        return [CLASS, *(name for name, _ in self.attribute_names)]

    def chosen(self, num: int, of: str) -> Tensor:
        """The numbers of `num` pictures, int64 (num,)."""
        return torch.randperm(len(self.data.pictures), generator=seeded(SEED, of))[:num]

    def told(self, told: dict[str, str]) -> Tensor:
        """What a caption tells, (1 + K,), -1 where it tells nothing."""
        row = told_condition(told, self.class_names, self.attribute_names)
        row[0] = row[0] if CLASS in told else -1
        return row

    def seen(self, z: Tensor | None, num: int) -> Tensor:
        """What the judge reads in pictures drawn from embeddings (num, D), (num, 1 + K)."""
        return self.read(z, num)[1]

    def read(self, z: Tensor | None, num: int) -> tuple[Tensor, Tensor]:
        """The judge's features of such pictures, (num, F), and what it reads in them."""
        found = []
        for part in torch.arange(num).split(BATCH):
            noise = draw_noise(
                (len(part), *self.data.pictures.shape), seeded(SEED, "noise", int(part[0]))
            )
            one, scale = (None, 1.0) if z is None else (z[part.to(z.device)], self.guidance_scale)
            walk = sample(
                self.decoder.denoiser(one, scale),
                noise.to(self.decoder.device),
                sampler="dpmpp_2m",
                num_steps=self.steps,
                spacing="karras",
            )
            x0 = deque(walk, maxlen=1)[0].x_prev.cpu().clamp(-1, 1)
            found.append(judged(self.judge, x0))
        features, labels = zip(*found, strict=True)
        return torch.cat(features), torch.cat(labels)


def variations(by: Measured, num: int) -> list[dict[str, Any]]:
    """The share of each attribute that variations of held-out pictures keep."""
    indices = by.chosen(num, "unclip variations")
    x0, _ = by.data.pictures.batch(indices)
    before = judged(by.judge, x0)[1]
    recorded = torch.stack([by.told(by.data.records.facts(i)) for i in indices.tolist()])
    wanted = torch.where(recorded >= 0, before, -1)
    kept = rights(by.seen(encode(by.decoder.clip, x0), num), wanted).tolist()
    chance = rights(before.roll(1, dims=0), wanted).tolist()
    counts = (wanted >= 0).sum(dim=0).tolist()
    return [
        {"attribute": name, "pictures": n, "kept": share, "chance": other}
        for name, n, share, other in zip(by.names, counts, kept, chance, strict=True)
        if n
    ]


@dataclasses.dataclass(frozen=True)
class Asked:
    """Held-out captions, and the embeddings that a decoder may be given for them.

    Attributes:
        told: What they tell, (num, 1 + K), -1 of what they do not.
        embeddings: For each of `CONDITIONS` (num, D), or None of no embedding.
    """

    told: Tensor
    embeddings: tuple[Tensor | None, ...]


def asked(by: Measured, prior: Path, clip: Path, num: int, scale: float) -> Asked:
    """Captions of held-out avatars, with what the prior makes of them, and their own embeddings."""
    model = load_prior(prior, load_clip(clip)).to(by.decoder.device)
    captions = [
        describe(by.data.records.facts(i), SEED, "unclip words", i)
        for i in by.chosen(num, "unclip words").tolist()
    ]
    y = torch.cat([by.data.tokenizer.read(caption.text) for caption in captions])
    told = torch.stack([by.told(dict(caption.told)) for caption in captions])
    z = drawn_embeddings(model, y, seeded(SEED, "unclip prior"), guidance_scale=scale)
    with torch.no_grad():
        g = by.decoder.clip.encode_captions(y.to(by.decoder.device))
    return Asked(told, (z, g, None))


def words(by: Measured, those: Asked) -> list[dict[str, Any]]:
    """The share of each attribute that captions tell and pictures show, by condition."""
    num, told = len(those.told), those.told
    shares = [rights(by.seen(each, num), told).tolist() for each in those.embeddings]
    counts = (told >= 0).sum(dim=0).tolist()
    return [
        {"attribute": name, "told": n, **dict(zip(CONDITIONS, row, strict=True))}
        for name, n, *row in zip(by.names, counts, *shares, strict=True)
        if n
    ]


def quality(by: Measured, those: Asked, num: int) -> list[dict[str, Any]]:
    """Variations, and pictures by each condition, beside as many held-out pictures.

    Frechet distance, precision and recall in the judge's features, and the same of other held-out
    pictures, which is what perfect ones would have.
    """
    indices = by.chosen(2 * num, "unclip variations")
    x0, rest = (by.data.pictures.batch(part)[0] for part in (indices[:num], indices[num:]))
    real = judged(by.judge, x0)[0]
    drawn = {
        "other held-out pictures": judged(by.judge, rest)[0],
        "variations": by.read(encode(by.decoder.clip, x0), num)[0],
    }
    for name, z in zip(CONDITIONS, those.embeddings, strict=True):
        drawn[f"words, by {name}"] = by.read(z, num)[0]
    rows = []
    for name, features in drawn.items():
        found = precision_recall(features, real)
        row = {"attribute": name, "pictures": num, "frechet": frechet_distance(features, real)}
        rows.append({**row, "precision": found.precision, "recall": found.recall})
    return rows


def differences(by: Measured, num: int, share: float) -> list[dict[str, Any]]:
    """For each attribute how often it changes as asked, and how many of the others stay."""
    table, rows = FactTable(by.data.records), []
    device = by.decoder.device
    for k, (name, _) in enumerate(by.attribute_names, start=1):
        moved, indices, asked = [], [], []
        for i in by.chosen(len(by.data.pictures), f"unclip {name}").tolist():
            facts = by.data.records.facts(i)
            draw = float(torch.rand((), generator=seeded(SEED, name, i)))
            other = table.altered(facts, name, draw) if name in facts else facts
            if other.get(name) == facts.get(name):
                continue
            pair = [
                by.data.tokenizer.read(describe(each, SEED, i, told=(name,)).text)
                for each in (facts, other)
            ]
            with torch.no_grad():
                g_a, g_b = by.decoder.clip.encode_captions(torch.cat(pair).to(device))
            if torch.equal(g_a, g_b):
                continue  # no words tell both apart
            z = encode(by.decoder.clip, by.data.pictures.batch(torch.tensor([i]))[0])[0]
            moved.append(text_difference(z, g_a, g_b, torch.tensor([0.0, share], device=device)))
            indices.append(i)
            asked.append(int(by.told(other)[k]))
            if len(moved) == num:
                break
        if not moved:
            continue
        both = torch.stack(moved)  # (num, 2, D)
        before, after = (by.seen(both[:, each], len(both)) for each in (0, 1))
        recorded = torch.stack([by.told(by.data.records.facts(i)) for i in indices])
        others = recorded >= 0
        others[:, k] = False
        rows.append(
            {
                "attribute": name,
                "pictures": len(both),
                "changed": float((after[:, k] == torch.tensor(asked)).float().mean()),
                "others_stay": float((before == after)[others].float().mean()),
            }
        )
    return rows


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the decoder; gets the results.")],
    prior: Annotated[Path, typer.Option(help="Folder of the prior.")],
    clip: Annotated[Path, typer.Option(help="Folder of the CLIP.")],
    menus: Annotated[str, typer.Option(help="The model whose attributes are judged.")] = str(
        SHIPPED
    ),
    judge: Annotated[Path, typer.Option(help="Folder of the judge.")] = JUDGE,
    dataset: Annotated[str, typer.Option(help="Of the pictures; avatars has held-out ones.")] = (
        "avatars"
    ),
    num: Annotated[int, typer.Option(help="Pictures of each measure, 0 of none.")] = 300,
    num_differences: Annotated[int, typer.Option(help="Pictures of each attribute.")] = 100,
    share: Annotated[float, typer.Option(help="How far along a text difference.")] = 0.3,
    steps: Annotated[int, typer.Option(help="Steps of dpmpp_2m, spaced karras.")] = 10,
    guidance_scale: Annotated[float, typer.Option(help="Scale of the decoder's guidance.")] = 2.0,
    prior_scale: Annotated[float, typer.Option(help="Scale of the prior's guidance.")] = 2.0,
) -> None:
    """Measure variations, words, quality and differences; keep results and a card with them."""
    decoder = load_decoder(folder, load_clip(clip)).to(best_device())
    reader, known = load_judge(judge), load_checkpoint(menus).config
    assert isinstance(reader, AttributeJudge) and isinstance(known, CheckpointConfig)
    by = Measured(
        decoder,
        reader,
        captioned(dataset, "test" if dataset == "avatars" else "train"),
        known.class_names,
        known.attribute_names,
        steps,
        guidance_scale,
    )
    values: dict[str, Any] = {
        "weights": decoder.weights_hash,
        "clip": decoder.config.clip,
        "num": num,
        "share": share,
        "steps": steps,
        "guidance_scale": guidance_scale,
        "prior_scale": prior_scale,
        "command": shlex.join(
            ["python", "-m", "pretrained.recipes.unclip_measured", *sys.argv[1:]]
        ),
    }
    those = asked(by, prior, clip, num, prior_scale) if num else None
    measures: dict[str, Callable[[], list[dict[str, Any]]]] = {}
    if those is not None:
        measures["variations"] = lambda: variations(by, num)
        measures["words"] = lambda: words(by, those)
        measures["quality"] = lambda: quality(by, those, num)
    if num_differences:
        measures["differences"] = lambda: differences(by, num_differences, share)
    for name, measure in measures.items():
        values[name] = rows = measure()
        for row in rows:
            told = ", ".join(
                f"{key} {value:.3f}" for key, value in row.items() if isinstance(value, float)
            )
            print(f"{name}, {row['attribute']:>10}: {told}", flush=True)
        write_text(folder / RESULTS, json.dumps(values, indent=2) + "\n")
    write_unclip_card(folder, decoder, unclip_results(folder))


if __name__ == "__main__":
    typer.run(main)
