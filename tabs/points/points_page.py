"""The seam between the tab's frame and its views.

A view is built by one function, `build_VIEW(points)`, in a file of its own. It lays its components
out where it is called, and tells by `PointsPage.follow` what it computes of the tab's points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from diffusion_core.device import torch_threads

from ..shared.components import QUIET
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.forms import Controls, Named, wired
from ..shared.number_input import beside
from ..shared.page import Page
from .form import PointsForm
from .subject import Subject, subject_of

# What changes the points, by the names of its controls.
SUBJECT_FIELDS = ("data", "word", "drawn", "picture", "count")


@dataclass(frozen=True, eq=False)
class Asked:
    """What a view is asked to show.

    Attributes:
        subject: The points.
        form: The values of all controls.
        session: The session of the page; its visitor's networks are in `learnt`.
    """

    subject: Subject
    form: PointsForm
    session: str = ""


@dataclass(frozen=True, eq=False)
class View:
    """A view of the tab: what it computes, and of what. See `PointsPage.follow`."""

    name: str
    handler: Callable[..., dict[str, Any]]
    inputs: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class PointsPage:
    """The tab while it is built; every view's `build_VIEW` gets it.

    Attributes:
        page: The page: what other tabs give and get, see `tabs.shared.page`.
        controls: The tab's controls by name: the fields of `PointsForm`, and beside them "told", a
            place for one sentence beside the controls; "view", a text that the browser fills with
            the name of the view that is seen, "" before the tab was opened.
        views: The views that follow the points.
        outputs: What they change, by name.
        triggers: Further events upon which the seen view is computed anew.
        after: Events that are wired already, after each of which it is computed anew.
        seen: Those of them after which "view" may name another view.
    """

    page: Page
    controls: Controls[PointsForm]
    views: list[View] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    triggers: list[Any] = field(default_factory=list)
    after: list[Any] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)

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
        """Have a view follow the points: computed anew whenever they change while it is seen.

        The handler runs in a slot of the page's queue of computations, of which it takes none
        itself. A ValueError that it raises becomes the sentence beside the controls, and what is
        shown stays.

        Args:
            view: The view's name.
            handler: Gets an `Asked` and the values of `inputs`; returns updates by name of
                `outputs`. It may run in several threads at once, for several visitors: nothing that
                it changes is shared.
            inputs: Further components, tuples of them or `Controls`, as `wired` takes them.
            outputs: The view's own components by name.
            also: Further triggers, such as `slider.change`.
            after: Events that are wired already, after each of which the handler is called.
        """
        assert not self.outputs.keys() & outputs.parts.keys()
        self.views.append(View(view, handler, tuple(inputs)))
        self.outputs.update(outputs.parts)
        self.triggers.extend(also)
        self.after.extend(after)

    def wire(self) -> None:
        """Wire all views that follow the points, as one event: a change is one request."""
        changes = [self.controls[name].change for name in SUBJECT_FIELDS]
        arguments = wired(
            self.points_view,
            [self.controls, self.controls["view"], *(view.inputs for view in self.views)],
            Named(self.outputs) | self.controls.named("told"),
        )
        options: dict[str, Any] = {"concurrency_limit": 8, **QUIET}
        gr.on([*changes, *self.triggers], **arguments, trigger_mode="always_last", **options)
        for event in self.after:
            event.then(**arguments, **options)

    def points_view(
        self, form: PointsForm, seen: str, *values: tuple[Any, ...], request: gr.Request
    ) -> dict[str, Any]:
        """Updates of the view that is seen; none before the tab was opened.

        Args:
            form: The controls' values.
            seen: The view's name.
            *values: Those of the inputs of every view.
            request: The request, of which the session is known.
        """
        session = request.session_hash or ""
        for view, own in zip(self.views, values, strict=True):
            if view.name == seen:
                return computed(form, session, lambda asked: view.handler(asked, *own))  # noqa: B023
        return {}


def computed(
    form: PointsForm, session: str, compute: Callable[[Asked], dict[str, Any]]
) -> dict[str, Any]:
    """Updates that are computed of the controls' points, in a slot of the page's queue.

    Args:
        form: The controls' values.
        session: The session of the page.
        compute: Makes the updates; its ValueError becomes the sentence beside the controls.

    Returns:
        The updates, with that of "told"; that one alone where something does not fit.
    """
    try:
        with COMPUTE_QUEUE.slot(), torch_threads(1):  # see `learning.on_one_thread`
            return {"told": "", **compute(Asked(subject_of(form), form, session))}
    except Exception as error:  # Gradio drops what was typed meanwhile when a handler raises
        return {"told": beside(sentence_of(error, COMPUTATION))}
