"""Push to the Hub: a model that was trained here goes to its owner's account."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import gradio as gr

from ..shared.components import QUIET
from ..shared.errors import PUSH, sentence_of
from ..shared.sessions import PUBLIC
from . import my_models

TELL_SECONDS = 0.2


def build(own: gr.Dropdown) -> None:
    """Lay out the fold and wire it; called inside "Your models".

    Args:
        own: The menu of models that were trained here.
    """
    with gr.Accordion("Push to the Hub", open=False):
        to = gr.Textbox(
            label="Repository",
            placeholder="USER/NAME",
            max_length=200,
            info="on huggingface.co; it is made, or updated if it is there",
        )
        private = gr.Checkbox(True, label="Private", info="only you can see it")
        token = gr.Textbox(
            label="Token",
            type="password",
            max_length=500,
            html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
            info="of yours, with write rights; it is used once and not kept"
            if PUBLIC
            else "with write rights; this machine's own, if left empty",
        )
        button = gr.Button("Push", size="md", elem_id="train-push")
        outcome = gr.Markdown(
            "Config, weights, a card under the MIT licence and a sheet of samples go there; your "
            "pictures do not.",
            elem_classes=["hint"],
            elem_id="train-pushed",
        )
    button.click(push, [own, to, private, token], [outcome, token], concurrency_limit=2, **QUIET)


def push(
    path: str | None, to: str, private: bool, token: str, request: gr.Request
) -> Iterator[tuple[str, Any]]:
    """Handler of Push: its progress, and the outcome with a link; then the token is gone."""
    session = request.session_hash or ""
    doing = ["Looking at the repository"]
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(
            my_models.pushed, path, session, to or "", private, token or "", doing.append
        )
        while wait([sending], timeout=TELL_SECONDS).not_done:
            yield f"{doing[-1]} …", gr.skip()
    try:
        done = sending.result()
    except Exception as error:
        yield sentence_of(error, PUSH), gr.skip()
    else:
        link = f"[{done.hub_id}]({done.url})"
        yield f"{done.words.replace(done.hub_id, link, 1)}.", ""
