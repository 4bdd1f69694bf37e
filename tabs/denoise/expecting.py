"""How long a walk will take, from one look of the network that was measured."""

from __future__ import annotations

from .. import models
from .asking import Asked
from .costs import span

WORTH_SAYING = 15.0  # seconds


def expected(*values: object) -> str:
    """What the controls' values will take, in a line; nothing where it is soon done.

    Args:
        *values: Those of `Asked`.
    """
    try:
        asked = Asked(*values)  # type: ignore[arg-type]
        checkpoint = asked.checkpoint()
        walk, _ = asked.walk(checkpoint)
    except (ValueError, TypeError):
        return ""
    seconds = models.seconds_of(walk, checkpoint)
    if seconds < WORTH_SAYING:
        return ""
    looks = walk.cost(checkpoint)
    return (
        f"These settings take {span(1000 * seconds)} or less here: {looks:,} looks at one picture, "
        f"{span(1000 * seconds / looks)} each, quicker where it looks at several together. Stop "
        "ends the walk after its present step."
    )
