"""The Schedules tab: beta, alpha-bar and log-SNR curves, compared."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from diffusion_core.data import read_picture

from ..shared.components import STATIC, component, why
from .compute import NAMES, QUANTITIES, Choice, code, compare_message, figure, meaning, write_csv

DEFAULT = Choice()
FIRST_PICTURE = STATIC / "pictures" / "chelsea.png"
FIGURE_SECONDS = 0.25
# Of the sliders; what an address says must lie in them.
RANGES = {
    "T": (2, 4000),
    "beta_start": (1e-5, 0.01),
    "beta_end": (0.001, 0.1),
    "s": (0, 0.1),
    "start": (-6, 0),
    "end": (0.1, 6),
    "tau": (0.1, 3),
    **{f"p{i}": (-15, 15) for i in range(5)},
}
LINEAR, LOGARITHMIC = "linear axis", "logarithmic axis"
FIELDS = [f.name for f in fields(Choice)]
WHY = r"""
A schedule says how fast the picture goes. What a network sees of it is one number a timestep, the
log-SNR $\log \bar\alpha_t / (1 - \bar\alpha_t)$: two schedules with the same log-SNR at some $t$
show it the same picture. The linear schedule (Ho et al. 2020) spends long on what is almost pure
noise; the cosine (Nichol and Dhariwal 2021) keeps the picture longer; the sigmoid (Jabri et al.
2022) can be bent either way. Where $\bar\alpha_{T-1}$ is not 0, the last training picture still
shows something, and sampling begins with what training never saw (Lin et al. 2023).

*Try:* point at the middle of the plot. Under which schedule can you still say what it shows?
"""
Control = gr.CheckboxGroup | gr.Checkbox | gr.Dropdown | gr.Radio | gr.Slider
# Writes every choice into the page's address.
ADDRESS = """(...values) => {
  const names = %s, query = new URLSearchParams(location.search);
  query.set("tab", "schedules");
  names.forEach((name, i) => query.set(name, [values[i]].flat().join(",")));
  history.replaceState(null, "", `${location.pathname}?${query}`);
}"""

# Who draws wants to see it: the drawing chooses "drawn" too.
DRAWN_TO_NUMBERS = """(drawn, names) =>
  [names.includes("drawn") ? names : [...names, "drawn"], ...JSON.parse(drawn)]"""
NUMBERS_TO_DRAWN = """(...points) => {
  document.querySelector("#draw-stage .draw")?.dispatchEvent(
    new CustomEvent("draw:set", { detail: points }));
}"""


def update(picture: np.ndarray | None, what: str, axis: str, *values: Any) -> tuple[Any, ...]:
    """Everything that the stage shows, for the controls' values.

    Raises:
        gr.Error: if a schedule cannot be built; one sentence, and what is there stays.
    """
    try:
        choice = Choice.of(*values)
        shown = gr.skip() if picture is None else compare_message(picture, choice)
        plot = figure(choice, what, axis == LOGARITHMIC)
        return plot, shown, meaning(choice), code(choice)
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None


def paced_update(last: float, *values: Any) -> tuple[Any, ...]:
    """`update`, at most four times a second: a figure is sent whole and redrawn.

    Args:
        last: When the last figure was made, in seconds of the monotonic clock.
        *values: As `update` takes them.
    """
    time.sleep(max(0.0, min(FIGURE_SECONDS, last + FIGURE_SECONDS - time.monotonic())))
    try:
        return *update(*values), time.monotonic()
    except gr.Error as error:  # raised, it would drop what was typed meanwhile
        gr.Warning(error.message)
        return *[gr.skip()] * 4, time.monotonic()


def save_csv(*values: Any) -> Iterator[str]:
    """The table as a file, for the controls' values; its path, while it is needed."""
    with tempfile.TemporaryDirectory() as folder:  # Gradio keeps a copy, and lets it go in time
        path = Path(folder) / "schedules.csv"
        try:
            write_csv(Choice.of(*values), path)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None
        yield str(path)


def from_address(request: gr.Request) -> list[Any]:
    """The controls' values that stand in the page's address; gr.skip() where it says nothing."""
    query = dict(request.query_params)
    kinds = list(QUANTITIES)
    read: list[Any] = []
    what, axis = query.get("what", ""), query.get("axis", "")
    read.append(what if what in kinds else gr.skip())
    read.append(axis if axis in (LINEAR, LOGARITHMIC) else gr.skip())
    for field in fields(Choice):
        text = query.get(field.name)
        try:
            if text is None:
                value = gr.skip()
            elif field.name == "names":
                value = [n for n in text.split(",") if n in NAMES] or gr.skip()
            elif field.name == "zero":
                value = text == "true"
            else:
                value = type(getattr(DEFAULT, field.name))(float(text))
                lowest, highest = RANGES[field.name]
                value = value if lowest <= value <= highest else gr.skip()
        except (ValueError, OverflowError):
            value = gr.skip()
        read.append(value)
    return read


def build(tab: gr.Tab, picture: gr.State) -> list[Any]:
    """Lay out the tab and wire it; called inside `tab`.

    Args:
        tab: A component in a tab that was never opened loses what is sent to it, so opening it
            asks anew.
        picture: Whose picture is shown under the schedules.

    Returns:
        The controls whose values stand in the page's address, in `from_address`'s order.
    """
    gr.Markdown(
        "A schedule says how fast a picture becomes noise. Point at the plot: below it stands the "
        "same picture, at that timestep, under every schedule.",
        elem_classes=["lead"],
    )
    with gr.Row(elem_classes=["tab-row"]):
        with gr.Column(scale=2, min_width=300):
            names = gr.CheckboxGroup(list(NAMES), value=list(DEFAULT.names), label="Schedules")
            what = gr.Dropdown(list(QUANTITIES), value=next(iter(QUANTITIES)), label="Plot")
            axis = gr.Radio([LINEAR, LOGARITHMIC], value=LINEAR, label="Vertical axis")
            T = gr.Slider(
                *RANGES["T"],
                value=DEFAULT.T,
                step=1,
                label="T",
                info="training timesteps, 2 to 4000",
            )
            zero = gr.Checkbox(
                DEFAULT.zero,
                label="Zero terminal SNR: end in pure noise",
                info="of all but the drawn one",
            )
            with gr.Accordion("Parameters", open=False):
                numbers = {
                    "beta_start": gr.Slider(
                        *RANGES["beta_start"],
                        DEFAULT.beta_start,
                        step=1e-5,
                        label="beta_start",
                        info="linear, scaled_linear, sigmoid_beta",
                    ),
                    "beta_end": gr.Slider(
                        *RANGES["beta_end"],
                        DEFAULT.beta_end,
                        step=0.001,
                        label="beta_end",
                        info="linear, scaled_linear, sigmoid_beta",
                    ),
                    "s": gr.Slider(*RANGES["s"], DEFAULT.s, step=0.001, label="s", info="cosine"),
                    "start": gr.Slider(
                        *RANGES["start"], DEFAULT.start, step=0.1, label="start", info="sigmoid"
                    ),
                    "end": gr.Slider(
                        *RANGES["end"], DEFAULT.end, step=0.1, label="end", info="sigmoid"
                    ),
                    "tau": gr.Slider(
                        *RANGES["tau"], DEFAULT.tau, step=0.1, label="tau", info="sigmoid"
                    ),
                }
            with gr.Accordion("Draw your own", open=False):
                gr.Markdown(
                    "Log-SNR at five times, from first to last: drag the points, or give them as "
                    "numbers. None can lie above the one before."
                )
                drawing = component(
                    "draw", json.dumps([getattr(DEFAULT, f"p{i}") for i in range(5)]), "draw-stage"
                )
                for i in range(5):
                    numbers[f"p{i}"] = gr.Slider(
                        *RANGES[f"p{i}"],
                        getattr(DEFAULT, f"p{i}"),
                        step=0.5,
                        label=f"log-SNR at {i}/4",
                    )
            gr.Markdown("The picture is that of the Noise tab.", elem_classes=["hint"])
        choice: list[Control] = [names, T, zero, *numbers.values()]
        opening = update(
            read_picture(FIRST_PICTURE), what.value, LINEAR, *(getattr(DEFAULT, f) for f in FIELDS)
        )
        with gr.Column(scale=5, elem_classes=["stage"]):
            plot = gr.Plot(opening[0], show_label=False, elem_id="schedule-plot", container=False)
            stage = component("compare", opening[1], "schedule-stage")
            with gr.Accordion("What it means for a model", open=True):
                words = gr.Markdown(opening[2], elem_classes=["meaning"])
            with gr.Row():
                save = gr.Button("Make CSV", size="md", min_width=120)
                file = gr.File(label="schedules.csv", interactive=False, visible=False)
            with gr.Accordion("Code", open=False):
                lines = gr.Code(
                    opening[3], language="python", label="The same in Python", wrap_lines=True
                )
            why(WHY)
    addressed: list[Control] = [what, axis, *choice]
    address = ADDRESS % ["what", "axis", *FIELDS]
    points = [numbers[f"p{i}"] for i in range(5)]
    drawing.input(
        None, [drawing, names], [names, *points], js=DRAWN_TO_NUMBERS, api_visibility="private"
    ).then(None, addressed, js=address, api_visibility="private")
    gr.on([p.change for p in points], None, points, js=NUMBERS_TO_DRAWN, api_visibility="private")
    made = gr.State(0.0)
    gr.on(
        [tab.select, picture.change, *(c.change for c in addressed)],
        paced_update,
        [made, picture, what, axis, *choice],
        [plot, stage, words, lines, made],
        show_progress="hidden",
        trigger_mode="always_last",
        concurrency_limit=None,
        api_visibility="private",
    )
    gr.on(
        [c.input for c in addressed],
        None,
        addressed,
        js=address,
        api_visibility="private",
    )
    save.click(save_csv, choice, file, api_visibility="private").then(
        lambda: gr.File(visible=True),
        outputs=file,
        show_progress="hidden",
        api_visibility="private",
    )
    return addressed
