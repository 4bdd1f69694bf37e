"""One command of `python -m diffusion_core` a file; what it needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

Model = Annotated[str, typer.Option(help="Checkpoint folder, or Hub id owner/name.")]
