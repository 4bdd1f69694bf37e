"""A run card's walk in the page's controls, so that the page shows what it replays."""

from __future__ import annotations

from typing import Any

import gradio as gr

from diffusion_core.generation import RunCard

from ..shared import models
from .form import OpenedCard, card_updates
from .link import check_schedule


def card_values(event: gr.EventData, request: gr.Request) -> dict[str, Any]:
    """Updates of the controls for a run card, by name; none where it is not for this page.

    Args:
        event: Carries the card's text.
        request: The request; its session's own models are known too.
    """
    try:
        card = RunCard.from_json(str(event.card))
    except ValueError:
        return {}
    known = models.by_hash(card.weights, request.session_hash or "")
    if known is None:
        return {}
    path, checkpoint = known
    try:
        check_schedule(card, checkpoint)
        card.check(checkpoint)  # the replay says in a sentence what does not fit
    except ValueError:
        return {}
    return card_updates(OpenedCard(path, checkpoint, card.walk, card.given))
