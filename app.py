"""Diffusion Playground: composes the tabs and launches. Run `python app.py`; --help says more."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import gradio as gr

from tabs import launch_options

CSS = Path(__file__).parent / "tabs" / "static" / "theme.css"
THEME = gr.themes.Default(
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


# The tabs in their order: the id, which is the package's name and stands in addresses, and title.
TABS = {"noise": "Noise", "schedules": "Schedules", "denoise": "Denoise", "train": "Train"}
FIRST = "denoise"


def build() -> gr.Blocks:
    """The whole page."""
    from tabs.api import endpoints  # only now: this and the tabs read the options
    from tabs.shared import connection
    from tabs.shared.components import script
    from tabs.shared.page import Page

    with gr.Blocks(
        title="Diffusion Playground", analytics_enabled=False, delete_cache=(600, 3600)
    ) as demo:
        with gr.Row(visible=False):
            endpoints.build()
        gr.Markdown("# Diffusion Playground", elem_classes=["title"])
        line = connection.place()
        built: dict[str, gr.Tab] = {}
        with gr.Tabs(selected=FIRST) as tabs:
            page = Page(tabs)
            for name, title in TABS.items():
                with gr.Tab(title, id=name) as built[name]:
                    import_module(f"tabs.{name}").build(page.within(built[name]))
        connection.wire(line, page, built)
        for event in page.loads:
            demo.load(**event)
        demo.load(js=script("lib/seeds.js", "markSeeds"), api_visibility="private")
        for closed in page.unloads:
            demo.unload(closed)
    return demo.queue(max_size=128)


def launch(demo: gr.Blocks, **options: Any) -> tuple[Any, str, str]:
    """Launch with the page's own looks and limits; the options are those of `gr.Blocks.launch`."""
    from tabs.shared.sessions import PUBLIC

    return demo.launch(
        run_history=False,
        enable_monitoring=False,
        max_file_size="100mb" if PUBLIC else "2gb",
        theme=THEME,
        css_paths=[CSS],
        footer_links=[],
        **options,
    )


def main() -> int:
    """Launch with the options of the command line; bad options are one sentence and exit code 2."""
    options = launch_options.read()
    if isinstance(options, int):
        return options
    try:
        done = launch_options.in_a_sentence(lambda: launch(build(), **options.launching()))
    except KeyboardInterrupt:  # before the page was there
        done = 130
    from tabs.shared import shutdown

    return shutdown.leave(done if isinstance(done, int) else 0)


if __name__ == "__main__":
    sys.exit(main())
