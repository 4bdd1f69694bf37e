"""Put a trained checkpoint where one ships: its weights and what they are.

Run from the top of the repository:

    python -m pretrained.recipes.ship runs/avatars pretrained/avatars

What ships keeps its card, which says more than a training does, and what its files name as suiting
it: the class that the page begins with, and the default sampler until it is measured anew. Results
of the weights before stay beside the card that shows them; they are not believed of the new ones.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import typer

from diffusion_core.checkpoint import (
    CARD,
    CONFIG,
    RESULTS,
    WEIGHTS,
    CheckpointConfig,
    load_checkpoint,
)


def ship(trained: Path, shipped: Path) -> None:
    """Copy a checkpoint.

    Args:
        trained: The folder of the trained checkpoint.
        shipped: The folder to write; made if it is not there.
    """
    config = load_checkpoint(trained).config
    shipped.mkdir(parents=True, exist_ok=True)
    if (shipped / CONFIG).exists():
        before = CheckpointConfig.from_json((shipped / CONFIG).read_text(encoding="utf-8"))
        config = dataclasses.replace(config, sampling=config.sampling | before.sampling)
    shutil.copyfile(trained / WEIGHTS, shipped / WEIGHTS)
    (shipped / CONFIG).write_text(config.to_json(), encoding="utf-8")
    if (trained / CARD).exists() and not (shipped / CARD).exists():
        for name in (CARD, RESULTS):  # the card shows the results, so that they go together
            if (trained / name).exists():
                shutil.copyfile(trained / name, shipped / name)


if __name__ == "__main__":
    typer.run(ship)
