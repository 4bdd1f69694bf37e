"""Diffusion Playground: composes the tabs and launches. Run `python app.py`."""

from __future__ import annotations

import os
from pathlib import Path

import gradio as gr

from tabs import denoise

CSS = Path(__file__).parent / "tabs" / "assets" / "theme.css"
THEME = gr.themes.Default(
    primary_hue="violet",
    neutral_hue="zinc",
    font=["system-ui", "Segoe UI", "Helvetica Neue", "Arial", "sans-serif"],
    font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
    text_size="lg",
)


def build() -> gr.Blocks:
    """The whole page."""
    with gr.Blocks(title="Diffusion Playground", analytics_enabled=False) as demo:
        gr.Markdown("# Diffusion Playground", elem_classes=["title"])
        with gr.Tabs():
            with gr.Tab("Denoise", id="denoise"):
                denoise.build()
    return demo


def main() -> None:
    """Launch; a browser opens unless GRADIO_INBROWSER=0, or this is a Space or has no display."""
    on_space = bool(os.environ.get("SPACE_ID"))
    quiet = os.environ.get("GRADIO_INBROWSER", "1").lower() in ("0", "false", "no")
    build().queue(max_size=32).launch(
        inbrowser=not (on_space or quiet),
        run_history=False,
        enable_monitoring=False,
        max_file_size="10mb",
        theme=THEME,
        css_paths=[CSS],
        footer_links=["api"],
    )


if __name__ == "__main__":
    main()
