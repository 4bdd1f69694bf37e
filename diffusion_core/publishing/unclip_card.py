"""The card of a decoder of embeddings: what it is, how it was trained, what it draws."""

from __future__ import annotations

from pathlib import Path

from ..checkpoint import CARD
from ..files import write_text
from ..unclip import Decoder, UnclipResults
from .tables import card_table

_FRONT = """---
license: mit
library_name: pytorch
tags: [diffusion, unclip, decoder]
---
"""


def write_unclip_card(folder: Path, decoder: Decoder, results: UnclipResults) -> None:
    """Write `README.md` into the decoder's folder.

    Args:
        folder: Its folder.
        decoder: As `unclip.load_decoder` read it.
        results: As `unclip.unclip_results` read them.
    """
    config, training = decoder.config, decoder.config.training
    C, H, W = decoder.network.config.sample_shape
    count = sum(p.numel() for p in decoder.network.parameters())
    told = ", ".join(f"{k} {v}" for k, v in training.get("settings", {}).items())
    write_text(
        folder / CARD,
        f"""{_FRONT}# {folder.name}

The decoder of an unCLIP: draws a picture, {H} × {W} × {C}, that has a given \
embedding z_i of a CLIP (Ramesh et al. 2022, section 2.1). {count:,} parameters. It belongs to the \
CLIP with weights {config.clip[:8]}, and is refused with another.

## Training

    {training.get("command", "")}

{told}. {training.get("steps", 0):,} steps done, on {config.dataset}.

## What it draws

dpmpp_2m, {results.steps} steps spaced karras, guidance {results.guidance_scale:g}, of the prior \
{results.prior_scale:g}. A judge that guides nothing reads what is seen. Words: by what the prior \
makes of a held-out caption, by the caption's own embedding, by none (figure 8 of the paper, in \
numbers).
{_variations(results)}{_words(results)}{_quality(results)}{_differences(results)}""",
    )


def _variations(results: UnclipResults) -> str:
    rows = [
        (r.attribute, f"{r.kept:.3f}", f"{r.chance:.3f}", r.pictures) for r in results.variations
    ]
    return card_table(
        "### Variations of a picture keep", ("", "kept", "by chance", "pictures"), rows
    )


def _words(results: UnclipResults) -> str:
    rows = [
        (r.attribute, f"{r.prior:.3f}", f"{r.text:.3f}", f"{r.nothing:.3f}", r.told)
        for r in results.words
    ]
    return card_table("### Words are shown", ("", "prior", "text", "nothing", "captions"), rows)


def _quality(results: UnclipResults) -> str:
    rows = [
        (r.attribute, f"{r.frechet:.2f}", f"{r.precision:.3f}", f"{r.recall:.3f}", r.pictures)
        for r in results.quality
    ]
    heads = ("", "Frechet distance", "precision", "recall", "pictures")
    return card_table("### Beside as many held-out pictures, in the judge's features", heads, rows)


def _differences(results: UnclipResults) -> str:
    rows = [
        (r.attribute, f"{r.changed:.3f}", f"{r.others_stay:.3f}", r.pictures)
        for r in results.differences
    ]
    title = f"### A difference of two captions, θ = {results.share:g}, changes"
    return card_table(title, ("", "as asked", "others stay", "pictures"), rows)
