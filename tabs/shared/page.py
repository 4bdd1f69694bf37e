"""The page around the tabs, and the components that tabs give to each other by name.

A tab never imports another. What it offers it gives to the page under a name; a tab that is built
later takes it from there. Given are:

    noise_picture   by Noise: state, the last good picture, uint8 (H, W, C)
    noise_start     by Noise: state, the `StartImage` that "Denoise from here" fills
    inside_step     by Inside: state, the `WalkStep` that it shows in place of a picture
    inside_along    by Inside: slider along that walk
    inside_told     by Inside: place for a sentence
    inside_tab      by Inside: its tab
    inside_changed  by Inside: state, the `ChangedNetwork` that "Walk with it" fills
    denoise_opening by Denoise, before any tab is built: future of its player's first message
    denoise_model   by Denoise: the menu of models
    denoise_now     by Denoise: state; when it changes, what the controls then request is denoised
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr

from .components import QUIET, script
from .forms import components


@dataclass(frozen=True)
class Page:
    """The page while it is built; every tab's `build` gets one.

    Attributes:
        tabs: All tabs; as an output of an event, see `open_tab`, it changes the visible one.
        tab: The tab that is being built; None between two of them.
        given: What tabs have given so far, by name.
        loads: Arguments of `gr.Blocks.load`, for what is filled in when a page opens.
        addressed: The same, for what is filled in when its address has parameters.
        returns: Arguments of the events that fill in anew what only a known visitor sees, for a
            page that was loaded again.
        restores: Arguments of the events that follow when its controls hold again what they held.
        unloads: Handlers for a page that was closed.
    """

    tabs: gr.Tabs
    tab: gr.Tab | None = None
    given: dict[str, Any] = field(default_factory=dict)
    loads: list[dict[str, Any]] = field(default_factory=list)
    addressed: list[dict[str, Any]] = field(default_factory=list)
    returns: list[dict[str, Any]] = field(default_factory=list)
    restores: list[dict[str, Any]] = field(default_factory=list)
    unloads: list[Callable[..., Any]] = field(default_factory=list)

    def within(self, tab: gr.Tab) -> Page:
        """The same page, for the tab that is built now."""
        return replace(self, tab=tab)

    @property
    def select(self) -> Any:
        """The event of the tab being opened.

        A component in a tab that was never opened loses what is sent to it, so opening it must
        request anew what it shows.
        """
        assert self.tab is not None
        return self.tab.select

    def give(self, name: str, component: Any) -> None:
        """Offer a component to the tabs that are built later."""
        assert name not in self.given, f"{name} is given already"
        self.given[name] = component

    def __getitem__(self, name: str) -> Any:
        """A component that an earlier tab has given."""
        return self.given[name]

    def on_load(self, **event: Any) -> None:
        """Run a handler whenever a page opens.

        Args:
            **event: As `gr.Blocks.load` takes it: fn, inputs, outputs and options.
        """
        self.loads.append(event)

    def on_address(self, **event: Any) -> None:
        """Run a handler whenever a page opens whose address has parameters.

        Args:
            **event: As `gr.Blocks.load` takes it: fn, inputs and outputs.
        """
        self.addressed.append(event)

    def on_return(self, **event: Any) -> None:
        """Run a handler whenever a page was loaded again and its visitor is known.

        Args:
            **event: As `gr.Blocks.load` takes it: fn, inputs, outputs and options.
        """
        self.returns.append(event)

    def on_restore(self, **event: Any) -> None:
        """Run a handler when the controls of a page that was loaded again hold what they held.

        What the server keeps beside a control for the page's session was the old session's.

        Args:
            **event: As `gr.Blocks.load` takes it: fn, inputs, outputs and options.
        """
        self.restores.append(event)

    def wire_loads(self, demo: gr.Blocks) -> None:
        """Have the handlers of `on_load` and `on_address` called, when all tabs are built.

        Those that the server runs are one event, and those of the address none where it has no
        parameters: for each event Gradio's page looks up all components of all events so far, which
        takes it longer than the server takes to answer.
        """
        asked = [event for event in self.loads if event["fn"] is not None]
        for event in self.loads:
            if event not in asked:
                demo.load(**event)
        demo.load(**together(asked), **QUIET)
        address = gr.Textbox("", visible=False)
        demo.load(
            None,
            outputs=address,
            js=script("connection/events.js", "addressParameters"),
            api_visibility="private",
        )
        address.change(**together(self.addressed), **QUIET)

    def on_unload(self, handler: Callable[..., Any]) -> None:
        """Run a handler whenever a page was closed."""
        self.unloads.append(handler)


def open_tab(tab_id: str) -> gr.Tabs:
    """The update of `Page.tabs` that goes over to a tab."""
    return gr.Tabs(selected=tab_id)


def together(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The arguments fn, inputs and outputs of one event that does what several do, in their order.

    Args:
        events: Of each its fn, inputs and outputs, as Gradio takes them. A handler is a plain
            function, and gets the request if it has a parameter of this name.
    """
    inputs = [_listed(event.get("inputs")) for event in events]
    outputs = [_listed(event.get("outputs")) for event in events]

    def all_together(request: gr.Request, *values: Any) -> list[Any]:
        rest = iter(values)
        answers: list[Any] = []
        for event, given, changed in zip(events, inputs, outputs, strict=True):
            special = [request] if "request" in inspect.signature(event["fn"]).parameters else []
            answer = event["fn"](*special, *(next(rest) for _ in given))
            answers += [answer] if len(changed) == 1 else answer
        return answers

    all_together.parts = [event["fn"] for event in events]  # type: ignore[attr-defined]
    return {
        "fn": all_together,
        "inputs": [part for parts in inputs for part in parts],
        "outputs": [part for parts in outputs for part in parts],
    }


def _listed(parts: Any) -> list[Any]:
    return [] if parts is None else components(parts)
