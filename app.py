"""Diffusion Playground: composes the tabs and launches. Run `python app.py`; --help says more."""

from __future__ import annotations

import sys
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


TABS = ("noise", "schedules", "denoise", "train")


def opened_tab(request: gr.Request) -> Any:
    """The tab that the page's address names."""
    name = request.query_params.get("tab")
    return gr.Tabs(selected=name) if name in TABS else gr.skip()


def build() -> gr.Blocks:
    """The whole page."""
    from tabs import denoise, noise, schedules, train
    from tabs.api import endpoints  # only now: they heed the options
    from tabs.denoise import start_controls
    from tabs.shared.components import QUIET

    with gr.Blocks(
        title="Diffusion Playground", analytics_enabled=False, delete_cache=(600, 3600)
    ) as demo:
        with gr.Row(visible=False):
            endpoints.build()
        gr.Markdown("# Diffusion Playground", elem_classes=["title"])
        with gr.Tabs(selected="denoise") as tabs:
            with gr.Tab("Noise", id="noise"):
                picture, noised = noise.build()
            with gr.Tab("Schedules", id="schedules") as tab:
                addressed = schedules.build(tab, picture)
            with gr.Tab("Denoise", id="denoise"):
                parts = denoise.build()
            with gr.Tab("Train", id="train") as tab:
                train.build(tab, parts.model, tabs)
        # "Denoise from here": what the Noise tab hands over, the Denoise tab begins with.
        noised.change(
            lambda given, model: [
                *start_controls.from_noise_tab(given, model),
                gr.Tabs(selected="denoise"),
            ],
            [noised, parts.model],
            [*parts.begins, tabs],
            show_progress="hidden",
            api_visibility="private",
        )
        demo.load(schedules.from_address, outputs=addressed, api_visibility="private")
        demo.load(denoise.menu, outputs=parts.model, **QUIET)
        demo.unload(train.forget)
        demo.unload(denoise.forget)
        demo.load(opened_tab, outputs=tabs, api_visibility="private")
    return demo.queue(max_size=128)


def launch(demo: gr.Blocks, **asked: Any) -> tuple[Any, str, str]:
    """Launch with the page's own looks and limits; what is asked is of `gr.Blocks.launch`."""
    from tabs.shared.sessions import PUBLIC

    return demo.launch(
        run_history=False,
        enable_monitoring=False,
        max_file_size="100mb" if PUBLIC else "2gb",
        theme=THEME,
        css_paths=[CSS],
        footer_links=[],
        **asked,
    )


def main() -> int:
    """Launch as the command line asks; bad options are one sentence and exit code 2."""
    asked = launch_options.read()
    if isinstance(asked, int):
        return asked
    try:
        done = launch_options.in_a_sentence(lambda: launch(build(), **asked.launching()))
    except KeyboardInterrupt:  # before the page was there
        done = 130
    from tabs.shared import shutdown

    return shutdown.leave(done if isinstance(done, int) else 0)


if __name__ == "__main__":
    sys.exit(main())
