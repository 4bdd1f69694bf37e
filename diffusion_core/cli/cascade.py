"""The part of `sample` that draws by a cascade."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer


def sample_cascade(
    out: str,
    folder: Path,
    clip: Path | None,
    augmentation: float | None,
    large: dict[str, Any],
    walk: dict[str, Any],
    others: dict[str, Any],
) -> None:
    """Draw by the cascade in a folder.

    Args:
        out: File to write, or folder.
        folder: Folder of the cascade.
        clip: Folder of its CLIP; None looks where models lie.
        augmentation: Level of the noise in the small picture; None is the recommended one.
        large: Settings in which the second walk is another than the first; None is the same.
        walk: Settings of both walks.
        others: Options that a cascade does not have, by name, with whether they are given.

    Raises:
        ValueError: if one of these is given, or something does not fit.
    """
    from ..checkpoint import checkpoint_folders
    from ..clip import find_clip, load_clip
    from ..device import best_device
    from ..generation import SamplingRequest
    from ..imagen import CascadeRequest, clip_of, load_cascade, write_cascade

    if given := next((name for name, is_given in others.items() if is_given), None):
        raise ValueError(f"A cascade is asked by --caption; leave --{given} out.")
    by = load_clip(clip) if clip else find_clip(checkpoint_folders(), clip_of(folder))
    models = load_cascade(folder, by).to(best_device())
    level = models.enlarger.config.augmentation if augmentation is None else augmentation
    request = CascadeRequest.of(
        walk.pop("caption"),
        level,
        SamplingRequest(**walk),
        SamplingRequest(**{**walk, **{k: v for k, v in large.items() if v is not None}}),
        num_images=walk["num_images"],
        seed=walk["seed"],
    )
    if request.small.caption is not None:
        tokenizer = models.base.config.tokenizer  # type: ignore[attr-defined]
        if note := tokenizer.note(request.small.caption):
            typer.echo(note, err=True)
    write_cascade(out, models, request)
    typer.echo(out)
