"""The card of a cascade: what it is, how it does beside others, how it was trained."""

from __future__ import annotations

from pathlib import Path

from ..checkpoint import CARD
from ..files import write_text
from ..imagen import Cascade, ImagenResults
from .tables import card_table

_FRONT = """---
license: mit
library_name: pytorch
pipeline_tag: text-to-image
tags: [diffusion, imagen, cascade, text-to-image]
---
"""
_FIGURES = ("Frechet distance", "obedience", "edges")


def write_imagen_card(folder: Path, cascade: Cascade, results: ImagenResults) -> None:
    """Write `README.md` into the folder of both models.

    Args:
        folder: Their folder.
        cascade: As `imagen.load_cascade` read it.
        results: As `imagen.imagen_results` read them.
    """
    sides = [
        " × ".join(map(str, shape[1:]))
        for shape in (cascade.base.image_shape, cascade.enlarger.network.config.sample_shape)
    ]
    counts = cascade.base.num_parameters, cascade.enlarger.network.num_parameters
    trained = [model.config.training for model in (cascade.base, cascade.enlarger)]
    commands = "\n".join(f"    {each.get('command', '')}" for each in trained)
    steps = [f"{each.get('steps', 0):,}" for each in trained]
    write_text(
        folder / CARD,
        f"""{_FRONT}# {folder.name}

Avatars of {sides[1]} that are asked for in words, by a cascade (Saharia et al. 2022, Imagen): a
base model of {sides[0]} with {counts[0]:,} parameters, and one of super-resolution with
{counts[1]:,}. The text encoder of the CLIP with weights {cascade.enlarger.config.clip[:8]}, frozen,
reads the captions; both are refused with another.

    python -m diffusion_core sample --cascade FOLDER --clip CLIP --caption "a calm person" \\
        --out out.png
{_models(results)}{_levels(results)}{_thresholds(results)}{_costs(results)}
## Training

{commands}

{steps[0]} and {steps[1]}
steps, on {cascade.base.config.dataset} and {cascade.enlarger.config.dataset}.
""",
    )


def _models(results: ImagenResults) -> str:
    rows = [
        (r.model, f"{r.frechet:.2f}", f"{r.obedience:.3f}", f"{r.edges:.3f}")
        for r in results.models
    ]
    title = f"""## Models

{results.num:,} captions of held-out combinations, dpmpp_2m in {results.steps} steps, guidance
{results.guidance_scale:g} in the first walk, augmentation {results.level:g}. A judge that guides
nothing reads pictures at its own size: Frechet distance to as many held-out pictures, and
obedience, the share of what captions tell. Edges are of real pictures' at full size."""
    return card_table(title, ("", *_FIGURES), rows)


def _levels(results: ImagenResults) -> str:
    rows = [
        (f"{r.level:g}", f"{r.frechet:.2f}", f"{r.obedience:.3f}", f"{r.edges:.3f}")
        + (f"{r.away:.3f}",)
        for r in results.levels
    ]
    title = f"""## Level of augmentation

From {results.num_curves:,} held-out pictures, shrunk; `away` is how far the result, shrunk again,
is from its small picture."""
    return card_table(title, ("level", *_FIGURES, "away"), rows)


def _thresholds(results: ImagenResults) -> str:
    rows = [
        (f"{r.guidance_scale:g}, {r.threshold}", f"{r.saturated_small:.3f}", f"{r.saturated:.3f}")
        + (f"{r.frechet:.2f}", f"{r.obedience:.3f}", f"{r.edges:.3f}")
        for r in results.thresholds
    ]
    real = "" if results.saturated_real is None else f"{results.saturated_real:.3f}"
    told = f"\nOf the pixels of real pictures {real} are saturated." if real else ""
    title = f"""## Thresholds

{results.num_curves:,} captions, guidance and threshold in both walks.{told}"""
    heads = ("guidance", "saturated small", "saturated large", *_FIGURES)
    return card_table(title, heads, rows)


def _costs(results: ImagenResults) -> str:
    if not results.costs:
        return ""
    told = ", ".join(f"{name} {value:.1f}" for name, value in results.costs.items())
    return f"""
## Costs

Milliseconds of processor time of an evaluation of one picture: {told}.
"""
