"""export: a checkpoint for diffusers or as an ONNX file, or the playground as a static page."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer

# The package that writes the page. It reads the tabs, so it stands above this one, which works
# without it: it is looked up by its name when the command is given, as a plugin is.
PAGE = "playground_page"


def export(
    model: Annotated[
        str | None,
        typer.Option(
            help="Checkpoint folder, or Hub id owner/name; a page has those that ship by default."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write, in the layout of diffusers.")
    ] = None,
    onnx: Annotated[
        Path | None, typer.Option(help="ONNX file to write, with a card beside it.")
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(help="Folder to write a static page into, for any web server."),
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

    --page writes the playground itself as a static page, with the models that ship or one.
    diffusers has no patches, so --out takes a network that was trained with --patch-size 1.
    """
    if sum(each is not None for each in (out, onnx, page)) != 1:
        raise ValueError("Give either --out FOLDER or --onnx FILE, or --page FOLDER.")
    if out is None and (label is not None or keep_classes):
        raise ValueError(
            "--label and --keep-classes go with --out; an ONNX file keeps all classes."
        )
    if page is not None:
        _write_page(page, model)
        return
    if model is None:
        raise ValueError("Name the checkpoint by --model.")
    from ..checkpoint import export_diffusers, load_checkpoint

    if out is not None:
        export_diffusers(out, load_checkpoint(model), label, keep_classes=keep_classes)
    else:
        assert onnx is not None
        from ..engines import export_onnx

        export_onnx(onnx, load_checkpoint(model))
    typer.echo(str(out or onnx))


def _write_page(folder: Path, model: str | None) -> None:
    try:
        writer = importlib.import_module(PAGE)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"The page's own package is not installed ({error.name} is missing); run this where "
            "the whole playground is."
        ) from None
    size = writer.write_page(folder, None if model is None else (model,))
    typer.echo(f"{folder} ({size / 1e6:.1f} MB)")
