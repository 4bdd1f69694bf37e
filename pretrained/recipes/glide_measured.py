"""Measure how well a model that is asked in words obeys, beside the menus that it was begun from.

Run from the top of the repository:

    python -m pretrained.recipes.glide_measured runs/glide --menus pretrained/avatars

Avatars of held-out combinations are chosen, and a caption is written of each. Both models draw what
it tells, the one from its words, the other from its menus, from the same noise; the judge of the
avatars reads both. For each attribute stands the share of pictures, of those whose captions tell
it, that show it. `same` is measured on captions that tell all of an avatar, ten of each in other
words: the share of the ten in which the judge reads what it reads most often.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
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
from diffusion_core.evaluation import AttributeJudge, Setting, draw_samples, judged, load_judge
from diffusion_core.files import write_text
from diffusion_core.glide import (
    AskedInWords,
    GlideConfig,
    GlideNetwork,
    describe,
    load_glide,
    told_condition,
)
from pretrained.recipes.avatars_choices import ATTRIBUTES, STYLES, choose
from pretrained.recipes.glide import SHIPPED, facts_of

JUDGE = Path(__file__).parents[1] / "judge-avatars"
ASKED_IN = 10  # ways, of the same
SEED = 1


def relative(row: AskedInWords) -> float:
    """Obedience to words, where that to menus is 1; nan where menus are never obeyed."""
    return row.words / row.menus if row.menus else float("nan")


def held_out_facts(num: int) -> list[dict[str, str]]:
    """What is recorded of avatars whose combinations are held out, the styles in turn."""
    rng, found = np.random.default_rng([SEED, num]), []
    for i in range(num):
        while not (choice := choose(STYLES[i % len(STYLES)], rng)).held_out:
            pass
        found.append(facts_of(choice))
    return found


def names_of(menus: Checkpoint) -> list[str]:
    """Class and attributes, in the order of a condition."""
    return [CLASS, *(name for name, _ in menus.config.attribute_names)]


def asked(
    words: Checkpoint, menus: Checkpoint, captions: list[tuple[str, dict[str, str]]]
) -> tuple[Tensor, Tensor]:
    """Conditions in words (N, L) and by menus (N, 1 + K) of captions and what they tell."""
    assert isinstance(words.config, GlideConfig) and isinstance(menus.config, CheckpointConfig)
    classes, names = menus.config.class_names, menus.config.attribute_names
    read = [words.config.read_caption(text) for text, _ in captions]
    told = [told_condition(told, classes, names) for _, told in captions]
    return torch.cat(read), torch.stack(told)


def measure(
    words: Checkpoint, menus: Checkpoint, judge: AttributeJudge, num: int, setting: Setting
) -> list[AskedInWords]:
    """Obedience to captions, which leave out what they like, and to menus that tell the same."""
    facts = held_out_facts(num)
    written = [describe(each, SEED, i) for i, each in enumerate(facts)]
    y, told = asked(words, menus, [(c.text, c.told) for c in written])
    seen = []
    for model, conditions in ((words, y), (menus, told)):
        images, _, _, _ = draw_samples(model, num, setting, conditions=conditions)
        seen.append(judged(judge, images)[1])
    known = told >= 0
    known[:, 0] &= told[:, 0] < len(STYLES)
    right = [((each == told) & known).sum(dim=0).tolist() for each in seen]
    counts = known.sum(dim=0).tolist()
    return [
        AskedInWords(name, n, right[0][k] / n, right[1][k] / n)
        for k, (name, n) in enumerate(zip(names_of(menus), counts, strict=True))
        if n
    ]


def same(
    words: Checkpoint, menus: Checkpoint, judge: AttributeJudge, num: int, setting: Setting
) -> float:
    """Of all attributes of `num` avatars, each asked in ten ways from one noise: how many agree."""
    shares = []
    for i, facts in enumerate(held_out_facts(num)):
        all_told = [name for name in ATTRIBUTES if name in facts and facts[name] != "none"]
        written = [describe(facts, SEED, i, k, told=all_told) for k in range(ASKED_IN)]
        y, told = asked(words, menus, [(c.text, c.told) for c in written])
        # One after the other, so that all begin with the same noise.
        drawn = [
            draw_samples(words, 1, setting, seed=SEED + i, conditions=row[None])[0] for row in y
        ]
        seen = judged(judge, torch.cat(drawn))[1]
        for column in seen[:, (told >= 0).all(dim=0)].T:
            shares.append(float(column.bincount().max()) / ASKED_IN)
    return sum(shares) / len(shares)


def card(words: Checkpoint, rows: list[AskedInWords], values: dict[str, Any]) -> str:
    """The README.md of the model: what it is, how it obeys, how it was trained."""
    assert isinstance(words.network, GlideNetwork) and isinstance(words.config, GlideConfig)
    config, setting = words.config, values["setting"]
    new, known = words.network.num_new_parameters, len(config.tokenizer.vocabulary)
    shares = [(row.words, row.menus, relative(row)) for row in rows]
    table = [
        f"| {row.attribute} | {row.told} | {' | '.join(f'{share:.3f}' for share in each)} |"
        for row, each in zip(rows, shares, strict=True)
    ]
    stages: list[str] = []
    training: dict[str, Any] = config.training
    while training:
        stages.insert(0, f"    {training['command']}")
        training = training.get("before", {})
    ways = ""
    if agreed := values.get("same"):
        ways = f"""
{agreed["avatars"]} avatars were asked for in {ASKED_IN} ways each, from one noise:
{agreed["share"]:.3f} of the attributes that are told agreed.
"""
    lines = "\n".join(table), "\n".join(stages)
    return f"""---
license: mit
library_name: pytorch
pipeline_tag: text-to-image
tags: [diffusion, glide, text-to-image]
---
# {Path(words.name).name}

Avatars that are asked for in words (Nichol et al. 2021, GLIDE). Of {words.num_parameters:,}
parameters {new:,} are those of text encoder and attention to words, which know {known} words.

    python -m diffusion_core sample --model FOLDER --caption "a calm person in a turban" --out a.png

## How it obeys

{values["num"]} captions of held-out combinations, {setting["sampler"]} in {setting["steps"]} steps,
guidance {setting["guidance_scale"]:g}. Of the pictures whose captions tell an attribute, the share
in which the judge of the avatars reads it, beside the model with menus that it was begun from.

| attribute | captions that tell it | words | menus | relative |
|---|---:|---:|---:|---:|
{lines[0]}
{ways}
## Training

On {config.dataset}, each stage from the one before:

{lines[1]}
"""


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the model; gets the results.")],
    menus: Annotated[str, typer.Option(help="The model that it was begun from.")] = str(SHIPPED),
    judge: Annotated[Path, typer.Option(help="Folder of the judge.")] = JUDGE,
    num: Annotated[int, typer.Option(help="Pictures by words, and as many by menus.")] = 500,
    ways: Annotated[int, typer.Option(help="Avatars that are asked for in ten ways.")] = 20,
    steps: Annotated[int, typer.Option(help="Steps of dpmpp_2m, spaced karras.")] = 10,
    guidance_scale: Annotated[float, typer.Option(help="Scale of guidance.")] = 2.0,
) -> None:
    """Measure obedience and paraphrases, and keep them and a card of them beside the model."""
    words, by_menus, reader = load_glide(folder), load_checkpoint(menus), load_judge(judge)
    assert isinstance(reader, AttributeJudge)
    setting = Setting("dpmpp_2m", steps, spacing="karras", guidance_scale=guidance_scale)
    rows = measure(words, by_menus, reader, num, setting)
    values: dict[str, Any] = {
        "weights": words.weights_hash,
        "menus": by_menus.weights_hash,
        "num": num,
        "setting": setting._asdict(),
        "obedience": [
            dataclasses.asdict(row) | ({"relative": relative(row)} if row.menus else {})
            for row in rows
        ],
    }
    for row in rows:
        print(
            f"{row.attribute:>10}: words {row.words:.3f}, menus {row.menus:.3f}, relative "
            f"{relative(row):.3f}, of {row.told}",
            flush=True,
        )
    if ways:
        values["same"] = {"avatars": ways, "share": same(words, by_menus, reader, ways, setting)}
        print(f"asked in {ASKED_IN} ways, the same attributes: {values['same']['share']:.3f}")
    write_text(folder / RESULTS, json.dumps(values, indent=2) + "\n")
    write_text(folder / CARD, card(words, rows, values))


if __name__ == "__main__":
    typer.run(main)
