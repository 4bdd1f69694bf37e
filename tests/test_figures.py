"""The page's figures: what stands where, as plain functions."""

import json

import numpy as np
import pytest

from tabs.shared.figures import CONFIG, Curve, Figure, curves, spread, timesteps

T = np.arange(1000) / 999


def test_no_figure_of_the_page_has_a_toolbar_or_zooms_by_dragging():
    made = curves([Curve("a", T, 0)], "y", log=False)
    made.update_layout(xaxis_title="set later")
    sent = json.loads(made.to_json())
    assert sent["config"] == CONFIG and CONFIG["displayModeBar"] is False
    layout = sent["layout"]
    assert layout["dragmode"] is False
    assert layout["xaxis"]["fixedrange"] is layout["yaxis"]["fixedrange"] is True
    assert json.loads(Figure().to_json())["layout"]["dragmode"] is False


def test_a_figure_has_a_title_axes_and_ticks_with_the_last_timestep():
    layout = curves([Curve("a", T, 0)], "ᾱ", log=False, title="ᾱ, how much is left").layout
    assert layout.title.text == "ᾱ, how much is left"
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("timestep t, 0 to 999", "ᾱ")
    assert list(layout.xaxis.tickvals) == [0, 200, 400, 600, 800, 999]
    assert curves([Curve("a", T, 0)], "y", log=False, title="y").layout.title.text == ""


@pytest.mark.parametrize("last", [1, 2, 9, 76, 99, 299, 999, 3999])
def test_ticks_are_round_and_the_last_one_has_room(last):
    ticks = timesteps(last)
    assert ticks[0] == 0 and ticks[-1] == last and 2 <= len(ticks) <= 7
    steps = np.diff(ticks)
    assert (steps > 0).all() and steps[-1] > 0.6 * steps[0] or len(ticks) == 2


def test_curves_that_lie_on_each_other_are_one_with_all_their_names():
    near, apart = T + 0.001, T**2
    made = curves(
        [Curve("a", T, 0), Curve("b", apart, 1), Curve("c", near, 2), Curve("short", T[:500], 3)],
        "y",
        log=False,
    )
    assert [trace.name for trace in made.data] == ["a = c", "b", "short"]
    assert not any(trace.showlegend for trace in made.data)
    names = {a.text for a in made.layout.annotations}
    assert names == {"a<br>= c", "b", "short"}


def test_names_stand_at_the_ends_and_never_on_each_other():
    lines = [Curve(f"curve {i}", T * (1 - 0.02 * i), i) for i in range(9)]
    made = curves(lines, "y", log=False)
    room = made.layout.height - made.layout.margin.t - made.layout.margin.b
    heights = [a.y * room for a in made.layout.annotations]
    assert [a.text for a in made.layout.annotations] == [f"curve {i}" for i in range(8, -1, -1)]
    assert all(b - a > 15.9 for a, b in zip(heights, heights[1:], strict=False))
    assert heights[0] > 0 and heights[-1] < room
    assert all(a.x == 1 and a.xanchor == "left" for a in made.layout.annotations)
    dashes = [shape.line.dash for shape in made.layout.shapes if shape.line.dash]
    assert len(dashes) == 9  # each beside its curve's own stroke


def test_labels_are_spread_only_as_far_as_they_must():
    assert spread([10, 50], [10, 10], 100) == [10, 50]
    assert spread([10, 12], [10, 10], 100) == [10, 20]
    assert spread([99, 99, 99], [10, 10, 20], 100) == [65, 75, 90]
    assert spread([0, 0], [10, 10], 100) == [5, 15]


def test_a_logarithmic_axis_leaves_out_what_is_not_positive():
    y = np.concatenate([[0.0], 10.0 ** -np.arange(1, 7)])
    made = curves([Curve("a", y, 0), Curve("none", np.zeros(7), 1)], "y", log=True)
    assert made.layout.yaxis.type == "log"
    low, high = made.layout.yaxis.range
    assert low < -6 < -1 < high
    assert np.isnan(made.data[0].y[0]) or made.data[0].y[0] is None
    low, high = curves([], "y", log=True).layout.yaxis.range
    assert low < high


def test_values_that_stand_at_given_places_are_marked():
    made = curves(
        [Curve("a", np.array([1.0, 2.0, 3.0]), 0)], "y", log=False, x=[0, 40, 90], x_title="noised"
    )
    assert list(made.data[0].x) == [0, 40, 90] and made.data[0].mode == "lines+markers"
    assert made.layout.xaxis.range == (0, 90) and made.layout.xaxis.title.text == "noised"
