"""Files of a run that the player requests: an animation, a strip of its moments."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

from diffusion_core.data import to_pil
from diffusion_core.generation import Recording, enlargement, strip, write_animation

from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import FILE, sentence_of
from ..shared.wire import KeepAnswer, KeepRequest, as_base64
from .captions import file_name
from .run_registry import recorded

KINDS = {"gif": "image/gif", "mp4": "video/mp4", "strip": "image/png"}  # with their media types
NO_SUCH_FILE = "There is no such file to be kept."


def keep(request: KeepRequest) -> str:
    """A file of a run, for the browser to save.

    Args:
        request: `run` and `card` of the run, `kind` of file, and the `view` that it shows. It comes
            from a browser, so any of them may be missing or of another type.

    Returns:
        JSON of a `KeepAnswer`: name, media type and data in base64, or an error in a sentence.
    """
    answer: KeepAnswer
    try:
        kind, view = str(request.get("kind")), str(request.get("view"))
        if kind not in KINDS:
            raise ValueError(NO_SUCH_FILE)
        record = recorded(str(request.get("run")), str(request.get("card") or ""))
        if view not in record.views:
            raise ValueError(NO_SUCH_FILE)
        with COMPUTE_QUEUE.slot():
            name, content = _file(record, kind, view, bool(request.get("native")))
        answer = {"name": name, "type": KINDS[kind], "data": as_base64(content)}
    except Exception as error:
        answer = {"error": sentence_of(error, FILE)}
    return json.dumps(answer)


def _file(record: Recording, kind: str, view: str, native: bool) -> tuple[str, bytes]:
    """Name and content of a file of a walk; native, with the model's own pixels."""
    sheets = [frame.pictures[view] for frame in record.frames]
    stem = f"{file_name(record)}-{record.num_steps}steps-{view}"
    if kind == "strip":
        words = [f"t = {frame.t}" if frame.t >= 0 else "finished" for frame in record.frames]
        whole = strip(sheets).shape
        scale = 1 if native else enlargement(whole[0], whole[1])
        buffer = io.BytesIO()
        to_pil(strip(sheets, words, scale=scale)).save(buffer, format="PNG")
        return f"{stem}-strip.png", buffer.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{stem}.{kind}"
        write_animation(path, sheets, scale=1 if native else None)
        return path.name, path.read_bytes()
