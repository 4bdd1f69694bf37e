"""push: a checkpoint on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def push(
    model: Annotated[Path, typer.Option(help="Checkpoint folder.")],
    to: Annotated[str, typer.Option(help="Repository on the Hub, USER/NAME.")],
    public: Annotated[bool, typer.Option(help="Make the repository public.")] = False,
    message: Annotated[str, typer.Option(help="Message of the commit.")] = "",
    licence: Annotated[
        str | None,
        typer.Option("--license", help="Licence named in the card; else the card's own, else mit."),
    ] = None,
    diffusers: Annotated[
        bool, typer.Option(help="Push in diffusers' layout, as `export` writes it.")
    ] = False,
) -> None:
    """Push a checkpoint to the Hugging Face Hub, as a private repository by default."""
    from ..device import best_device
    from ..publishing import push as send

    pushed = send(
        model,
        to,
        private=not public,
        message=message,
        diffusers=diffusers,
        licence=licence,
        device=best_device(),
        tell=lambda words: typer.echo(f"{words} …", err=True),
    )
    typer.echo(f"{pushed.words}.", err=True)
    typer.echo(pushed.url)
