"""The view "Families" of the Points tab, as plain handlers: what trains, and what is told."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from tabs.points import families_compute, families_view
from tabs.points.families_compute import HOLDS, NOT, UNCLEAR, Row, claims, learners, looks, verdict
from tabs.points.form import PointsForm
from tabs.points.points_page import Asked
from tabs.points.subject import subject_of
from tabs.shared.sessions import SESSIONS
from tabs.shared.stop_signals import STOP_SIGNALS

REQUEST = SimpleNamespace(session_hash="here")
FORM = PointsForm(count=200)


def row(key="gan", **changes):
    usual = Row(key, key, 2.0, 0.1, 0.9, 0.95, 8, 8, 1, 1.0, None, 59_000, 2, 100, 3.0)
    return replace(usual, **changes)


def five(**changes):
    """Rows of all five; changes by key."""
    keys = ("gan", "vae", "flow", "matching", "diffusion")
    return [row(key, **changes.get(key, {})) for key in keys]


def told(rows):
    return [claim.verdict for claim in claims(rows)]


def test_families_have_as_many_parameters_and_train_in_turns_for_the_same_seconds(monkeypatch):
    subject = subject_of(FORM)
    made = learners(subject.points, 0, collapse=False)
    sizes = [learner.parameters for learner in made]
    assert max(sizes) <= 1.1 * min(sizes) and [m.key for m in made][::4] == ["gan", "diffusion"]
    clock = iter(range(10**6))
    ticks = SimpleNamespace(thread_time=lambda: next(clock) / 100, perf_counter=lambda: 0.0)
    monkeypatch.setattr(families_compute, "time", ticks)  # every look at it is 10 ms later
    monkeypatch.setattr(families_compute, "TURN", 0.05)
    every = list(looks(subject, 0, 0.1, False, lambda: False))
    assert [look.last for look in every] == [False, True]
    seconds = [learner.seconds for learner in every[-1].learners]
    assert seconds == pytest.approx([0.1] * 5, abs=0.02)
    steps = [learner.steps for learner in every[-1].learners]
    assert max(steps) - min(steps) <= 2 and min(steps) > 4


def test_it_stops_within_a_step_of_each():
    asked = []

    def over():
        asked.append(True)
        return True

    (look,) = looks(subject_of(FORM), 0, 60.0, False, over)
    assert look.last and [learner.steps for learner in look.learners] == [1] * 5
    assert len(look.samples) == 5 and all(torch.isfinite(x).all() for x in look.samples)


@pytest.fixture
def short(monkeypatch):
    """Trainings of a hundredth of a second, in which each does one step or a few."""
    monkeypatch.setattr(families_view, "SECONDS", (1, 6, 15))
    real = families_compute.looks
    monkeypatch.setattr(
        families_view, "looks", lambda s, seed, of, c, over: real(s, seed, 0.01, c, over)
    )


def test_the_view_is_told_of_every_round_and_of_what_was_measured(short, monkeypatch):
    monkeypatch.setattr(families_compute, "DRAWS", 2)
    updates = list(families_view.train_families(FORM, 1, True, "run", REQUEST))
    messages = [json.loads(u["families_stage"]) for u in updates]
    assert messages[0]["state"] == "waiting" and updates[0]["families_of"] == subject_of(FORM).key
    last = messages[-1]
    assert last["run"] == "run" and last["collapse"] and len(last["claims"]) == 7
    assert [f["key"] for f in last["families"]] == ["gan", "vae", "flow", "matching", "diffusion"]
    rows = {r["title"]: r for r in last["rows"]}
    assert [r["evaluations"] for r in last["rows"]] == [1, 1, 1, 25, 25]
    assert (
        rows["GAN, collapse provoked"]["likelihood"] is None
        and rows["Diffusion"]["likelihood"] is None
    )
    assert rows["VAE"]["likelihood"] < 0 and rows["Normalizing flow"]["of_modes"] == 8
    pictures = {f["key"]: f["picture"] for f in last["families"]}
    assert {*pictures["gan"]} == {"field", "range"} and {*pictures["vae"]} == {
        "lines",
        "latent",
        "told",
    }
    assert {*pictures["flow"]} == {"field", "lines", "error"} and pictures["flow"]["error"] < 1e-4
    assert {*pictures["matching"]} == {"starts", "ends", "t"} == {*pictures["diffusion"]}
    assert pictures["flow"]["lines"]["shape"] == [26, 49, 2]


def test_a_stop_that_comes_first_ends_it_before_a_step():
    STOP_SIGNALS.stop("stopped run")
    updates = list(families_view.train_families(FORM, 3, False, "stopped run", REQUEST))
    states = [json.loads(u["families_stage"])["state"] for u in updates]
    assert states == ["waiting", "stopped"]


@pytest.mark.parametrize("seconds", [None, 4, True, "15", 1e9, [6]])
def test_other_seconds_than_offered_get_one_sentence(seconds):
    (update,) = families_view.train_families(FORM, seconds, False, "r", REQUEST)
    assert {*update} == {"told"}
    words = update["told"]
    assert "Seconds for each family" in words and "it takes 3, 6 or 15" in words


def test_a_public_page_trains_for_few_seconds(monkeypatch):
    monkeypatch.setattr(SESSIONS, "public", True)
    (update,) = families_view.train_families(FORM, 15, False, "r", REQUEST)
    assert "at most 6 seconds" in update["told"]
    assert families_view.checked_seconds(6) == 6


def test_other_points_empty_the_view_and_the_same_leave_it():
    asked = Asked(subject_of(FORM), FORM)
    updates = families_view.show_families(asked, "others")
    message = json.loads(updates["families_stage"])
    assert message["state"] == "empty" and message["families"] == [] and message["data"]["values"]
    assert families_view.show_families(asked, updates["families_of"]) == {}


def test_a_difference_within_its_error_decides_nothing():
    near, far = row(distance=1.0, error=0.2), row(distance=1.5, error=0.2)
    assert verdict(near, far) == UNCLEAR == verdict(far, near)
    assert verdict(near, replace(far, distance=2.0)) == HOLDS
    assert verdict(replace(far, distance=2.0), near) == NOT


def test_claims_follow_the_figures_alone():
    as_usual = five(
        gan={"distance": 1.5, "modes": 5, "recall": 0.6, "latent": 1},
        vae={"distance": 4.0, "latent": 1},
        flow={"distance": 5.0},
        matching={"distance": 1.0},
        diffusion={"distance": 1.0, "microseconds": 30.0},
    )
    assert told(as_usual) == [HOLDS] * 7
    otherwise = five(
        gan={"distance": 9.0, "latent": 8},
        vae={"distance": 4.0, "modes": 7},
        flow={"distance": 0.5},
        diffusion={"distance": 1.0, "microseconds": 4.0},
    )
    assert told(otherwise) == [NOT] * 7
    without_modes = [replace(r, modes=None, of_modes=None) for r in as_usual]
    assert told(without_modes) == [HOLDS] * 7
    alike = told(five())
    assert alike[0] == UNCLEAR == alike[3] and alike[1] == NOT
