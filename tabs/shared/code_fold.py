"""The fold "Code": the lines of Python that make what a tab shows, following its controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from .components import LATEST, QUIET, script
from .forms import Controls, wired


def where_open(code: Callable[..., str]) -> Callable[..., Any]:
    """The handler for a fold that holds this code: its first value tells whether that is open."""

    def follow_code(is_open: bool, *values: Any) -> Any:
        """The lines for the controls' values; in a closed fold they stay as they are."""
        return code(*values) if is_open else gr.skip()

    return follow_code


class CodeFold:
    """A closed fold with lines of Python; `follow` wires it.

    Attributes:
        fold: The fold.
        lines: The component with the lines.
        is_open: The state that holds whether it is open.
    """

    def __init__(self, label: str, elem_id: str) -> None:
        """Lay it out.

        Args:
            label: What the lines are.
            elem_id: Of the component with the lines.
        """
        with gr.Accordion("Code", open=False) as self.fold:
            self.lines = gr.Code(
                "", language="python", label=label, wrap_lines=True, elem_id=elem_id
            )

    def follow(
        self,
        code: Callable[..., str],
        controls: Controls[Any],
        *,
        also: Sequence[Any] = (),
        after: Sequence[Any] = (),
        prepare: tuple[str, str] | None = None,
    ) -> None:
        """Write the lines when the fold opens, and while it is open for each change of a control.

        Args:
            code: Gives the lines for the tab's form and for each of `also`.
            controls: The tab's controls.
            also: Further components whose values it needs.
            after: Further events after which the lines may be others.
            prepare: Module and function of the script that prepares the values; see `script`.
        """
        self.is_open = gr.State(False)
        self.fold.expand(lambda: True, outputs=self.is_open, **LATEST)
        self.fold.collapse(lambda: False, outputs=self.is_open, **LATEST)

        gr.on(
            [self.is_open.change, *after, *(part.change for part in controls.inputs)],
            **wired(where_open(code), [self.is_open, controls, *also], self.lines),
            **({"js": script(*prepare)} if prepare else {}),
            trigger_mode="always_last",
            **QUIET,
        )
