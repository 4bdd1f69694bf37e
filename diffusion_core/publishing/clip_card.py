"""The card of a CLIP: what it is, how well it reads, what its guidance does."""

from __future__ import annotations

from pathlib import Path

from ..checkpoint import CARD
from ..clip import Clip, ClipAccuracy, ClipSettings
from ..evaluation import ClipResults
from ..files import write_text

_FRONT = """---
license: mit
library_name: pytorch
pipeline_tag: zero-shot-image-classification
tags: [diffusion, clip, clip-guidance, zero-shot-image-classification]
---
"""


def write_clip_card(folder: Path, clip: Clip, settings: ClipSettings, results: ClipResults) -> None:
    """Write `README.md` into the CLIP's folder.

    Args:
        folder: Its folder.
        clip: As `clip.read_clip` read it.
        settings: With it.
        results: As `evaluation.clip_results` read them.
    """
    C, H, W = clip.config.sample_shape
    training = settings.training
    told = ", ".join(f"{k} {v}" for k, v in training.get("settings", {}).items())
    write_text(
        folder / CARD,
        f"""{_FRONT}# {folder.name}

A CLIP of {settings.dataset}, of noisy pictures and clean ones: {clip.num_parameters:,} \
parameters, pictures {H} × {W} × {C}, {len(settings.vocabulary)} words, embeddings of \
{clip.config.features} features (Radford et al. 2021; Nichol et al. 2021, GLIDE, section 2.4). It \
guides a model that is asked in words, and the embedding of a clean picture says what it shows.

    python -m diffusion_core sample --model MODEL --caption "a smiling person with an afro" \
--clip FOLDER --clip-scale 2 --out out.png
{_accuracy(results.accuracy)}
## Training

    {training.get("command", "")}

{told}. {training.get("steps", 0):,} steps done, {training.get("cpu_seconds", 0):,} seconds of \
processor time.
{_curve(results)}""",
    )


def _accuracy(rows: tuple[ClipAccuracy, ...]) -> str:
    if not rows:
        return ""
    levels = ["clean" if r.log_snr is None else f"{r.log_snr:g}" for r in rows]
    lines = [
        f"| | chance | {' | '.join(levels)} |",
        f"|---|---:|{'---:|' * len(levels)}",
        f"| retrieval among 100 | 0.010 | {' | '.join(f'{r.retrieval:.3f}' for r in rows)} |",
    ]
    for i, first in enumerate(rows[0].named):
        each = " | ".join(f"{r.named[i].accuracy:.3f}" for r in rows)
        lines.append(f"| {first.fact}, of {first.num:,} | {first.chance:.3f} | {each} |")
    table = "\n".join(lines)
    return f"""
## What it reads, by log-SNR

{rows[0].num:,} held-out pictures, noised on the variance-preserving path; log-SNR is \
log(ᾱ / (1 - ᾱ)). Retrieval: of 100 captions that tell all, how often a picture's own agrees best. \
The other rows are zero-shot: the caption that tells one value and nothing else, in several \
wordings, against those of the other values.

{table}
"""


def _curve(results: ClipResults) -> str:
    curve = results.curve
    if curve is None:
        return ""
    return f"""
## What its guidance does

{curve.model}, {curve.sampler}, {curve.steps} steps spaced {curve.spacing}, the same captions and \
the same noise in every row. The scale is guidance_scale of classifier-free guidance (1 is \
without, 0 asks for nothing) and clip_scale of the CLIP's, beside which classifier-free guidance \
is off. Obedience is the share of what captions tell that a judge sees, which guides nothing; the \
Frechet distance is taken in its features, of {curve.num:,} pictures, so that it compares with \
nothing outside this table.

{curve.table()}

    {curve.command}
"""
