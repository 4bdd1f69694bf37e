"""Plotly figures from arrays, as the page shows them.

A figure of the page is pointed at, never zoomed: it has no toolbar, and dragging over it moves
neither axis. Its curves are named where they end, not in a legend.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import plotly.graph_objects as go

# Told apart by colour-blind eyes too (Okabe and Ito 2008), and by dash; the five colours with a
# meaning (x0, eps, x_t and the guesses) are not among them.
CURVES = (
    ("#0072b2", "solid"),
    ("#d55e00", "dash"),
    ("#009e73", "dot"),
    ("#cc79a7", "dashdot"),
    ("#8a6d00", "longdash"),
    ("#6b7280", "longdashdot"),
    ("#56b4e9", "solid"),
    ("#8c6bb1", "dash"),
    ("#a63603", "dot"),
)
MAX_POINTS = 400
GRID = "rgba(128, 128, 128, 0.25)"
QUIET = "#7a7a82"
# Options of Plotly itself; Gradio hands them on where they stand beside data and layout.
CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False, "showTips": False}
HEIGHT = 320  # pixels, of a figure of curves
TOP, BOTTOM, LEFT = 36, 48, 68  # pixels of its margins
KEY = 30  # pixels from a curve's end to its name, with the line that leads there
END = "end"  # the name, in the layout, of what names a curve at its end
LETTER, LINE = 7.4, 16.0  # pixels: mean width of a letter of a name, and height of a line
SAME = 0.004  # of the axis's height: curves nearer than this lie on each other


class Figure(go.Figure):
    """A Plotly figure with the page's `CONFIG`, no zoom, and the page's colours."""

    def __init__(self, data: Any = None) -> None:
        """As `plotly.graph_objects.Figure`; its own template, of 0.2 s, is never made."""
        super().__init__(data, layout={"template": "none"})
        self.update_layout(
            dragmode=False,
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            font={"size": 14, "color": QUIET, "family": "system-ui, sans-serif"},
        )
        axis = {"fixedrange": True, "gridcolor": GRID, "zeroline": False, "ticks": "outside"}
        self.update_xaxes(**axis, ticklen=4, tickcolor=GRID)
        self.update_yaxes(**axis, ticklen=4, tickcolor=GRID)

    def to_json(self, *args: Any, **kwargs: Any) -> str:
        """The figure as JSON, with its `CONFIG`."""
        return json.dumps({**json.loads(super().to_json(*args, **kwargs)), "config": CONFIG})


@dataclass(frozen=True)
class Curve:
    """One line of a figure.

    Attributes:
        name: Its name, which stands at its end.
        y: Values, one for each place on the horizontal axis.
        style: Index of its colour and dash in `CURVES`.
        faint: Drawn thin, as a second quantity of the same schedule.
    """

    name: str
    y: np.ndarray
    style: int
    faint: bool = False


def curves(
    lines: Sequence[Curve],
    y_title: str,
    *,
    log: bool,
    title: str = "",
    x: Sequence[float] | None = None,
    x_title: str = "",
    meta: dict[str, Any] | None = None,
) -> Figure:
    """Lines over the timestep, each named at its end.

    Lines that lie on each other are one, whose label has all their names.

    Args:
        lines: The curves; more than 400 points are thinned.
        y_title: Title of the vertical axis, with units.
        log: Logarithmic vertical axis; what is not positive is left out.
        title: What the figure shows, in words.
        x: Where the values stand, the same for all curves; marks show them. None are timesteps.
        x_title: Title of the horizontal axis; "" names the timesteps.
        meta: What scripts of the page read of the figure.
    """
    last = max((len(line.y) for line in lines), default=2) - 1
    ends = (0, max(1, last)) if x is None else (min(0, *x), max(1, *x))
    low, high = _range([line.y for line in lines], log)
    merged = _merged(lines, low, high, log)
    names = [line.name.split("\n") for line in merged]
    heights = [LINE * len(parts) for parts in names]
    height = max(HEIGHT, TOP + BOTTOM + math.ceil(sum(heights)))
    room = height - TOP - BOTTOM
    figure = Figure()
    for line in merged:
        t = np.unique(np.linspace(0, len(line.y) - 1, MAX_POINTS).round().astype(int))
        y = line.y[t]
        if log:
            y = np.where(y > 0, y, np.nan)
        colour, dash = CURVES[line.style % len(CURVES)]
        figure.add_scatter(
            x=t.tolist() if x is None else [x[i] for i in t],
            y=y.tolist(),
            name=line.name.replace("\n", " "),
            mode="lines" if x is None else "lines+markers",
            showlegend=False,
            line={"color": colour, "dash": dash, "width": 1.4 if line.faint else 2.8},
            opacity=0.8 if line.faint else 1.0,
            hovertemplate="%{y:.4g}",
        )
    targets = [room * _share(_end(line.y, log), low, high, log) for line in merged]
    order = sorted(range(len(merged)), key=lambda i: (targets[i], *_course(merged[i].y)))
    middles = spread([targets[i] for i in order], [heights[i] for i in order], room)
    for i, middle in zip(order, middles, strict=True):
        at = None if x is None and len(merged[i].y) <= last else targets[i] / room
        name_end(figure, merged[i], at, middle, heights[i], room)
    longest = max((len(part) for parts in names for part in parts), default=0)
    figure.update_layout(
        height=height,
        hovermode=False if x is None else "x unified",
        margin={"l": LEFT, "r": KEY + 12 + math.ceil(LETTER * longest), "t": TOP, "b": BOTTOM},
        meta=meta,
        title={
            "text": title if title != y_title else "",
            "x": 0,
            "xref": "paper",
            "y": 1,
            "yanchor": "top",
            "pad": {"t": 8},
            "font": {"size": 16},
        },
        xaxis={
            "title": {"text": x_title or f"timestep t, 0 to {last}", "standoff": 8},
            "title_font_size": 15,
            "range": ends,
            "tickvals": timesteps(last) if x is None else [*x],
        },
        yaxis={
            "title": {"text": y_title, "standoff": 6},
            "title_font_size": 15,
            "type": "log" if log else "linear",
            "range": (low, high),
            "exponentformat": "power",
            **({"dtick": max(1, math.ceil((high - low) / 8))} if log and high - low >= 2 else {}),
            **({"nticks": 7} if not log else {}),
        },
    )
    return figure


def timesteps(last: int) -> list[int]:
    """Ticks of an axis of timesteps: round numbers from 0, and the last one, none too near it."""
    steps = (m * 10**e for e in range(8) for m in (1, 2, 5))
    step = next(s for s in steps if last / s <= 5.5)
    return [t for t in range(0, last, step) if last - t > 0.6 * step or t == 0] + [last]


def spread(targets: Sequence[float], heights: Sequence[float], room: float) -> list[float]:
    """The middles of labels side by side, each as near to its target as the others let it.

    Args:
        targets: Where the middles would best be, from the lowest to the highest.
        heights: The labels' heights, in the same unit.
        room: They lie between 0 and this, where they fit.
    """
    middles: list[float] = []
    below = 0.0
    for target, height in zip(targets, heights, strict=True):
        middles.append(max(target, below + height / 2))
        below = middles[-1] + height / 2
    above = max(room, sum(heights))
    for i in range(len(middles) - 1, -1, -1):
        middles[i] = min(middles[i], above - heights[i] / 2)
        above = middles[i] - heights[i] / 2
    return middles


def _range(values: Sequence[np.ndarray], log: bool) -> tuple[float, float]:
    """Ends of the vertical axis; of a logarithmic one as powers of ten."""
    every = np.concatenate([np.asarray(v, float) for v in values]) if values else np.array([0, 1.0])
    every = every[np.isfinite(every)]
    if log:
        every = np.log10(every[every > 0])
    if not every.size:
        return 0.0, 1.0
    low, high = float(every.min()), float(every.max())
    gap = 0.03 * (high - low) or 0.5
    return low - gap, high + gap


def _share(value: float, low: float, high: float, log: bool) -> float:
    """Where a value stands on the axis: 0 at its lower end, 1 at its upper."""
    at = (math.log10(value) if value > 0 else low) if log else value
    return min(1.0, max(0.0, (at - low) / (high - low)))


def _end(y: np.ndarray, log: bool) -> float:
    """The last value that is drawn."""
    drawn = y[np.isfinite(y) & ((y > 0) | (not log))]
    return float(drawn[-1]) if drawn.size else 0.0


def _course(y: np.ndarray) -> list[float]:
    """What tells curves apart that end at one place: their values on the way there."""
    return [float(y[round(share * (len(y) - 1))]) for share in (0.9, 0.75, 0.5, 0.25)]


def _merged(lines: Sequence[Curve], low: float, high: float, log: bool) -> list[Curve]:
    """The curves, of those that lie on each other the first, with all their names."""

    def heights(y: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            places = np.log10(np.maximum(y, 10.0**low)) if log else y
        return (np.clip(places, low, high) - low) / (high - low)

    found: list[Curve] = []
    for line in lines:
        for i, other in enumerate(found):
            if len(other.y) == len(line.y) and (
                np.abs(heights(other.y) - heights(line.y)).max() < SAME
            ):
                found[i] = replace(other, name=f"{other.name}\n= {line.name}")
                break
        else:
            found.append(line)
    return found


def name_end(
    figure: Figure, line: Curve, end: float | None, middle: float, height: float, room: float
) -> None:
    """The name of a curve beside the plot, and a line in the curve's own stroke that leads there.

    Scripts of the page (static/lib/plots.js) move what is called `END` in the layout: on a phone
    below the figure.

    Args:
        figure: Gets both.
        line: The curve.
        end: Share of the plot's height at which the curve meets its right side; None where it ends
            before.
        middle: Height of the name's middle, in pixels.
        height: Height of the name, in pixels.
        room: Height of the plot, in pixels.
    """
    colour, dash = CURVES[line.style % len(CURVES)]
    stroke = {"color": colour, "width": 1.4 if line.faint else 2.8}
    place = {"type": "line", "xref": "paper", "yref": "paper", "xsizemode": "pixel", "xanchor": 1}
    place["name"] = END
    first = (middle + height / 2 - LINE / 2) / room  # the middle of its first line
    straight = end is not None and abs(end - first) * room < 2
    if end is not None and not straight:
        thin = {**stroke, "width": 1}
        figure.add_shape(**place, x0=0, x1=8, y0=end, y1=first, line=thin)
    key = {**stroke, "dash": dash}  # the one with a dash
    start = 0 if straight else 8
    figure.add_shape(**place, x0=start, x1=KEY - 4, y0=first, y1=first, line=key)
    figure.add_annotation(
        text=line.name.replace("\n", "<br>"),
        name=END,
        xref="paper",
        yref="paper",
        x=1,
        y=middle / room,
        xshift=KEY,
        xanchor="left",
        yanchor="middle",
        align="left",
        showarrow=False,
        font={"size": 13},
    )
