"""Plotly figures from arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Curve:
    """One line of a figure.

    Attributes:
        name: Its name in the legend.
        y: Values, one a timestep.
        style: Index of its colour and dash in `CURVES`.
        faint: Drawn thin, as a second quantity of the same schedule.
    """

    name: str
    y: np.ndarray
    style: int
    faint: bool = False


def curves(lines: Sequence[Curve], y_title: str, *, log: bool) -> go.Figure:
    """Lines over the timestep; the cursor is drawn over them in the browser.

    Args:
        lines: The curves; more than 400 points are thinned.
        y_title: Title of the vertical axis, with units.
        log: Logarithmic vertical axis; what is not positive is left out.
    """
    figure = go.Figure()
    longest = max((len(line.y) for line in lines), default=2)
    for line in lines:
        t = np.unique(np.linspace(0, len(line.y) - 1, MAX_POINTS).round().astype(int))
        y = line.y[t]
        if log:
            y = np.where(y > 0, y, np.nan)
        colour, dash = CURVES[line.style % len(CURVES)]
        figure.add_scatter(
            x=t.tolist(),
            y=y.tolist(),
            name=line.name,
            mode="lines",
            showlegend=True,
            line={"color": colour, "dash": dash, "width": 1.4 if line.faint else 2.8},
            opacity=0.8 if line.faint else 1.0,
            hovertemplate="%{y:.5g}",
        )
    grid = "rgba(128, 128, 128, 0.25)"
    figure.update_layout(
        template="none",
        height=380,
        hovermode="x unified",
        margin={"l": 64, "r": 16, "t": 16, "b": 48},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 14, "color": "#7a7a82", "family": "system-ui, sans-serif"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": f"timestep, 0 to {longest - 1}", "gridcolor": grid, "zeroline": False},
        yaxis={
            "title": y_title,
            "type": "log" if log else "linear",
            "gridcolor": grid,
            "zeroline": False,
            "exponentformat": "power",
        },
    )
    return figure
