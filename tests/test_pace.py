"""Forecasts of a walk's time: a first measure that is far too long is corrected by one walk."""

import json
import threading
from collections import OrderedDict

import pytest
from conftest import for_walks
from pytest import approx

from diffusion_core.generation import Recording, SamplingRequest
from diffusion_core.training_runs import cost
from diffusion_core.unet import UNetConfig
from tabs.denoise import defaults
from tabs.denoise.cost import expected
from tabs.denoise.form import DenoiseForm
from tabs.denoise.lanes import EXACT, Lane, Runner
from tabs.shared import models, pace
from tabs.shared.pace import LATEST, MODELS, Measure, Paces, TimedRun, pace_name

SLOW = 5.0  # seconds of the first measure


@pytest.fixture
def busy(monkeypatch):
    """A machine that is busy while it is measured; measures of other tests are not there."""
    monkeypatch.setattr(models, "PACES", paces := Paces())
    monkeypatch.setattr(pace, "PACES", paces)
    monkeypatch.setattr(pace, "evaluation_seconds", lambda network: SLOW)
    return paces


def walked(checkpoint, **values):
    values = {"num_images": 4, "num_steps": 4, "label": 9, **values}
    record = Recording(checkpoint, SamplingRequest(**values), walker=models.walker(checkpoint))
    for _ in record.run():
        pass
    return record


def form_of(folder, **values):
    return DenoiseForm(model=str(folder), label="Bag", guidance=1, seed=1, **values)


def test_one_finished_walk_corrects_forecast_refusal_and_opening(tiny_folder, busy, monkeypatch):
    checkpoint = for_walks(tiny_folder)
    monkeypatch.setenv("PLAYGROUND_MAX_WALK_SECONDS", "60")
    asked = form_of(tiny_folder, steps=20, images=1)
    walk, _ = asked.walk(checkpoint)
    assert expected(asked) == "About 100 s on this machine."
    assert defaults.recommended_settings(checkpoint)["images"] == 1
    with pytest.raises(ValueError, match="about 100 s here, and this page gives 60 s"):
        models.bounded(walk, checkpoint)
    built = defaults.opening(str(tiny_folder))
    corrected = defaults.correction(built)
    assert built.images == 1 and corrected() == ""
    walked(checkpoint)
    changed = {"images": [1, defaults.OWN.images]}
    assert json.loads(corrected()) == {"model": built.model, "changed": changed}
    assert expected(asked) == "" and models.evaluation_seconds_of(checkpoint) < 1
    assert "images" not in defaults.recommended_settings(checkpoint)
    models.bounded(walk, checkpoint)


def test_what_would_be_refused_is_measured_anew_first(tiny_folder, busy, monkeypatch):
    checkpoint = for_walks(tiny_folder)
    monkeypatch.setenv("PLAYGROUND_MAX_WALK_SECONDS", "60")
    walk, _ = form_of(tiny_folder, steps=20, images=1).walk(checkpoint)
    models.evaluation_seconds_of(checkpoint)
    monkeypatch.setattr(pace, "evaluation_seconds", lambda network: 0.01)
    with pytest.raises(ValueError, match="about 100 s"):  # it was measured a moment ago
        models.bounded(walk, checkpoint)
    monkeypatch.setattr(pace, "OLD", 0.0)
    models.bounded(walk, checkpoint)
    assert models.seconds_of(walk, checkpoint) == approx(0.2)


def test_a_lane_of_a_race_corrects_it_unless_it_is_the_exact_answer(tiny_folder, busy, monkeypatch):
    checkpoint = for_walks(tiny_folder)
    monkeypatch.setattr("tabs.denoise.lanes.exact_of", lambda checkpoint, walk: lambda x, t: x)
    for who, learns in ((EXACT, False), ("network", True)):
        runner = Runner.of(checkpoint, Lane(who=who, steps=3), form_of(tiny_folder, images=2))
        while runner.result is None:
            runner.advance(0)
        assert (busy.known(pace_name(checkpoint)) is not None) == learns


def test_a_stopped_walk_counts_as_far_as_it_came(tiny_folder, busy):
    checkpoint = for_walks(tiny_folder)
    steps = iter(TimedRun(checkpoint, SamplingRequest(num_images=1, num_steps=9)))
    next(steps)
    assert busy.known(pace_name(checkpoint)) is None
    steps.close()
    assert 0 < busy.known(pace_name(checkpoint)) < SLOW


def test_a_measure_bounds_what_other_numbers_of_pictures_take():
    four = Measure(4, 2.0)
    assert four.bound(4) == 0.5 and four.bound(8) == 0.5 and four.bound(1) == 2.0
    paces = Paces()
    paces.note("w", 1, 1.0)
    paces.note("w", 4, 2.0)
    assert paces.known("w", 1) == 1.0 and paces.known("w", 4) == 0.5


def test_measures_are_bounded_and_a_slower_machine_is_noticed():
    paces = Paces()
    paces.note("w", 1, 0.1)
    for _ in range(LATEST):
        paces.note("w", 1, 3.0)
    assert paces.known("w") == 3.0
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        paces.note("none", 1, bad)
    assert paces.known("none") is None

    def many(k):
        for i in range(MODELS):
            paces.note(f"{k} {i}", 1, 1.0)

    threads = [threading.Thread(target=many, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paces.measures) == MODELS and paces.known("w") is None


def test_trained_steps_correct_what_a_busy_machine_measured(monkeypatch):
    monkeypatch.setattr(cost, "_TOOK", OrderedDict())
    monkeypatch.setattr(cost, "_step_seconds", lambda *asked: SLOW)
    asked = (UNetConfig(channels=(32,), attention=(False,), image_size=(8, 8)), 64, "fp32", "cpu")
    assert cost.known_step_seconds(*asked) is None
    assert cost.step_seconds(*asked) == approx(4 * SLOW)  # 16 of the 64 are computed
    cost.note_step_seconds(*asked, seconds=0.2)
    assert cost.step_seconds(*asked) == cost.known_step_seconds(*asked) == approx(0.2)
    for _ in range(cost.LATEST):
        cost.note_step_seconds(*asked, seconds=0.6)
    assert cost.known_step_seconds(*asked) == approx(0.6)
    monkeypatch.setattr(cost, "_step_seconds", lambda *asked: 0.1)
    assert cost.step_seconds(*asked) == approx(0.6)
    monkeypatch.setattr(cost, "OLD", -1.0)
    assert cost.step_seconds(*asked) == approx(0.4)
    cost.note_step_seconds(*asked, seconds=0.0)
    assert 0.0 not in cost._TOOK[next(iter(cost._TOOK))].seconds
