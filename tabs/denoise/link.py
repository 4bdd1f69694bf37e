"""The run card of a link: short enough for an address, and the link as a QR code.

A schedule that is given by all of its numbers would make a link of 29,000 characters, which servers
cut. The model that the card names has it, so that the link holds its digest alone, which is checked
when the link is opened. A schedule that is a name and parameters stays in the link as it is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from typing import Any

import segno

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.generation import RunCard

from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.wire import CodeAnswer

LONGEST_CODE = 2953  # bytes that a QR code holds (ISO/IEC 18004, version 40-L)
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


def qr_code(link: str) -> str:
    """A link as a QR code, dark on white with its quiet zone, for a camera to read.

    Args:
        link: The address. It comes from a browser, so it may be anything.

    Returns:
        JSON of a `CodeAnswer`: an SVG file, or an error in a sentence.
    """
    answer: CodeAnswer
    length = len(link.encode(errors="replace")) if isinstance(link, str) else 0
    if not 0 < length <= LONGEST_CODE:
        answer = {
            "error": f"The link has {length:,} characters, and a QR code holds at most "
            f"{LONGEST_CODE:,}; send the link or the run card instead."
        }
    else:
        buffer = io.BytesIO()
        with COMPUTE_QUEUE.slot():  # the largest takes 0.4 seconds
            # Low error correction: it is shown on a screen, whose squares are whole.
            code = segno.make_qr(link, error="l", boost_error=False)
        code.save(buffer, kind="svg", border=4, light="white", dark="black", omitsize=True)
        answer = {"svg": buffer.getvalue().decode()}
    return json.dumps(answer)
