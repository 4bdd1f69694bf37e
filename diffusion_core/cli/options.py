"""Options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Model = Annotated[str, typer.Option(help="Checkpoint folder, or Hub id owner/name.")]
