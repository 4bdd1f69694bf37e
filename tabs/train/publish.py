"""Push to the Hub: a model that was trained here goes to its owner's account."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from ..shared.components import QUIET
from ..shared.errors import PUSH, sentence_of
from ..shared.forms import Controls, entry, wired
from ..shared.sessions import PUBLIC
from . import my_models

TELL_SECONDS = 0.2
# What a push changes on the page: its words, and the token, which is used once.
PUSH_PARTS = ("outcome", "token")


@dataclass(frozen=True, repr=False)  # a token is never shown
class PushForm:
    """Where a model goes to: the names, defaults and controls of the fold.

    Attributes:
        to: The repository, as USER/NAME.
        private: Whether only its owner can see it.
        token: Of the Hub; empty for the machine's own, where that may be used.
    """

    to: str | None = entry(
        "",
        partial(
            gr.Textbox,
            label="Repository",
            placeholder="USER/NAME",
            max_length=200,
            info="on huggingface.co; it is made, or updated if it is there",
        ),
    )
    private: bool = entry(True, partial(gr.Checkbox, label="Private", info="only you can see it"))
    token: str | None = entry(
        "",
        partial(
            gr.Textbox,
            label="Token",
            type="password",
            max_length=500,
            html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
            info="of yours, with write rights; it is used once and not kept"
            if PUBLIC
            else "with write rights; this machine's own, if left empty",
        ),
    )


def build(own: gr.Dropdown) -> None:
    """Lay out the fold and wire it; called inside "Your models".

    Args:
        own: The menu of models that were trained here.
    """
    controls = Controls(PushForm)
    with gr.Accordion("Push to the Hub", open=False):
        for name in controls.table:
            controls.place(name)
        button = gr.Button("Push", size="md", elem_id="train-push")
        outcome = gr.Markdown(
            "Config, weights, a card under the MIT licence and a sheet of samples go there; your "
            "pictures do not.",
            elem_classes=["hint"],
            elem_id="train-pushed",
        )
        controls.add("outcome", outcome)
    button.click(
        **wired(push, [own, controls], controls.named(*PUSH_PARTS)), concurrency_limit=2, **QUIET
    )


def push(path: str | None, form: PushForm, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Handler of Push: its progress, and the outcome with a link; then the token is gone.

    It gives updates of `PUSH_PARTS`.
    """
    session, to, token = request.session_hash or "", form.to or "", form.token or ""
    doing = ["Looking at the repository"]
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(
            my_models.pushed, path, session, to, form.private, token, doing.append
        )
        while wait([sending], timeout=TELL_SECONDS).not_done:
            yield {"outcome": f"{doing[-1]} …"}
    try:
        done = sending.result()
    except Exception as error:
        yield {"outcome": sentence_of(error, PUSH)}
    else:
        link = f"[{done.hub_id}]({done.url})"
        yield {"outcome": f"{done.words.replace(done.hub_id, link, 1)}.", "token": ""}
