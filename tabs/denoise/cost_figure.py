"""What steps cost, drawn: measured quality against how often a sampler evaluates the network.

`places` puts the names beside the marks so that none covers another or a mark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from diffusion_core.evaluation import TRAINING_IMAGES, Results, SamplerRow
from diffusion_core.samplers import SAMPLERS

from ..shared.figures import CURVES, KEY, LETTER, QUIET, Curve, Figure, name_end, spread
from ..shared.text import span, times

# Plotly's names of the places, and where each lies from the mark: across and up.
MANY = 1000  # steps of ddpm, as in its paper
PLACES = {
    "top center": (0, 1),
    "bottom center": (0, -1),
    "middle right": (1, 0),
    "middle left": (-1, 0),
    "top right": (1, 1),
    "top left": (-1, 1),
    "bottom right": (1, -1),
    "bottom left": (-1, -1),
}
GAP = 0.7  # marks' sides from a mark's middle to its name, as Plotly sets it


def places(
    marks: Sequence[tuple[float, float]],
    names: Sequence[str],
    size: tuple[float, float],
    mark: float,
    letter: tuple[float, float],
    lines: Sequence[Sequence[tuple[float, float]]] = (),
) -> list[str | None]:
    """For each mark the first place of `PLACES` where its name is free; None where none is.

    Args:
        marks: The marks' middles, in pixels from the lower left corner of the plot.
        names: The name of each mark; "" where none is to be placed.
        size: Width and height of the plot in pixels; names stay inside.
        mark: Side of a mark, in pixels.
        letter: Width and height of a letter, in pixels.
        lines: What is drawn beside the marks, each line by its points, which names do not cross.
    """
    taken = [_box(x, y, mark, mark) for x, y in marks]
    taken += [_box(x, y, STROKE, STROKE) for line in lines for x, y in _along(line)]
    found: list[str | None] = []
    for (x, y), name in zip(marks, names, strict=True):
        width, height = len(name) * letter[0], letter[1]
        found.append(None)
        for place, (across, up) in PLACES.items() if name else ():
            middle = x + across * (width / 2 + GAP * mark), y + up * (height / 2 + GAP * mark)
            box = _box(*middle, width, height)
            inside = min(box) >= 0 and box[2] <= size[0] and box[3] <= size[1]
            if inside and not any(_meet(box, other) for other in taken):
                taken.append(box)
                found[-1] = place
                break
    return found


def _along(line: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points along a line, no further from each other than a stroke is wide."""
    found = [*line[:1]]
    for (x0, y0), (x1, y1) in zip(line, line[1:], strict=False):
        parts = max(1, math.ceil(math.hypot(x1 - x0, y1 - y0) / STROKE))
        found += [
            (x0 + (x1 - x0) * k / parts, y0 + (y1 - y0) * k / parts) for k in range(parts + 1)
        ]
    return found


def _box(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


MARKERS = {  # in turn, as many as there are samplers, and the sign of each before a name
    "circle": "\u25cf",
    "square": "\u25a0",
    "diamond": "\u25c6",
    "triangle-up": "\u25b2",
    "cross": "\u271a",
    "star": "\u2605",
    "hexagon": "\u2b22",
    "triangle-down": "\u25bc",
    "pentagon": "\u2b1f",
}
NOW = "#8b5cf6"  # a violet between the page's two, for the line that is its cursor
EDGE = {"color": "rgba(255, 255, 255, 0.85)", "width": 1.5}  # parts marks that overlap
TICKS = (1, 3, 10, 30, 100, 300, 1000, 3000)
TYPICAL = (5, MANY)  # evaluations that are always in view, so that the axis stands still
HEIGHT, TOP, BOTTOM = 416, 100, 76  # pixels of the figure and its margins
NARROW = 200  # pixels of the plot's width on a phone
MARK, LETTER_BOX = 13, (8.5, 20)  # pixels: a mark's side, a letter's width and height
STROKE = 4  # pixels: a line's width
NAME = 18  # pixels: height of a curve's name at its end


def figure(
    results: Results | None,
    choice_sampler: str,
    choice_evaluations: int,
    ms_per_evaluation: float | None = None,
) -> Figure:
    """Frechet distance over network evaluations, both logarithmic, a curve for each sampler.

    Rows with eta, guidance or another spacing are single hollow marks. The axis shows the time here
    under each number of evaluations.

    Args:
        results: Measured results of the model; None where there are none.
        choice_sampler: The sampler that the controls choose.
        choice_evaluations: Number of evaluations that it would take, at least 1.
        ms_per_evaluation: Milliseconds measured on this machine; None while they are not known.
    """
    samplers, references = (results.samplers, results.references) if results else ((), ())
    drawn = [r for r in samplers if r.frechet_distance > 0]  # a logarithmic axis has no 0
    scale = [r for r in references if r.name == TRAINING_IMAGES and r.frechet_distance > 0]
    counts = [*TYPICAL, choice_evaluations, *(r.num_evaluations for r in drawn)]
    x_range = [math.log10(min(counts) / 1.2), math.log10(max(counts) * 1.25)]
    distances = [r.frechet_distance for r in drawn] + [r.frechet_distance for r in scale]
    distances = distances or [0.1, 1.0]
    y_range = [math.log10(min(distances) / 1.4), math.log10(max(distances) * 1.25)]
    named = _named(drawn, x_range, y_range, choice_evaluations, [r.frechet_distance for r in scale])
    made = Figure()
    ends: list[tuple[float, Curve]] = []
    for style, sampler in enumerate(SAMPLERS):
        rows = sorted((r for r in drawn if r.sampler == sampler), key=lambda r: r.num_evaluations)
        colour, dash = CURVES[style % len(CURVES)]
        marker, sign = [*MARKERS.items()][style % len(MARKERS)]
        mark_style = {"size": MARK, "symbol": marker, "color": colour, "line": EDGE}
        if plain := [r for r in rows if r.plain]:
            _add(made, plain, sampler, "lines+markers", mark_style, {"color": colour, "dash": dash})
            name = f'<span style="color: {colour}">{sign}</span> {sampler}'
            ends.append((math.log10(plain[-1].frechet_distance), Curve(name, np.empty(0), style)))
        for row in rows:
            if not row.plain:
                hollow = mark_style | {
                    "symbol": f"{marker}-open",
                    "line": {"color": colour, "width": 3},
                }
                _add(made, [row], row.name, "markers", hollow, None, named.get(row.name))
    _lay_out(made, x_range, y_range, ms_per_evaluation)
    _name_ends(made, ends, y_range)
    if scale:
        y = scale[0].frechet_distance
        now = (math.log10(choice_evaluations) - x_range[0]) / (x_range[1] - x_range[0])
        left = now > 0.5  # its words lie where the line of the choice does not
        made.add_shape(
            type="line",
            xref="paper",
            x0=0,
            x1=1,
            y0=y,
            y1=y,
            layer="below",
            line={"color": QUIET, "width": 2.5, "dash": "8px,6px"},
        )
        made.add_annotation(
            text=f"{TRAINING_IMAGES}: {y:.2f}",
            xref="paper",
            x=0.02 if left else 0.98,
            xanchor="left" if left else "right",
            y=math.log10(y),
            yanchor="top",
            showarrow=False,
        )
    if not drawn:
        made.add_annotation(
            text="this model's card<br>has no measurements",
            xref="paper",
            yref="paper",
            x=0.5,
            y=0.5,
            showarrow=False,
        )
    _mark_choice(made, choice_sampler, choice_evaluations, ms_per_evaluation, x_range)
    return made


def _name_ends(made: Figure, ends: list[tuple[float, Curve]], y_range: list[float]) -> None:
    """The names of the curves beside the plot, in the order of their ends.

    Args:
        made: Gets the names, and room for them at its right.
        ends: The logarithm of the last Frechet distance of each curve, and its name and style.
        y_range: Ends of the vertical axis, as logarithms.
    """
    room = HEIGHT - TOP - BOTTOM
    low, high = y_range
    ends = sorted(ends, key=lambda end: end[0])
    targets = [room * (at - low) / (high - low) for at, _ in ends]
    for (_, line), middle in zip(ends, spread(targets, [NAME] * len(ends), room), strict=True):
        name_end(made, line, None, middle, NAME, room)
    longest = max((len(line.name.partition("</span>")[2]) + 2 for _, line in ends), default=0)
    made.update_layout(margin_r=KEY + 12 + math.ceil(LETTER * longest))


def _named(
    rows: list[SamplerRow],
    x_range: list[float],
    y_range: list[float],
    choice: int,
    levels: list[float],
) -> dict[str, str]:
    """Places of the names of rows that are not plain; without room on a phone a touch shows it.

    The best is named first, since those that come later may find no room. Names cross neither a
    curve, nor the line of the present choice, nor those of the `levels`.
    """
    width, height = NARROW, HEIGHT - TOP - BOTTOM

    def across(value: float, ends: list[float], pixels: int) -> float:
        return (math.log10(value) - ends[0]) / (ends[1] - ends[0]) * pixels

    def mark(row: SamplerRow) -> tuple[float, float]:
        distance = across(row.frechet_distance, y_range, height)
        return across(row.num_evaluations, x_range, width), distance

    rows = sorted(rows, key=lambda r: r.frechet_distance)
    lines = [
        [mark(r) for r in sorted(rows, key=lambda r: r.num_evaluations) if r.plain and of(r)]
        for of in ((lambda r, s=s: r.sampler == s) for s in SAMPLERS)
    ]
    now = across(choice, x_range, width)
    lines.append([(now, 0), (now, height)])
    lines += [[(0, at), (width, at)] for at in (across(v, y_range, height) for v in levels)]
    names = ["" if r.plain else _extra(r) for r in rows]
    found = places([mark(r) for r in rows], names, (width, height), MARK, LETTER_BOX, lines)
    return {r.name: place for r, place in zip(rows, found, strict=True) if place}


def _extra(row: SamplerRow) -> str:
    """What a row has beside sampler and steps, in words: "karras, guidance 2"."""
    return row.name.partition(", ")[2]


def _add(
    made: go.Figure,
    rows: list[SamplerRow],
    name: str,
    mode: str,
    marker: dict,
    line: dict | None,
    place: str | None = None,
) -> None:
    made.add_scatter(
        x=[r.num_evaluations for r in rows],
        y=[r.frechet_distance for r in rows],
        name=name,
        mode=mode + ("+text" if place else ""),
        marker=marker,
        line=line and line | {"width": 3.5},
        text=[_extra(r) for r in rows],
        textposition=place or "top center",
        customdata=[_hover(r) for r in rows],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _hover(row: SamplerRow) -> str:
    lines = [
        f"<b>{row.name}</b>",
        times(row.num_evaluations),
        f"Frechet distance {round(row.frechet_distance, 2):g}, of {row.num_samples:,} images",
    ]
    if row.class_accuracy is not None:
        lines.append(f"class as asked {row.class_accuracy:.1%}")
    if row.milliseconds_per_image is not None:
        lines.append(f"{round(row.milliseconds_per_image, 1):g} ms an image in batches")
    return "<br>".join(lines)


def _lay_out(made: go.Figure, x_range: list[float], y_range: list[float], ms: float | None) -> None:
    # Times at powers of ten alone: between them there is no room on a phone.
    under = [
        f"{n}<br><i>{span(n * ms)}</i>" if ms is not None and math.log10(n).is_integer() else f"{n}"
        for n in TICKS
    ]
    title = "evaluations" + ("" if ms is None else " and <i>time here</i>")
    nice = [k * 10.0**e for e in range(-3, 4) for k in (1, 2, 5)]
    made.update_layout(
        height=HEIGHT,
        hovermode="closest",
        margin={"l": 76, "r": 20, "t": TOP, "b": BOTTOM},
        font_size=16,
        showlegend=False,
        title={
            "text": "Picture quality by cost",
            "x": 0,
            "xref": "paper",
            "y": 1,
            "yanchor": "top",
            "pad": {"t": 8},
            "font": {"size": 16},
        },
        xaxis={
            "type": "log",
            "title": {"text": title, "standoff": 10},
            "title_font_size": 16,
            "range": x_range,
            "tickvals": TICKS,
            "ticktext": under,
            "tickangle": 0,
        },
        yaxis={
            "type": "log",
            "title": {"text": "Frechet distance (low is good)", "standoff": 8},
            "title_font_size": 16,
            "range": y_range,
            "tickvals": nice,
            "ticktext": [f"{v:g}" for v in nice],
        },
    )


def _mark_choice(
    made: go.Figure, sampler: str, count: int, ms: float | None, x_range: list[float]
) -> None:
    """The vertical line of the present choice, and its words above it: narrow, for a phone."""
    label = f"now: {sampler},<br>{times(count)}"
    label += "" if ms is None else f",<br>about {span(count * ms)} here"
    place = (math.log10(count) - x_range[0]) / (x_range[1] - x_range[0])
    made.add_shape(
        type="line",
        yref="paper",
        x0=count,
        x1=count,
        y0=0,
        y1=1,
        layer="below",
        line={"color": NOW, "width": 3},
    )
    made.add_annotation(
        text=f"<b>{label}</b>",
        x=math.log10(count),
        yref="paper",
        y=1,
        yanchor="bottom",
        xanchor="left" if place < 0.2 else "right" if place > 0.6 else "center",
        showarrow=False,
        font={"color": NOW, "size": 16},
    )
