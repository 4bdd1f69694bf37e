"""The one door by which a user's picture enters the page."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from diffusion_core.pictures import read_picture


def picture_input(**options: Any) -> gr.Image:
    """A picture by upload, drag, paste or webcam; handlers get uint8 (H, W, C), or None.

    Gradio's own reading clips 16 bits, drops transparency and shows only "Error" for a file that
    is broken or a decompression bomb; so the file is taken as it came. It is `gr.Image` itself with
    another reader, no subclass: for a subclass Gradio writes a .pyi file beside the source.

    Args:
        **options: Those of `gr.Image`.
    """
    picture = gr.Image(type="filepath", format="png", **options)
    picture.preprocess = receive  # type: ignore[method-assign]
    return picture


def receive(payload: Any) -> np.ndarray | None:
    """Read an uploaded file; what cannot be read is one sentence in the page.

    Raises:
        gr.Error: with that sentence.
    """
    if payload is None:
        return None
    path = getattr(payload, "path", None)
    try:
        if not path or str(path).startswith("data:"):
            raise ValueError("Send the picture as a file, not as a data URL.")
        return read_picture(path)
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None
