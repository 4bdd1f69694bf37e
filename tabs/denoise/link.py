"""The run card of a link: short enough for an address.

A schedule that is given by all of its numbers would make a link of 29,000 characters, which servers
cut. The model that the card names has it, so that the link holds its digest alone, which is checked
when the link is opened. A schedule that is a name and parameters stays in the link as it is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.generation import RunCard

LONG_SCHEDULE = 500  # letters of its JSON
DIGEST = "sha256"


def schedule_digest(schedule: dict[str, Any]) -> str:
    """SHA-256 of a schedule's name and parameters."""
    return hashlib.sha256(json.dumps(schedule, sort_keys=True).encode()).hexdigest()


def link_card(card: RunCard) -> str:
    """The card as its link holds it, JSON; empty where that is the card itself."""
    if len(json.dumps(card.schedule)) <= LONG_SCHEDULE:
        return ""
    short = {DIGEST: schedule_digest(card.schedule)}
    return dataclasses.replace(card, schedule=short).to_json(with_given=False)


def check_schedule(card: RunCard, checkpoint: Checkpoint) -> None:
    """Refuse a link to a walk of another schedule than the model has here.

    Raises:
        ValueError: in one sentence.
    """
    if set(card.schedule) == {DIGEST} and card.schedule[DIGEST] != schedule_digest(
        checkpoint.config.schedule
    ):
        raise ValueError(
            f"This link was made with another noise schedule than the model {card.model} has here; "
            "open the walk's run card file instead."
        )
