"""The Systems tab: a menu of systems, and of each its idea, its parts, its walk, its measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import gradio as gr

from ..shared.components import QUIET, component, script
from ..shared.page import Page
from . import differ_view, filling_view, glide_view, guided_view, imagen_view, unclip_view
from .timeline import timeline_message
from .walks import FirstWalk


@dataclass(frozen=True)
class System:
    """A system of the tab.

    Attributes:
        name: Its name in the menu.
        lead: What it added to DDPM, in one sentence.
        build: Lays its view out and wires it, given the page and the menu of systems; see
            `walks.FirstWalk` for what it gives.
    """

    name: str
    lead: str
    build: Callable[[Page, gr.Dropdown], FirstWalk]


# The systems by their values in the menu and in the markup. A new one is a line here and a file.
SYSTEMS = {
    "guided": System("Guided diffusion", guided_view.LEAD, guided_view.build_guided),
    "glide": System("GLIDE", glide_view.LEAD, glide_view.build_glide),
    "filling": System("GLIDE: inpainting", filling_view.LEAD, filling_view.build_filling),
    "unclip": System("DALL·E 2", unclip_view.LEAD, unclip_view.build_unclip),
    "imagen": System("Imagen", imagen_view.LEAD, imagen_view.build_imagen),
    "differ": System("How the systems differ", differ_view.LEAD, differ_view.build_differ),
}

TIMELINE = "systems_timeline/opening.js"


def shown_system(chosen: str) -> list[gr.Column]:
    """Updates of the views' columns: that of the chosen system is there."""
    return [gr.Column(visible=name == chosen) for name in SYSTEMS]


def build(page: Page) -> None:
    """Lay out the tab and wire it.

    Args:
        page: The page; this tab gives and takes nothing.
    """
    first = next(iter(SYSTEMS))
    line = component("systems_timeline", timeline_message(SYSTEMS, first), "systems-timeline")
    menu = gr.Dropdown(
        [(system.name, name) for name, system in SYSTEMS.items()],
        value=first,
        label="System",
        elem_id="systems-menu",
        elem_classes=["systems-menu"],
    )
    columns, firsts = [], list[FirstWalk]()
    for name, system in SYSTEMS.items():
        with gr.Column(visible=name == first, elem_id=f"system-{name}") as column:
            gr.Markdown(system.lead, elem_classes=["lead"])
            firsts.append(system.build(page, menu))
        columns.append(column)
    shown = menu.change(shown_system, menu, columns, js=script(TIMELINE, "mark"), **QUIET)
    line.submit(
        None, outputs=[page.tabs, menu], js=script(TIMELINE, "opened"), api_visibility="private"
    )
    for first_walk in firsts:
        first_walk(page.select)
        first_walk(shown.then)
