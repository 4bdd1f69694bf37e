"""Diffusion Playground: composes the tabs and launches. Run `python app.py`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gradio as gr

from tabs import denoise, endpoints, noise, schedules, train
from tabs.denoise import beginning

CSS = Path(__file__).parent / "tabs" / "assets" / "theme.css"
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
                *beginning.from_noise_tab(given, model), gr.Tabs(selected="denoise")
            ],
            [noised, parts.model],
            [*parts.begins, tabs],
            show_progress="hidden",
            api_visibility="private",
        )  # fmt: skip
        demo.load(schedules.from_address, outputs=addressed, api_visibility="private")
        demo.unload(train.forget)
        demo.load(opened_tab, outputs=tabs, api_visibility="private")
    return demo.queue(max_size=128)


def launch(demo: gr.Blocks, **options: Any) -> tuple[Any, str, str]:
    """Launch with the page's own looks and limits; options are those of `gr.Blocks.launch`."""
    return demo.launch(
        run_history=False,
        enable_monitoring=False,
        max_file_size="100mb" if os.environ.get("SPACE_ID") else "2gb",
        theme=THEME,
        css_paths=[CSS],
        footer_links=[],
        **options,
    )


def main() -> None:
    """Launch; a browser opens, unless GRADIO_INBROWSER=0 says not to or this is a Space."""
    told_not_to = os.environ.get("GRADIO_INBROWSER", "1").lower() in ("0", "false", "no")
    launch(build(), inbrowser=not (told_not_to or os.environ.get("SPACE_ID")))


if __name__ == "__main__":
    main()
