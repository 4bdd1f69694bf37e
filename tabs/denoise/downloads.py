"""Files of a run that the player requests: animation, strip, picture, run card."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

from diffusion_core.data import to_pil
from diffusion_core.generation import strip, write_animation

from ..shared.wire import KeepAnswer, KeepRequest, as_base64
from .run_registry import recorded

KINDS = {"gif": "image/gif", "mp4": "video/mp4", "strip": "image/png"}  # with their media types


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
        record = recorded(str(request.get("run")), str(request.get("card") or ""))
        if kind not in KINDS or view not in record.views:
            raise ValueError("There is no such file to be kept.")
        sheets = [frame.pictures[view] for frame in record.frames]
        if kind == "strip":
            buffer = io.BytesIO()
            to_pil(strip(sheets)).save(buffer, format="PNG")
            name, content = f"walk-{view}.png", buffer.getvalue()
        else:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"walk-{view}.{kind}"
                write_animation(path, sheets)
                name, content = path.name, path.read_bytes()
        answer = {"name": name, "type": KINDS[kind], "data": as_base64(content)}
    except ValueError as error:
        answer = {"error": str(error)}
    return json.dumps(answer)
