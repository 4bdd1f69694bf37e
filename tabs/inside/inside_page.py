"""The seam between the tab's frame and its views.

A view is built by one function, `build_VIEW(inside)`, in a file of its own. It lays its components
out where it is called, and tells by `InsidePage.follow` what it computes of a `Subject`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from torch import Tensor

from diffusion_core.data import to_uint8

from ..shared.components import QUIET
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.forms import Controls, Named, wired
from ..shared.number_input import beside, readable
from ..shared.page import Page
from ..shared.wire import InsideStageMessage, as_base64
from .form import InsideForm
from .subject import Subject, subject_of

NETWORK = "network"  # the view that is seen first
# What changes the subject, by the names of its controls. "walked" changes when the others have
# followed the step of a walk.
SUBJECT_FIELDS = ("loaded", "label", "picture", "t", "seed", "walked")


@dataclass(frozen=True, eq=False)
class InsidePage:
    """The tab while it is built; every view's `build_VIEW` gets it.

    Attributes:
        page: The page: what other tabs give and get, see `tabs.shared.page`.
        controls: The tab's controls by name: the fields of `InsideForm`, and beside them "stage",
            the four pictures above the views; "told", a place for one sentence beside the controls;
            "view", a text that the browser fills with the name of the view that is seen, "" before
            the tab was opened.
        owners: Names of the views that make the message of the stage themselves.
        opened: The events of the tab being opened, and of a view being chosen.
    """

    page: Page
    controls: Controls[InsideForm]
    owners: set[str] = field(default_factory=set)
    opened: list[Any] = field(default_factory=list)

    def subject(self, values: InsideForm) -> Subject:
        """The subject of the controls' values.

        Raises:
            ValueError: with a sentence for the page, if they do not fit.
        """
        return subject_of(values)

    def follow(
        self,
        view: str,
        handler: Callable[..., dict[str, Any]],
        inputs: Sequence[Any] = (),
        outputs: Named | None = None,
        *,
        stage: bool = False,
        also: Sequence[Any] = (),
        after: Sequence[Any] = (),
    ) -> None:
        """Have a view follow the subject: computed anew whenever that changes while it is seen.

        The handler runs in a slot of the page's queue of computations, of which it takes none
        itself. A ValueError that it raises becomes the sentence beside the controls, and what is
        shown stays.

        Args:
            view: The view's name.
            handler: Gets a `Subject` and the values of `inputs`; returns updates by name of
                `outputs`, and of "stage" where `stage` is set (see `stage_message`). It may run in
                several threads at once, for several visitors: nothing that it changes is shared.
            inputs: Further components, tuples of them or `Controls`, as `wired` takes them. What a
                person changes in them does not by itself call the handler: see `also`.
            outputs: The view's own components by name.
            stage: Whether the handler makes the message of the stage too, as a view does that shows
                what a changed network predicts. The frame then makes none while the view is seen.
            also: Further triggers, such as `slider.input`.
            after: Events that are wired already, after each of which the handler is called, as one
                whose script fills in one of the inputs.
        """
        if stage:
            self.owners.add(view)
        parts = (Named({}) if outputs is None else outputs) | self.controls.named(
            "told", *(["stage"] if stage else [])
        )

        def followed(form: InsideForm, seen: str, *values: Any) -> dict[str, Any]:
            if seen != view:
                return {}
            return self.computed(form, lambda subject: handler(subject, *values))

        followed.__name__ = f"inside_{view}"
        self.wire(followed, inputs, parts, also, after)

    def wire(
        self,
        handler: Callable[..., Any],
        inputs: Sequence[Any],
        outputs: Named,
        also: Sequence[Any] = (),
        after: Sequence[Any] = (),
    ) -> None:
        """Call a handler on every change of the subject, and when the tab or a view is opened."""
        changes = [self.controls[name].change for name in SUBJECT_FIELDS]
        arguments = wired(handler, [self.controls, self.controls["view"], *inputs], outputs)
        options: dict[str, Any] = {"concurrency_limit": 8, **QUIET}
        gr.on([*changes, *also], **arguments, trigger_mode="always_last", **options)
        for event in [*self.opened, *after]:
            event.then(**arguments, **options)

    def computed(
        self, form: InsideForm, compute: Callable[[Subject], dict[str, Any]]
    ) -> dict[str, Any]:
        """Updates that are computed of the controls' subject, in a slot of the page's queue.

        Args:
            form: The controls' values.
            compute: Makes the updates; its ValueError becomes the sentence beside the controls.

        Returns:
            The updates, with that of "told"; that one alone where something does not fit.
        """
        try:
            with COMPUTE_QUEUE.slot():
                return {**compute(self.subject(form)), "told": ""}
        except Exception as error:  # Gradio drops what was typed meanwhile when a handler raises
            return {"told": beside(sentence_of(error, COMPUTATION))}


def stage_message(subject: Subject, x0_hat: Tensor, changed: str = "") -> str:
    """The message of the stage: x_t, x0_hat, x0 and the error, as JSON.

    Args:
        subject: What the tab looks at.
        x0_hat: The network's guess of x0, (1, C, H, W), on the CPU.
        changed: Where it is not the plain network's guess, what was changed, in a few words.
    """
    C, H, W = x0_hat.shape[1:]
    apart = (x0_hat - subject.x0).abs().mean(dim=1)[0]  # (H, W)
    T = len(subject.schedule)
    alpha_bar = float(subject.schedule.alpha_bar(subject.t))
    words = subject.words or "the starting picture, noised"
    message: InsideStageMessage = {
        "width": W,
        "height": H,
        "channels": C,
        "x_t": as_base64(to_uint8(subject.x_t)[0]),
        "x0_hat": as_base64(to_uint8(x0_hat)[0]),
        "x0": as_base64(to_uint8(subject.x0)[0]),
        "apart": as_base64((apart.clamp(0, 1) * 255).round().byte().numpy()),
        "error": subject.error(x0_hat),
        "t": subject.t,
        "T": T,
        "model": name_of(subject.model),
        "changed": changed,
        "truth": subject.truth,
        "caption": f"t = {subject.t} of 0 to {T - 1} · ᾱ = {readable(alpha_bar)} · {words}",
    }
    return json.dumps(message)


def name_of(model: str) -> str:
    """The name that the menu shows for one of its values: of a folder the last part of its path."""
    return Path(model).name if Path(model).is_absolute() else model
