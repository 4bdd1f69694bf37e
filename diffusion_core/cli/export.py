"""export: a checkpoint as a folder that diffusers reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Model


def export(
    model: Model,
    out: Annotated[Path, typer.Option(help="Folder to write, in the layout of diffusers.")],
    label: Annotated[
        str | None,
        typer.Option(help="Class that the exported pipeline draws; else without a class."),
    ] = None,
    keep_classes: Annotated[
        bool, typer.Option(help="Keep all classes, to be used with UNet2DModel.")
    ] = False,
) -> None:
    """Export a checkpoint without patches, so that diffusers' DDPMPipeline reads it."""
    from ..checkpoint import export_diffusers, load_checkpoint

    export_diffusers(out, load_checkpoint(model), label, keep_classes=keep_classes)
    typer.echo(str(out))
