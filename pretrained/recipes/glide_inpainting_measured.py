"""Measure how well holes of avatars are filled by words, and keep results and a card beside it.

Run from the top of the repository, with the data set "avatars":

    python -m pretrained.recipes.glide_inpainting_measured runs/glide-inpainting

Of held-out avatars of persons a part is taken away, and a caption tells all that is recorded of the
avatar but for this part, which it wants to be another one, as that of another held-out avatar. Each
is filled from one noise by the network that was trained for it, and by RePaint with the one that
was not, whose steps are taken once or several times. Of each stand

obeys   the share in which the judge of the avatars reads the part that was asked for
stays   the share of the other attributes that it reads as in the picture before
seam    the mean difference of pixels on both sides of the hole's edge, where that of the picture
        before is 1
"""

from __future__ import annotations

import json
import shlex
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from diffusion_core.checkpoint import (
    CARD,
    RESULTS,
    Checkpoint,
    CheckpointConfig,
    load_checkpoint,
)
from diffusion_core.conditioning import CLASS
from diffusion_core.data import (
    PART_BOXES,
    AvatarFile,
    find_avatars,
    from_uint8,
    part_of_person,
)
from diffusion_core.device import best_device
from diffusion_core.evaluation import AttributeJudge, judged, load_judge
from diffusion_core.files import write_text
from diffusion_core.glide import AvatarRecords, describe, load_glide, load_inpainter
from diffusion_core.inpainting import inpaint
from diffusion_core.seeding import draw_noise, seeded
from pretrained.recipes.avatars_choices import ATTRIBUTES, STYLES
from pretrained.recipes.glide import SHIPPED, WORDS
from pretrained.recipes.glide_measured import JUDGE

MODULE = "pretrained.recipes.glide_inpainting_measured"
SEED = 4
BATCH = 25  # pictures that are filled together


@dataclass(frozen=True, eq=False)
class Holes:
    """Pictures of which a part is taken away, and what shall be there.

    Attributes:
        part: The attribute.
        pictures: (N, C, H, W) in [-1, 1].
        mask: 1 where they stay, (1, 1, H, W).
        captions: What each shall show.
        wanted: The number of the asked value of each, (N,).
    """

    part: str
    pictures: Tensor
    mask: Tensor
    captions: list[str]
    wanted: Tensor


def mask_of(part: str) -> Tensor:
    """1 where a picture stays, (1, 1, H, W)."""
    return 1 - torch.from_numpy(part_of_person(part))[None, None].float()


def holes_of(part: str, pictures: Tensor, facts: list[dict[str, str]], num: int) -> Holes:
    """Pictures of persons of which a part is to become that of another one.

    Args:
        part: The attribute, a key of `PART_BOXES`.
        pictures: All of them, (M, C, H, W).
        facts: What is recorded of each.
        num: How many are taken, of those that have the attribute.
    """
    generator = seeded(SEED, "holes", part)
    able = [i for i, known in enumerate(facts) if known.get(CLASS) == STYLES[0] and part in known]
    chosen = [able[int(i)] for i in torch.randperm(len(able), generator=generator)[:num]]
    captions, wanted = [], []
    for i in chosen:
        while True:  # the value of another one, as often as it is met
            other = facts[able[int(torch.randint(len(able), (1,), generator=generator))]][part]
            if other not in (facts[i][part], "none"):
                break
        asked = {k: v for k, v in facts[i].items() if k in (CLASS, *ATTRIBUTES)} | {part: other}
        captions.append(describe(asked, SEED, part, i, told=[*asked]).text)
        wanted.append(list(ATTRIBUTES[part]).index(other))
    return Holes(part, pictures[chosen], mask_of(part), captions, torch.tensor(wanted))


def filled(
    holes: Holes, bind: Callable[[Tensor], Checkpoint], steps: int, scale: float, repeats: int
) -> Tensor:
    """The pictures with their holes filled, (N, C, H, W) in [-1, 1].

    Args:
        holes: The pictures and what shall be there.
        bind: Gives of some of the pictures the model that fills them.
        steps: Steps of DDIM with eta 1.
        scale: Scale of guidance.
        repeats: How often each step is taken.
    """
    found = []
    for first in range(0, len(holes.pictures), BATCH):
        part = holes.pictures[first : first + BATCH]
        model = bind(part)
        y = torch.cat([model.read_caption(c) for c in holes.captions[first : first + BATCH]])
        noise = draw_noise(tuple(part.shape), seeded(SEED, "noise", holes.part, first))
        walk = inpaint(
            model.denoiser(y, scale),
            part.to(model.device),
            holes.mask.to(model.device),
            noise.to(model.device),
            num_steps=steps,
            resample=repeats,
            generator=seeded(SEED, "steps", holes.part, first),
        )
        found.append(deque(walk, maxlen=1)[0].x_prev.cpu())
    return torch.cat(found)


def seam(pictures: Tensor, mask: Tensor) -> float:
    """Mean absolute difference of pixels that lie on both sides of the hole's edge."""
    known, total, count = mask[0, 0] > 0, 0.0, 0
    for dim in (0, 1):
        size = known.shape[dim]
        a, b = known.narrow(dim, 0, size - 1), known.narrow(dim, 1, size - 1)
        edge = a != b
        apart = pictures.diff(dim=2 + dim).abs().mean(dim=(0, 1))
        total, count = total + float(apart[edge].sum()), count + int(edge.sum())
    return total / count


def row_of(
    holes: Holes, method: str, repeats: int, pictures: Tensor, judge: AttributeJudge
) -> dict[str, Any]:
    """What is told of pictures that were filled; see the module's docstring."""
    place = 1 + list(ATTRIBUTES).index(holes.part)  # behind the class
    before, after = (judged(judge, x)[1] for x in (holes.pictures, pictures))
    others = [k for k in range(after.shape[1]) if k != place]
    return {
        "part": holes.part,
        "method": method,
        "repeats": repeats,
        "count": len(pictures),
        "obeys": float((after[:, place] == holes.wanted).float().mean()),
        "stays": float((after == before)[:, others].float().mean()),
        "seam": seam(pictures, holes.mask) / seam(holes.pictures, holes.mask),
    }


def card(name: str, values: dict[str, Any], parameters: int) -> str:
    """The README.md of the model: what it is, how it does, how it was trained."""
    table = "\n".join(
        f"| {row['part']} | {row['method']} | {row['repeats']} | {row['obeys']:.3f} | "
        f"{row['stays']:.3f} | {row['seam']:.2f} |"
        for row in values["rows"]
    )
    stages: list[str] = []
    training: dict[str, Any] = values["training"]
    while training:
        stages.insert(0, f"    {training['command']}")
        training = training.get("before", {})
    lines = "\n".join(stages)
    return f"""---
license: mit
library_name: pytorch
pipeline_tag: image-to-image
tags: [diffusion, glide, inpainting]
---
# {name}

Fills holes of avatars by words (Nichol et al. 2021, GLIDE, section 2.4): beside x_t it sees the
picture without the hole, and the mask. {parameters:,} parameters.

## How it fills

{values["num"]} held-out avatars of persons for each part, which the caption wants to be another
one; ddim with eta 1 in {values["steps"]} steps, guidance {values["guidance_scale"]:g}. RePaint is
the same walk with the network that sees the picture only through noise, its steps taken once or
several times. A judge of the avatars reads what was asked for (obeys), and of the other attributes
what it read in the picture before (stays); the seam is the mean difference of pixels across the
hole's edge, where that of the picture before is 1.

| part | network | each step | obeys | stays | seam |
|---|---|---:|---:|---:|---:|
{table}

## Training

On {values["dataset"]}, each stage from the one before:

{lines}
"""


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the model; gets the results.")],
    words: Annotated[Path, typer.Option(help="The model that RePaint is done with.")] = WORDS,
    menus: Annotated[str, typer.Option(help="The model whose attributes are judged.")] = str(
        SHIPPED
    ),
    judge: Annotated[Path, typer.Option(help="Folder of the judge.")] = JUDGE,
    embedded: Annotated[
        bool, typer.Option(help="Take the avatars of the package, which none holds out.")
    ] = False,
    num: Annotated[int, typer.Option(help="Pictures of each part.")] = 100,
    steps: Annotated[int, typer.Option(help="Steps of DDIM.")] = 25,
    guidance_scale: Annotated[float, typer.Option(help="Scale of guidance.")] = 2.0,
    repeats: Annotated[
        str, typer.Option(help="How often RePaint takes each step, with commas between.")
    ] = "1,5",
) -> None:
    """Measure how holes are filled, and keep the results and a card beside the model."""
    model, plain = load_inpainter(folder).to(best_device()), load_glide(words).to(best_device())
    reader, known = load_judge(judge), load_checkpoint(menus).config
    assert isinstance(reader, AttributeJudge) and isinstance(known, CheckpointConfig)
    assert [name for name, _ in known.attribute_names] == list(ATTRIBUTES)
    file = AvatarFile.embedded() if embedded else AvatarFile.read(find_avatars(), "test")
    records, pictures = AvatarRecords(file), from_uint8(file.pictures)
    facts = [records.facts(i) for i in range(len(pictures))]
    values: dict[str, Any] = {
        "weights": model.weights_hash,
        "words": plain.weights_hash,
        "num": num,
        "steps": steps,
        "guidance_scale": guidance_scale,
        "dataset": model.config.dataset,
        "training": model.config.training,
        "command": shlex.join(["python", "-m", MODULE, *sys.argv[1:]]),
        "rows": [],
    }
    for part in PART_BOXES:
        holes = holes_of(part, pictures, facts, num)
        ways = [("trained", 1), *(("RePaint", int(n)) for n in repeats.split(",") if n.strip())]
        for method, times in ways:

            def bind(of: Tensor, method: str = method, mask: Tensor = holes.mask) -> Checkpoint:
                return model.bound(of, mask) if method == "trained" else plain

            shown = filled(holes, bind, steps, guidance_scale, times)
            row = row_of(holes, method, times, shown, reader)
            values["rows"].append(row)
            print(
                f"{part:>10}, {method} {times}: obeys {row['obeys']:.3f}, stays "
                f"{row['stays']:.3f}, seam {row['seam']:.2f}",
                flush=True,
            )
            write_text(folder / RESULTS, json.dumps(values, indent=2) + "\n")
    parameters = sum(p.numel() for p in model.network.parameters())
    write_text(folder / CARD, card(folder.name, values, parameters))


if __name__ == "__main__":
    typer.run(main)
