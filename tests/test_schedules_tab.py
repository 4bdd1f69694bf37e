"""The Schedules tab's computations as plain functions."""

import csv
import dataclasses
import html
import json
import re
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import torch

from diffusion_core.schedule import make_schedule
from tabs.schedules import layout as schedules
from tabs.schedules.compute import code, figure, meaning, write_csv
from tabs.schedules.compute import schedules as made_of
from tabs.schedules.form import LINEAR, LOGARITHMIC, NAMES, QUANTITIES, ScheduleForm
from tabs.shared.forms import table

ALL = ScheduleForm(names=NAMES, T=200)


def form(choice: ScheduleForm, **changes) -> ScheduleForm:
    return dataclasses.replace(choice, **changes)


@pytest.mark.parametrize("what", list(QUANTITIES))
@pytest.mark.parametrize("log", [False, True])
def test_every_plot_shows_every_schedule(what, log):
    made = figure(form(ALL, what=what, axis=LOGARITHMIC if log else LINEAR))
    lines = {trace.name: trace for trace in made.data}
    for name in NAMES:  # those that lie on each other are one line, which names all
        found = [line for n, line in lines.items() if name in re.split("[ =]+", n)]
        assert found and all(len(line.x) == 200 for line in found)
    assert any("model avatars" in n for n in lines)
    names = [a.text.replace("<br>", " ") for a in made.layout.annotations]
    assert sorted(names) == sorted(lines)  # each stands at the end of its line
    assert made.layout.meta == {"kind": QUANTITIES[what], "drawn": True, "T": 200}
    if what.startswith("β"):
        want = make_schedule("linear", 200).betas.tolist()
        assert list(lines["linear"].y) == pytest.approx(want)
        assert made.layout.yaxis.type == ("log" if log else "linear")


def test_the_code_makes_the_same_schedules_in_any_folder_and_draws_them(tmp_path, monkeypatch):
    choice = dataclasses.replace(ALL, beta_end=0.03, s=0.02, tau=0.8, p2=1.5)
    lines = code(choice)
    assert lines.startswith("# Needs the playground's packages: pip install")
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    exec(lines, space)
    made = made_of(choice)
    assert space["schedules"].keys() == made.keys()
    for name, s in made.items():
        assert torch.equal(space["schedules"][name].betas, s.betas)
    page = (tmp_path / "schedules.html").read_text(encoding="utf-8")
    assert "sigmoid_beta" in page and "Plotly" in page


def test_the_table_is_whole_and_exact(tmp_path):
    write_csv(dataclasses.replace(ALL, zero=True), tmp_path / "schedules.csv")
    with open(tmp_path / "schedules.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 200 * len(NAMES)
    s = make_schedule("cosine", 200, zero_terminal_snr=True)
    ours = [r for r in rows if r["schedule"] == "cosine"]
    assert [float(r["alpha_bar"]) for r in ours] == s.alphas_cumprod.tolist()
    assert [float(r["beta"]) for r in ours] == s.betas.tolist()


def test_what_it_means_is_said():
    assert "leaves 33.8 % of the picture" in meaning(ScheduleForm(names=("scaled_linear",), T=300))
    assert "leaves" not in meaning(ScheduleForm(names=("cosine",)))
    assert "ends in pure noise" in meaning(ScheduleForm(names=("cosine",), zero=True))
    assert "begins coarsely" in meaning(ScheduleForm(names=("cosine",), T=5))
    assert "fashion-mnist** was trained with cosine" in meaning(ScheduleForm(names=("cosine",)))
    assert "trained with another schedule" in meaning(ScheduleForm(names=("linear",)))


def test_the_browser_gets_what_the_schedule_says():
    picture = np.zeros((80, 80, 3), np.uint8)
    sent = json.loads(schedules.update(picture, form(ALL))["stage"])
    assert [s["name"] for s in sent["schedules"]] == list(NAMES)
    linear = make_schedule("linear", 200)
    np.testing.assert_allclose(sent["schedules"][0]["alpha_bars"], linear.alphas_cumprod, rtol=1e-6)


def test_figures_are_made_four_times_a_second_at_most(monkeypatch):
    slept, clock = [], iter([100.1, 100.25, 200.0, 200.0])
    fake = SimpleNamespace(sleep=slept.append, monotonic=lambda: next(clock))
    monkeypatch.setattr(schedules, "time", fake)
    first = schedules.paced_update(100.0, None, ScheduleForm())
    assert first["made"] == 100.25 and "stage" not in first  # without a picture it stays
    assert schedules.paced_update(100.25, None, ScheduleForm())["made"] == 200.0
    assert slept == [pytest.approx(0.15), 0.0]


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ({"names": ()}, "names_told", "at least one"),
        ({"T": 1}, "told", "T is 1: it takes a number from 2 to 4000."),
        ({"T": None}, "told", "T is empty: it takes a number from 2 to 4000."),
        ({"T": "9"}, "told", "T holds no number"),
        ({"tau": 0.0}, "parameters_told", "tau is 0: it takes a number from 0.1 to 3."),
        ({"start": None}, "parameters_told", "start is empty: it takes a number from −6 to 0."),
        ({"p3": 99.0}, "points_told", "log-SNR at 3/4 is 99: it takes a number from −15 to 15."),
        ({"names": ("odd",)}, "told", "no schedule"),
    ],
)
def test_bad_choices_are_one_sentence_beside_the_control(monkeypatch, change, place, words):
    monkeypatch.setattr(schedules.time, "sleep", lambda seconds: None)
    choice = form(ScheduleForm(names=NAMES), **change)
    shown = schedules.paced_update(0.0, None, choice)
    assert {*shown} == {*schedules.PLACES, "made"}  # what is there stays
    told = {name: html.unescape(shown[name]) for name in schedules.PLACES}
    assert words in told[place] and "\n" not in told[place] and 'role="alert"' in told[place]
    assert not any(sentence for name, sentence in told.items() if name != place)
    with pytest.raises(gr.Error, match=re.escape(words.split(":")[0])):
        next(schedules.save_csv(choice))


def test_points_that_rise_are_said_to_be_taken_down():
    told = schedules.told(ScheduleForm(p2=5.0, p3=4.0))
    assert "log-SNR at 2/4 is 5, above the point before it; drawn uses 3 there." in html.unescape(
        told["points_told"]
    )
    assert "3/4 is 4" in told["points_told"] and "drawn uses 3 there" in told["points_told"]
    assert not any(schedules.told(ScheduleForm()).values())


def test_an_emptied_slider_is_none_for_every_handler_and_gradio_still_holds_the_others():
    assert table(ScheduleForm)["T"].control(value=9).preprocess(None) is None
    assert table(ScheduleForm)["T"].control(value=9).preprocess(99_999) == 99_999
    other = gr.Slider(0, 5)
    assert other.preprocess(None) is None and other.preprocess(3) == 3
    with pytest.raises(gr.Error):
        other.preprocess(9)


def test_what_spans_powers_of_ten_opens_logarithmic():
    assert [schedules.suited_axis(what) for what in QUANTITIES] == [
        LINEAR,
        LINEAR,
        LOGARITHMIC,
        LINEAR,
        LOGARITHMIC,
    ]
    (beta,) = [what for what in QUANTITIES if what.startswith("β")]
    query = SimpleNamespace(query_params={"what": beta})
    assert schedules.from_address(query) == {"what": beta, "axis": LOGARITHMIC}
    query.query_params["axis"] = LINEAR
    assert schedules.from_address(query)["axis"] == LINEAR


def test_the_address_is_read_and_nonsense_in_it_is_not():
    def read(**query):
        return schedules.from_address(SimpleNamespace(query_params=query))

    got = read(names="cosine,drawn,evil", T="500", zero="true", s="0.1")
    assert got == {"names": ["cosine", "drawn"], "T": 500, "zero": True, "s": 0.1}
    assert read(names="evil", T="inf", what="<script>", s="nan-", tau="99", p0="nan") == {}


OTHER = {
    "what": "log-SNR, natural",
    "axis": "logarithmic axis",
    "names": ["drawn", "linear"],
    "T": 77,
    "zero": True,
    "beta_start": 2e-4,
    "beta_end": 0.05,
    "s": 0.02,
    "start": -2.5,
    "end": 2.5,
    "tau": 0.7,
    "p0": 8.5,
    "p1": 2.5,
    "p2": -0.5,
    "p3": -4.0,
    "p4": -9.5,
}


@pytest.mark.parametrize("name", [*table(ScheduleForm)])
def test_every_field_survives_the_address(name):
    """As the page's script writes it: lists joined by commas, the rest as JavaScript's text."""
    value = OTHER[name]
    default = getattr(ScheduleForm(), name)
    assert value != default and value != [*default] if name == "names" else value != default
    text = ",".join(value) if name == "names" else json.dumps(value).strip('"')
    text = value if isinstance(value, str) else text
    read = schedules.from_address(SimpleNamespace(query_params={name: text}))
    assert read[name] == value and read.keys() <= {name, "axis"}
