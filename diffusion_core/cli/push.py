"""push: a checkpoint on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def push(
    model: Annotated[Path, typer.Option(help="Checkpoint folder.")],
    to: Annotated[str, typer.Option(help="Repository on the Hub, USER/NAME.")],
    public: Annotated[bool, typer.Option(help="Let everybody see it.")] = False,
    message: Annotated[str, typer.Option(help="Of the commit.")] = "",
    licence: Annotated[
        str | None, typer.Option("--license", help="For the card; else its own, else mit.")
    ] = None,
    diffusers: Annotated[bool, typer.Option(help="In diffusers' layout; see export.")] = False,
) -> None:
    """Push a checkpoint to the Hugging Face Hub, private unless told otherwise."""
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
