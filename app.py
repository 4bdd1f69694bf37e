"""Diffusion Playground: composes the tabs and launches. Run `python app.py`; --help says more.

Gradio is imported once the options are read and the folders prepared, which it reads on its import.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tabs
from tabs import launch_options, working_folders

if TYPE_CHECKING:
    import gradio as gr

STATIC = Path(tabs.__path__[0]) / "static"
CSS = [
    STATIC / name
    for name in ("theme.css", "inside/page.css", "points/page.css", "systems/page.css")
]

# The tabs in their order: the id, which is the package's name and stands in addresses, and title.
TABS = {
    "noise": "Noise",
    "schedules": "Schedules",
    "inside": "Inside",
    "denoise": "Denoise",
    "points": "Points",
    "systems": "Systems",
    "train": "Train",
}
FIRST = "denoise"
ANSWERS_WITHIN = 120  # seconds, at the start
THREADS = 200  # of handlers: those that wait in the queue have one each, and the others are quick


def theme() -> gr.themes.Base:
    """The page's own look, of which theme.css is the rest."""
    import gradio as gr

    return gr.themes.Default(
        primary_hue="violet",
        neutral_hue="zinc",
        font=["system-ui", "Segoe UI", "Helvetica Neue", "Arial", "sans-serif"],
        font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
        text_size="lg",
    ).set(
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        block_label_text_color="*neutral_700",
    )


def build() -> gr.Blocks:
    """The whole page."""
    import gradio as gr

    from tabs.api import endpoints  # only now: this and the tabs read the options
    from tabs.lessons import Bar
    from tabs.shared import connection, crossing, header, memory
    from tabs.shared.components import script
    from tabs.shared.page import Page

    memory.begin()
    crossing.install()
    given: dict[str, Any] = {}
    packages = {name: import_module(f"tabs.{name}") for name in TABS}
    for package in packages.values():
        if begin := getattr(package, "begin", None):  # what computes while the page is laid out
            given |= begin()
    with gr.Blocks(
        title="Diffusion Playground", analytics_enabled=False, delete_cache=(600, 3600)
    ) as demo:
        demo.queue(max_size=256)  # first, since it makes all routes of what the page has so far
        with gr.Row(visible=False):
            endpoints.build()
        with gr.Row(elem_classes=["header"]):
            gr.Markdown("# Diffusion Playground", elem_classes=["title"])
            header.place()
        connected = connection.place()
        lessons = Bar()
        lessons.place()
        built: dict[str, gr.Tab] = {}
        with gr.Tabs(selected=FIRST) as all_tabs:
            page = Page(all_tabs, given=given)
            for name, title in TABS.items():
                with gr.Tab(title, id=name) as built[name]:
                    packages[name].build(page.within(built[name]))
        connection.wire(connected, page, built)
        lessons.wire(page, built)
        page.wire_loads(demo)
        demo.load(js=script("lib/seeds.js", "markSeeds"), api_visibility="private")
        for closed in page.unloads:
            demo.unload(closed)
    return demo


def answers(url: str, within: float = ANSWERS_WITHIN) -> bool:
    """Whether the page answers at its own address, within so many seconds.

    It stands in for Gradio's `networking.url_ok`, which waits for three seconds and then ends the
    program ("When localhost is not accessible …"): a slow or busy machine needs longer to lay out
    the page for the first time.
    """
    import httpx

    try:
        status = httpx.head(url, timeout=within, verify=False).status_code
    except httpx.TransportError:
        return False
    return status < 400 or status == 401  # who is not logged in is answered as well


def launch(demo: gr.Blocks, **options: Any) -> tuple[Any, str, str]:
    """Launch with the page's own looks and limits; the options are those of `gr.Blocks.launch`."""
    from gradio import networking

    from tabs.shared import crossing, header
    from tabs.shared.sessions import PUBLIC

    networking.url_ok = answers
    return demo.launch(
        run_history=False,
        enable_monitoring=False,
        max_file_size="100mb" if PUBLIC else "2gb",
        theme=theme(),
        css_paths=[*CSS, header.PAGE_CSS],
        footer_links=[],
        max_threads=THREADS,
        app_kwargs=crossing.options(),
        **options,
    )


def main() -> int:
    """Launch with the options of the command line; bad options are one sentence and exit code 2."""
    options = launch_options.read()
    if isinstance(options, int):
        return options
    told = launch_options.in_a_sentence(lambda: working_folders.prepare(options.public))
    if isinstance(told, int):
        return told
    print(*told, options.described, sep="\n", flush=True)
    from tabs.shared import shutdown

    shutdown.heed_signals()
    if options.public:  # what visitors leave in files is for this process alone, whoever is here
        os.umask(0o077)
    try:
        done = launch_options.in_a_sentence(lambda: launch(build(), **options.launching()))
    except KeyboardInterrupt:  # before the page was there
        done = 130
    return shutdown.leave(done if isinstance(done, int) else 0)


if __name__ == "__main__":
    sys.exit(main())
