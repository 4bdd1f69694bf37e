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
from tabs.schedules.compute import NAMES, QUANTITIES, Choice, code, figure, meaning, write_csv

ALL = Choice(names=NAMES, T=200)


def values(choice: Choice) -> list:
    return [getattr(choice, f.name) for f in dataclasses.fields(Choice)]


@pytest.mark.parametrize("what", list(QUANTITIES))
@pytest.mark.parametrize("log", [False, True])
def test_every_plot_shows_every_schedule(what, log):
    lines = {trace.name: trace for trace in figure(ALL, what, log).data}
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
    made = choice.schedules()
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
    assert "leaves 33.8 % of the picture" in meaning(Choice(names=("scaled_linear",), T=300))
    assert "leaves" not in meaning(Choice(names=("cosine",)))
    assert "ends in pure noise" in meaning(Choice(names=("cosine",), zero=True))
    assert "begins coarsely" in meaning(Choice(names=("cosine",), T=5))
    assert "fashion-mnist** was trained with cosine" in meaning(Choice(names=("cosine",)))
    assert "trained with another schedule" in meaning(Choice(names=("linear",)))


def test_the_browser_gets_what_the_schedule_says():
    picture = np.zeros((80, 80, 3), np.uint8)
    _, message, _, _ = schedules.update(
        picture, next(iter(QUANTITIES)), "linear axis", *values(ALL)
    )
    sent = json.loads(message)
    assert [s["name"] for s in sent["schedules"]] == list(NAMES)
    linear = make_schedule("linear", 200)
    np.testing.assert_allclose(sent["schedules"][0]["alpha_bars"], linear.alphas_cumprod, rtol=1e-6)


def test_figures_are_made_four_times_a_second_at_most(monkeypatch):
    slept, clock = [], iter([100.1, 100.25, 200.0, 200.0])
    fake = SimpleNamespace(sleep=slept.append, monotonic=lambda: next(clock))
    monkeypatch.setattr(schedules, "time", fake)
    arguments = (None, next(iter(QUANTITIES)), "linear axis", *values(Choice()))
    assert schedules.paced_update(100.0, *arguments)[-1] == 100.25
    assert schedules.paced_update(100.25, *arguments)[-1] == 200.0
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
    given = dict(zip(schedules.FIELDS, values(Choice(names=NAMES)), strict=True)) | change
    with pytest.raises(gr.Error) as caught:
        schedules.update(None, next(iter(QUANTITIES)), "linear axis", *given.values())
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_the_address_is_read_and_nonsense_in_it_is_not():
    def read(**query):
        return schedules.from_address(SimpleNamespace(query_params=query))

    names = ["what", "axis", *schedules.FIELDS]
    got = dict(
        zip(names, read(names="cosine,drawn,evil", T="500", zero="true", s="0.1"), strict=True)
    )
    assert got["names"] == ["cosine", "drawn"] and got["T"] == 500
    assert got["zero"] is True and got["s"] == 0.1
    nothing = read(names="evil", T="inf", what="<script>", s="nan-", tau="99", p0="nan")
    assert all(isinstance(v, dict) for v in nothing)  # gr.skip() for each
