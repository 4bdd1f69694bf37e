"""The one door by which a user's picture enters the page."""

from __future__ import annotations

import html
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
from gradio.processing_utils import get_upload_folder
from gradio.utils import is_in_or_equal
from gradio_client.utils import is_file_obj_with_meta

from diffusion_core.data import RawPicture, read_picture, read_raw, to_levels

from .components import LATEST


def picture_input(*, raw: bool = False, stays: str = "", **options: Any) -> gr.Image:
    """A picture by upload, drag, paste or webcam; handlers get uint8 (H, W, C), or None.

    Gradio's own reading clips 16 bits, drops transparency and shows only "Error" for a file that
    is broken or a decompression bomb; so the file is taken as it came. It is `gr.Image` itself with
    another reader, no subclass: for a subclass Gradio writes a .pyi file beside the source. The
    reader is known by a class name, which stays where Gradio makes the control anew for an update.

    A file that cannot be read is told once, in a sentence below the control, which is then empty;
    to all other handlers it is not a picture. Each of them would else report it again.

    Args:
        raw: Handlers get a `RawPicture` where the file holds more than 8 bits a value.
        stays: What the sentence adds, as on a picture that is still shown.
        **options: Those of `gr.Image`.
    """
    classes = [RAW_PICTURE if raw else PICTURE]
    picture = gr.Image(type="filepath", format="png", elem_classes=classes, **options)
    told = gr.HTML(elem_classes=["told"])

    def tell_refusal(payload: Any) -> tuple[Any, str]:
        return refused(payload, stays)

    picture.input(tell_refusal, picture, [picture, told], preprocess=False, **LATEST)
    return picture


def quiet(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same reader, for which a file that cannot be read is not a picture."""

    def quietly(payload: Any) -> Any:
        try:
            return read(payload)
        except gr.Error:
            return None

    return quietly


def refused(payload: Any, stays: str = "") -> tuple[Any, str]:
    """What becomes of the control and of the line below it when a file was given.

    Args:
        payload: What the control holds, as the browser sent it.
        stays: What the sentence on a file that cannot be read adds.
    """
    words = refusal(payload)
    if not words:
        return gr.skip(), ""
    words = html.escape(f"{words} {stays}".strip(), quote=False)
    return None, f'<p class="error" role="alert">{words}</p>'


def refusal(payload: Any) -> str:
    """Why an uploaded file is not a picture that can be read, in a sentence; "" where it is one.

    Args:
        payload: What the control holds, as the browser sent it; None is no file.
    """
    if payload is None:
        return ""
    path = payload.get("path") if isinstance(payload, dict) else payload
    try:
        receive_raw(SimpleNamespace(path=path))
    except gr.Error as error:
        return f"{error.message} Choose another picture."
    return ""


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


PICTURE, RAW_PICTURE = "read-as-levels", "read-raw"  # classes of the controls
READERS = {PICTURE: quiet(receive), RAW_PICTURE: quiet(receive_raw)}
_gradio_reads = gr.Image.preprocess


def _preprocess(self: gr.Image, payload: Any) -> Any:
    """What a control of `picture_input` holds, read by our reader; any other by Gradio's."""
    for name in self.elem_classes or ():
        if name in READERS:
            return READERS[name](payload)
    return _gradio_reads(self, payload)


gr.Image.preprocess = _preprocess  # type: ignore[method-assign, assignment]


def received(file: Any) -> np.ndarray:
    """Read the file that a program sent to an endpoint.

    Only what was uploaded is read: a program may write any path of this machine into its request.

    Raises:
        ValueError: if it is not such a file, or cannot be read; one sentence.
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
