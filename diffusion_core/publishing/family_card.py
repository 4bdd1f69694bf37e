"""Cards of the families on pictures: one for each folder, and one for all together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..checkpoint import CARD
from ..evaluation import FamilyResults
from ..families import StoredFamily, kind_of
from ..files import write_text

_FRONT = """---
license: mit
library_name: pytorch
pipeline_tag: unconditional-image-generation
tags: [{tags}, unconditional-image-generation]
---
"""
_TAGS = {
    "gan": "generative-adversarial-network",
    "vae": "variational-autoencoder",
    "flow": "normalizing-flow",
    "latent": "latent-diffusion",
}


def write_family_cards(
    folder: Path, families: Sequence[StoredFamily], results: FamilyResults
) -> None:
    """Write `README.md` into a folder and into those of its families.

    Args:
        folder: It holds the families' folders, named by their kinds.
        families: As `evaluation.families_in` read them.
        results: Their table.
    """
    measured = f"""## Measured

{results.table()}

Precision and recall after Kynkäänniemi et al. (2019), k = 3; they and the Frechet distance are
taken in the features of a small classifier of {results.dataset}, against as many test images as
were drawn, and compare with nothing outside this table. Bits a dimension are exact for the flow and
a bound (ELBO) for the VAE; a GAN has none, and for diffusion none was taken. Time:
{results.processor}, {results.num_threads} threads, torch {results.torch_version}.
"""
    listed = "\n".join(f"- `{kind_of(f.family)}/`: {_what(f)}" for f in families)
    tags = ", ".join(_TAGS[kind_of(f.family)] for f in families)
    text = f"# Families on {results.dataset}\n\n{listed}\n\n{measured}"
    write_text(folder / CARD, _FRONT.format(tags=tags) + text)
    for stored in families:
        kind = kind_of(stored.family)
        settings = ", ".join(f"{k} {v}" for k, v in stored.training.get("settings", {}).items())
        text = f"""# {stored.family.name} on {stored.dataset}

{_what(stored)}

    python -m diffusion_core family sample --model FOLDER --out out.png

{measured}
## Training

    {stored.training.get("command", "")}

{settings}. {stored.training.get("cpu_seconds", 0):,} seconds of one core.
"""
        write_text(folder / kind / CARD, _FRONT.format(tags=_TAGS[kind]) + text)


def _what(stored: StoredFamily) -> str:
    C, H, W = stored.family.shape.sample_shape
    return (
        f"A {stored.family.name} ({stored.family.paper}) on {stored.dataset}: "
        f"{stored.parameters:,} parameters trained, images {H} × {W} × {C}, told one of "
        f"{len(stored.class_names)} classes, a latent of {stored.family.latent} numbers."
    )
