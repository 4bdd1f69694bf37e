"""The Schedules tab's computations as plain functions."""

import csv
import dataclasses
import json
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
    lines = {
        trace.name: trace
        for trace in figure(form(ALL, what=what, axis=LOGARITHMIC if log else LINEAR)).data
    }
    for name in NAMES:
        found = [line for n, line in lines.items() if n.split(" ")[0] == name]
        assert found and all(len(line.x) == 200 for line in found)
    assert any("was trained with this" in n for n in lines)
    if what.startswith("β"):
        want = make_schedule("cosine", 200).betas.tolist()
        assert list(lines["cosine"].y) == pytest.approx(want)


def test_the_code_makes_the_same_schedules():
    choice = dataclasses.replace(ALL, beta_end=0.03, s=0.02, tau=0.8, p2=1.5)
    space: dict = {}
    exec(code(choice), space)
    made = made_of(choice)
    assert space["schedules"].keys() == made.keys()
    for name, s in made.items():
        assert torch.equal(space["schedules"][name].betas, s.betas)


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
    ("change", "words"),
    [
        ({"names": ()}, "at least one"),
        ({"T": 1}, "from 2 to"),
        ({"tau": 0.0}, "tau"),
        ({"beta_end": 2.0}, "beta"),
        ({"T": None}, "every number"),
        ({"p3": 99.0}, "point"),
    ],
)
def test_bad_choices_are_one_sentence(change, words):
    with pytest.raises(gr.Error) as caught:
        schedules.update(None, form(ScheduleForm(names=NAMES), **change))
    assert words in str(caught.value) and "\n" not in str(caught.value)


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
    assert schedules.from_address(SimpleNamespace(query_params={name: text})) == {name: value}
