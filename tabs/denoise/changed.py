"""A network that the Inside tab has changed: what the tab says of it, and the way back."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import gradio as gr

from ..shared import models
from ..shared.changed_network import ChangedNetwork, switch_words
from ..shared.components import QUIET
from ..shared.forms import Controls, Named, wired
from ..shared.page import Page, open_tab
from .form import DenoiseForm

CHANGED_PARTS = ("changed_words", "plain_again")


def place(controls: Controls[DenoiseForm]) -> None:
    """Lay out the words on the changed network, unseen while there is none; `wire` shows them."""
    controls.place("changed")
    controls.add("changed_words", gr.Markdown(visible=False, elem_classes=["begins"]))
    button = gr.Button(
        "Use the plain network again", visible=False, size="sm", elem_id="denoise-plain-again"
    )
    controls.add("plain_again", button)


def shown(changed: ChangedNetwork | None, model: str) -> dict[str, Any]:
    """Updates of `CHANGED_PARTS`: the words, while the model is the one that was changed."""
    words = ""
    if changed is not None and changed.model == model:
        try:
            words = switch_words(models.get(model).unet.config, changed.switches)
        except ValueError:
            pass  # the walk says in a sentence what cannot be
    return {
        "changed_words": gr.Markdown(
            f"**Changed network:** {words}. Walks are made with it." if words else "",
            visible=bool(words),
        ),
        "plain_again": gr.Button(visible=bool(words)),
    }


def taken(changed: ChangedNetwork | None) -> dict[str, Any]:
    """Updates for "Walk with it" of the Inside tab: its network here, walked with at once."""
    if changed is None:
        return {}
    updates = {"model": changed.model, "changed": changed}
    if changed.label is not None:
        updates["label"] = changed.label
    return {**updates, "tabs": open_tab("denoise"), "now": uuid4().hex}


def wire(controls: Controls[DenoiseForm], page: Page, now: gr.State) -> None:
    """Make the words follow, and have what the Inside tab hands over walked.

    Args:
        controls: The tab's controls, with those that `place` laid out.
        page: The page, which has what the Inside tab gave.
        now: When it changes, what the controls then request is denoised.
    """
    changed = controls["changed"]
    gr.on(
        [changed.change, controls["loaded"].change],
        **wired(shown, [changed, controls["model"]], controls.named(*CHANGED_PARTS)),
        **QUIET,
    )
    controls["plain_again"].click(lambda: None, outputs=changed, **QUIET)
    page["inside_changed"].change(
        **wired(
            taken,
            [page["inside_changed"]],
            controls.named("model", "label", "changed") | Named({"tabs": page.tabs, "now": now}),
        ),
        **QUIET,
    )
