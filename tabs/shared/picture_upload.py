"""The one door by which a user's picture enters the page."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np
from gradio.processing_utils import get_upload_folder
from gradio.utils import is_in_or_equal
from gradio_client.utils import is_file_obj_with_meta

from diffusion_core.data import RawPicture, read_picture, read_raw, to_levels


def picture_input(*, raw: bool = False, **options: Any) -> gr.Image:
    """A picture by upload, drag, paste or webcam; handlers get uint8 (H, W, C), or None.

    Gradio's own reading clips 16 bits, drops transparency and shows only "Error" for a file that
    is broken or a decompression bomb; so the file is taken as it came. It is `gr.Image` itself with
    another reader, no subclass: for a subclass Gradio writes a .pyi file beside the source.

    Args:
        raw: Handlers get a `RawPicture` where the file holds more than 8 bits a value.
        **options: Those of `gr.Image`.
    """
    picture = gr.Image(type="filepath", format="png", **options)
    picture.preprocess = receive_raw if raw else receive  # type: ignore[method-assign, assignment]
    return picture


def receive(payload: Any) -> np.ndarray | None:
    """Read an uploaded file as levels; what cannot be read is one sentence in the page.

    Raises:
        gr.Error: with that sentence.
    """
    picture = receive_raw(payload)
    return None if picture is None else to_levels(picture)[0]


def receive_raw(payload: Any) -> np.ndarray | RawPicture | None:
    """The same, but more than 8 bits a value stay what they are.

    Raises:
        gr.Error: with a sentence.
    """
    if payload is None:
        return None
    path = getattr(payload, "path", None)
    try:
        if not path or str(path).startswith("data:"):
            raise ValueError("Send the picture as a file, not as a data URL.")
        picture = read_raw(path)
        return picture if picture.deep else picture.values
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None


def received(file: Any) -> np.ndarray:
    """Read the file that a program sent to an endpoint.

    Only what was uploaded is read: a program may write any path of this machine into its request.

    Raises:
        ValueError: if it is no such file, or cannot be read; one sentence.
    """
    if not isinstance(file, dict) or not isinstance(file.get("meta"), dict):
        file = None
    if not is_file_obj_with_meta(file) or not is_in_or_equal(file["path"], get_upload_folder()):
        raise ValueError("Send the picture as a file, as handle_file of gradio_client does.")
    return read_picture(file["path"])


def fetch_plainly(component: Any) -> None:
    """Have an endpoint's picture that cannot be fetched from its address be one sentence, too."""
    fetch = component.async_move_resource_to_block_cache

    async def fetched(address: Any) -> Any:
        try:
            return await fetch(address)
        except Exception:
            raise gr.Error(
                "The picture could not be fetched from its address; send it as a file.",
                print_exception=False,
            ) from None

    component.async_move_resource_to_block_cache = fetched
