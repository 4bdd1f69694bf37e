"""Captions as the views of the tab Systems take them, and what helps to write them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ..shared.wire import CaptionNoteMessage

MOST_CAPTION = 2000  # characters


def caption_of(text: object) -> str:
    """The caption of a field, without spaces around it; what cannot be shown separates words.

    Raises:
        ValueError: with a sentence for the page, if it is too long to be read.
    """
    words = "".join(c if c.isprintable() or c == "\n" else " " for c in str(text or "")).strip()
    if len(words) > MOST_CAPTION:
        raise ValueError(
            f"The caption has {len(words):,} characters, and at most {MOST_CAPTION:,} are read."
        )
    return words


def caption_note(
    field: str, note: str = "", words: Sequence[str] = (), examples: Mapping[str, str] | None = None
) -> str:
    """The message of what stands under a field for a caption.

    Args:
        field: Id of the field's element.
        note: A sentence on what is written.
        words: The words that are known.
        examples: Captions to begin with, by their names.
    """
    message: CaptionNoteMessage = {
        "field": field,
        "words": list(words),
        "examples": [{"name": k, "caption": v} for k, v in (examples or {}).items()],
        "note": note,
    }
    return json.dumps(message)
