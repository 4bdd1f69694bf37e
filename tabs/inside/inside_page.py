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

# What changes the subject, by the names of its controls. "walked" changes when the others have
# followed the step of a walk.
SUBJECT_FIELDS = ("loaded", "label", "picture", "t", "seed", "walked")


@dataclass(frozen=True, eq=False)
class View:
    """A view of the tab: what it computes, and of what. See `InsidePage.follow`."""

    name: str
    handler: Callable[..., dict[str, Any]]
    inputs: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class InsidePage:
    """The tab while it is built; every view's `build_VIEW` gets it.

    Attributes:
        page: The page: what other tabs give and get, see `tabs.shared.page`.
        controls: The tab's controls by name: the fields of `InsideForm`, and beside them "stage",
            the pictures above the views; "told", a place for one sentence beside the controls;
            "view", a text that the browser fills with the name of the view that is seen, "" before
            the tab was opened.
        views: The views that follow the subject.
        outputs: What they change, by name.
        triggers: The events upon which the seen view is computed anew, beside those of the subject.
        after: Events that are wired already, after each of which it is computed anew.
    """

    page: Page
    controls: Controls[InsideForm]
    views: list[View] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    triggers: list[Any] = field(default_factory=list)
    after: list[Any] = field(default_factory=list)

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
        inputs: Sequence[Any],
        outputs: Named,
        *,
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
                `outputs`, and of "stage" (see `stage_message`). It may run in several threads at
                once, for several visitors: nothing that it changes is shared.
            inputs: Further components, tuples of them or `Controls`, as `wired` takes them. What a
                person changes in them does not by itself call the handler: see `also`.
            outputs: The view's own components by name.
            also: Further triggers, such as `slider.change`.
            after: Events that are wired already, after each of which the handler is called, as one
                whose script fills in one of the inputs.
        """
        assert not self.outputs.keys() & outputs.parts.keys()
        self.views.append(View(view, handler, tuple(inputs)))
        self.outputs.update(outputs.parts)
        self.triggers.extend(also)
        self.after.extend(after)

    def wire(self) -> None:
        """Wire all views that follow the subject, as one event: a change is one request.

        So the server computes for the view that is seen, in the order of the changes; of those that
        come while it does, the last one counts.
        """
        changes = [self.controls[name].change for name in SUBJECT_FIELDS]
        arguments = wired(
            self.seen_view,
            [self.controls, self.controls["view"], *(view.inputs for view in self.views)],
            Named(self.outputs) | self.controls.named("told", "stage"),
        )
        options: dict[str, Any] = {"concurrency_limit": 8, **QUIET}
        gr.on([*changes, *self.triggers], **arguments, trigger_mode="always_last", **options)
        for event in self.after:
            event.then(**arguments, **options)

    def seen_view(self, form: InsideForm, seen: str, *values: tuple[Any, ...]) -> dict[str, Any]:
        """Updates of the view that is seen; none before the tab was opened.

        Args:
            form: The controls' values.
            seen: The view's name.
            *values: Those of the inputs of every view.
        """
        for view, own in zip(self.views, values, strict=True):
            if view.name == seen:
                return self.computed(form, lambda subject: view.handler(subject, *own))  # noqa: B023
        return {}

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


@dataclass(frozen=True, eq=False)
class Guess:
    """A network's guess of x0, and whose it is.

    Attributes:
        x0_hat: The guess, (1, C, H, W), on the CPU.
        words: Whose guess it is, in a few words.
    """

    x0_hat: Tensor
    words: str = "its guess"


def stage_message(
    subject: Subject, guess: Guess, plain: Guess | None = None, changed: str = ""
) -> str:
    """The message of the stage: x_t, x0_hat, x0 and the error, as JSON.

    Args:
        subject: What the tab looks at.
        guess: The network's guess of x0.
        plain: The guess that stands beside it to be compared with.
        changed: Where the guess is not the plain network's, what was changed, in a few words.
    """
    C, H, W = guess.x0_hat.shape[1:]
    apart = (guess.x0_hat - subject.x0).abs().mean(dim=1)[0]  # (H, W)
    T = len(subject.schedule)
    alpha_bar = float(subject.schedule.alpha_bar(subject.t))
    words = subject.words or "the starting picture, noised"
    message: InsideStageMessage = {
        "width": W,
        "height": H,
        "channels": C,
        "x_t": as_base64(to_uint8(subject.x_t)[0]),
        "x0_hat": as_base64(to_uint8(guess.x0_hat)[0]),
        "x0": as_base64(to_uint8(subject.x0)[0]),
        "apart": as_base64((apart.clamp(0, 1) * 255).round().byte().numpy()),
        "error": subject.error(guess.x0_hat),
        "guess": guess.words,
        "plain": "" if plain is None else as_base64(to_uint8(plain.x0_hat)[0]),
        "plain_error": 0.0 if plain is None else subject.error(plain.x0_hat),
        "plain_guess": "" if plain is None else plain.words,
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
