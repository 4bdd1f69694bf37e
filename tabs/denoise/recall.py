"""A walk that was computed for a page, shown again after a reload: all of its frames so far.

A walk ends with the connection of its page, and nothing is computed here: what is shown again is
what the recording holds. It may be large, so that it goes to the page in several messages, each of
which the page asks for.
"""

from __future__ import annotations

from itertools import accumulate, takewhile

from diffusion_core.generation import RunCard

from ..shared.player import Run
from ..shared.wire import RecallRequest
from .link import link_card
from .run_registry import RECORDINGS

CHANGED = (  # the session that was left had it, and a reload begins another
    "This walk was made with a changed network. After the page was loaded again, new walks use it "
    "only where the controls say so: press Walk with it in the tab Inside."
)
PIECE_BYTES = 2 * 2**20  # of the pictures in one message


def recall(request: RecallRequest) -> str:
    """The frames of a run from one on, as a player's message.

    Args:
        request: `run`, the session that shows it again, and the number of the `first` frame. It
            comes from a browser, so any of them may be missing or of another type.

    Returns:
        JSON of a `PlayerMessage`, of as many frames as are sent at once, whose last one has
        `done` where the walk came to its end; empty where there is no such run or frame.
    """
    run_id, session = str(request.get("run")), str(request.get("session") or "")
    first = request.get("first")
    found = RECORDINGS.again(run_id, session)
    if found is None or not isinstance(first, int) or first < 0:
        return ""
    record, shown = found
    frames, done = list(record.frames), record.result is not None
    taken = accumulate(sum(p.nbytes for p in f.pictures.values()) for f in frames[first:])
    count = max(1, len(list(takewhile(lambda size: size <= PIECE_BYTES, taken))))
    piece = frames[first : first + count]
    if not piece:
        return ""
    last = done and first + count >= len(frames)
    card = link = ""
    if last:
        assert record.result is not None
        made = RunCard.of(record.checkpoint, record.settings, record.given, record.result)
        card, link = made.to_json(), link_card(made)
    run = Run(shown.head, run_id, first)
    for frame in piece:
        run.add(frame)
    note = (CHANGED if record.settings.switches else shown.note) if last else ""
    return run.message(done=last, card=card, link=link, note=note)
