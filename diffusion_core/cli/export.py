"""export: a checkpoint as a folder that diffusers reads, or as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Model


def export(
    model: Model,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write, in the layout of diffusers.")
    ] = None,
    onnx: Annotated[
        Path | None, typer.Option(help="ONNX file to write, with a card beside it.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(help="Class that the exported pipeline draws; else without a class."),
    ] = None,
    keep_classes: Annotated[
        bool, typer.Option(help="Keep all classes, to be used with UNet2DModel.")
    ] = False,
) -> None:
    """Export a checkpoint: --out for diffusers' DDPMPipeline, --onnx for ONNX Runtime.

    diffusers has no patches, so --out takes a network that was trained with --patch-size 1.
    """
    if (out is None) == (onnx is None):
        raise ValueError("Give either --out FOLDER or --onnx FILE.")
    if onnx is not None and (label is not None or keep_classes):
        raise ValueError(
            "--label and --keep-classes go with --out; an ONNX file keeps all classes."
        )
    from ..checkpoint import export_diffusers, load_checkpoint

    if out is not None:
        export_diffusers(out, load_checkpoint(model), label, keep_classes=keep_classes)
    else:
        assert onnx is not None
        from ..engines import export_onnx

        export_onnx(onnx, load_checkpoint(model))
    typer.echo(str(out or onnx))
