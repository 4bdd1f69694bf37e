"""A press of Train follows the pictures and the preset as they are chosen, as plain handlers."""

import json
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from conftest import record_here, wait_for

from diffusion_core.data import ImageDataset, load_dataset
from tabs.shared.sessions import SESSIONS
from tabs.train import estimates, handlers, jobs
from tabs.train.datasets import MINE, SHIPPED
from tabs.train.form import OWN, SourceForm, TrainForm
from tabs.train.jobs import QUEUE

ME = SimpleNamespace(session_hash="me")
STALE = TrainForm(steps=2200, batch=16, channels="64,128")
ZIP = SourceForm(MINE, ["a.zip"], size=16)


@pytest.fixture(scope="module")
def dataset():
    whole = load_dataset("fashion-mnist-2000")
    return ImageDataset("some", whole.pictures[::40], whole.labels[::40], whole.class_names)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, dataset):
    """A folder for models; jobs are entered, and none is trained; a step takes 0.1 seconds."""
    monkeypatch.setenv("DIFFUSION_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(jobs, "record_apart", record_here)
    monkeypatch.setattr(jobs.Job, "run", lambda job: setattr(job, "state", "stopped"))
    monkeypatch.setattr(handlers, "TELL_SECONDS", 0.01)
    monkeypatch.setattr(estimates, "seconds_a_step", lambda plan, known=False: 0.1)
    yield tmp_path / "models"
    wait_for(lambda: not QUEUE.jobs)
    QUEUE.late.clear()
    SESSIONS.pictures.clear()
    handlers.READ.clear()
    estimates.FILLED.clear()


def started(preset, source, form):
    """The plan that was begun, and what the line on the training said."""
    said = [
        m["facts"] for m in handlers.start_training("m", preset, source, form, ME) if "facts" in m
    ]
    job = QUEUE.of(SESSIONS.visitor("me"), False)
    return None if job is None else job.plan, said


def test_a_preset_is_measured_for_the_new_pictures_before_it_begins(dataset):
    SESSIONS.keep("me", dataset)
    plan, said = started("a coffee", SourceForm(SHIPPED), STALE)
    assert plan.train.num_steps == 6000 and plan.train.batch_size == 16
    assert said[0] == estimates.MEASURING and "6,000 steps" in said[-1]
    assert handlers.facts_now("a coffee", STALE, ME) == said[-1]  # never of what stood there before


def test_what_was_filled_in_is_what_runs_though_the_pace_changed_meanwhile(dataset, monkeypatch):
    SESSIONS.keep("me", dataset)
    filled = json.loads(estimates.preset_values("a coffee", STALE, ME))["values"]
    monkeypatch.setattr(estimates, "seconds_a_step", lambda plan, known=False: 0.2)
    plan, said = started("a coffee", SourceForm(SHIPPED), replace(STALE, **filled))
    assert plan.train.num_steps == filled["steps"] == 6000 and said == []


def test_ones_own_settings_run_as_they_stand(dataset):
    SESSIONS.keep("me", dataset)
    plan, said = started(OWN, SourceForm(SHIPPED), STALE)
    assert plan.train.num_steps == 2200 and said == []


def test_train_waits_for_a_zip_that_is_being_read(dataset, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(handlers, "read", lambda *_: go.wait() and dataset)
    SESSIONS.keep("me", replace(dataset, name="another"))
    reading = handlers.chosen_pictures(ZIP, ME)
    assert next(reading)["facts"] == estimates.MEASURING
    pressed = handlers.start_training("m", "a coffee", ZIP, STALE, ME)
    assert next(pressed) == {"facts": handlers.WAITS}
    go.set()
    list(reading)
    list(pressed)
    job = QUEUE.of(SESSIONS.visitor("me"), False)
    assert job.dataset is dataset and job.plan.train.num_steps == 6000


def test_what_nobody_read_yet_is_read_by_the_press_itself(dataset, monkeypatch):
    monkeypatch.setattr(handlers, "BEGINS_SECONDS", 0.0)
    monkeypatch.setattr(handlers, "read", lambda *_: dataset)
    plan, said = started("a coffee", ZIP, STALE)
    assert plan.train.num_steps == 6000 and handlers.WAITS not in said[1:]


def test_stop_ends_the_wait_and_a_reading_that_failed_is_one_sentence(monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(handlers, "read", lambda *_: go.wait() and 1 / 0)
    reading = handlers.chosen_pictures(ZIP, ME)
    next(reading)
    pressed = handlers.start_training("m", "a coffee", ZIP, STALE, ME)
    next(pressed)
    handlers.stop(ME)
    assert [*pressed] == [{"facts": estimates.NOTHING}] and handlers.WAITING == {}
    go.set()
    list(reading)
    *_, last = handlers.start_training("m", "a coffee", ZIP, STALE, ME)
    assert json.loads(last["stage"])["error"] == estimates.NOTHING
    assert QUEUE.of(SESSIONS.visitor("me"), False) is None
