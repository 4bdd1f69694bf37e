"""The view "Loss" of the Inside tab: plain handlers, without a page."""

from __future__ import annotations

import base64
import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import save_tiny, save_tiny_avatars

from diffusion_core.data import to_uint8
from diffusion_core.training import loss_weights
from tabs.inside import loss_view
from tabs.inside.form import InsideForm
from tabs.inside.subject import subject_of
from tabs.shared.cache import Cache


@pytest.fixture(scope="module")
def form(tmp_path_factory):
    folder = save_tiny(tmp_path_factory.mktemp("models") / "tiny")
    picture = np.random.default_rng(0).integers(0, 255, (28, 28, 1), np.uint8)
    return InsideForm(model=str(folder), loaded=str(folder), picture=picture, t=400, label="Bag")


def of_dataset(subject, name):
    config = dataclasses.replace(subject.checkpoint.config, dataset=name)
    return dataclasses.replace(
        subject, checkpoint=dataclasses.replace(subject.checkpoint, config=config)
    )


@pytest.fixture
def subject(form):
    return of_dataset(subject_of(form), "somebody's pictures")


def shown(updates):
    return json.loads(updates["loss"])


def picture(text):
    return np.frombuffer(base64.b64decode(text), np.uint8)


def test_without_training_pictures_the_starting_picture_is_drawn_and_the_page_says_so(subject):
    first = shown(loss_view.begin(subject, None))
    assert "starting picture" in first["source"]
    assert np.array_equal(picture(first["x0"]), to_uint8(subject.x0).ravel())
    assert len(first["points"]) == 1 and first["points"][0][0] == first["t"]


def test_the_embedded_pictures_are_drawn_where_they_are_the_models_own(subject):
    model = loss_view.trained(of_dataset(subject, "fashion-mnist"))
    assert model.dataset.name == "fashion-mnist-2000" and "2,000" in model.words
    model = loss_view.trained(of_dataset(subject, "avatars"))  # which do not fit this network
    assert model.dataset.name == "the starting picture"


def test_every_press_draws_anew_and_keeps_what_was_drawn(subject):
    first = loss_view.begin(subject, None)
    assert loss_view.begin(subject, first["drawn"]) == {}
    second = loss_view.one(subject, first["drawn"])
    a, b = shown(first), shown(second)
    assert b["points"][:1] == a["points"] and len(b["points"]) == 2
    assert a["eps"] != b["eps"] and b["loss"] == pytest.approx(b["points"][1][1], rel=1e-4)
    apart = picture(b["square"]).mean() / 255
    assert 0 < apart <= b["loss"] * 1.01 + 0.002


def test_each_weighting_counts_every_draw(subject):
    message = shown(loss_view.begin(subject, None))
    config = loss_view.config_of(subject.checkpoint)
    t = torch.tensor([message["t"]])
    for each in message["weightings"]:
        own = dataclasses.replace(config, loss_weighting=each["name"])
        want = float(loss_weights(own, t, subject.schedule))
        assert each["points"] == [pytest.approx(want, rel=1e-3)]
    names = [each["name"] for each in message["weightings"]]
    assert names[:2] == ["none", "min_snr"]


def test_a_hundred_draws_and_the_average_curve(form, subject, monkeypatch):
    monkeypatch.setattr(loss_view, "_CURVES", Cache())
    monkeypatch.setattr(loss_view, "CURVE_PICTURES", 2)
    inside = SimpleNamespace(subject=lambda form: subject)
    every = list(loss_view.hundred(inside, form, None))
    counts = [len(shown(u)["points"]) for u in every]
    assert counts[:10] == [*range(10, 101, 10)] and set(counts[10:]) == {100}
    assert [len(shown(u)["curve"]) for u in every[10:]] == [*range(1, 22)]
    t = [at for at, _ in shown(every[-1])["points"]]
    assert min(t) < 150 and max(t) > 850 and len(set(t)) > 80  # U{0 .. 999}
    again = shown(loss_view.one(subject, every[-1]["drawn"]))
    assert len(again["curve"]) == 21 and len(again["points"]) == 101
    assert len(again["weightings"][0]["curve"]) == 21


def test_large_pictures_are_drawn_one_by_one_within_the_time(form, subject, monkeypatch):
    monkeypatch.setattr(loss_view, "MOST_PIXELS", 28 * 28 * 2)
    monkeypatch.setattr(loss_view, "SECONDS", 0.0)
    assert loss_view.trained(subject).at_once(8) == 2
    inside = SimpleNamespace(subject=lambda form: subject)
    last = [*loss_view.hundred(inside, form, None)][-1]
    assert len(shown(last)["points"]) == 2 and len(shown(last)["curve"]) <= 1
    assert "Mean loss of 2 draws" in shown(loss_view.step(subject, last["drawn"]))["told"]


def test_a_gradient_step_is_told_by_block_and_changes_no_weight(subject, monkeypatch):
    before = [p.clone() for p in subject.checkpoint.unet.parameters()]
    message = shown(loss_view.step(subject, None))
    assert all(
        torch.equal(a, b) for a, b in zip(before, subject.checkpoint.unet.parameters(), strict=True)
    )
    names = [layer["name"] for layer in message["layers"]]
    assert len(names) == len({*names}) > 8 and "→" in message["told"]
    assert max(layer["change"] for layer in message["layers"]) > 0
    monkeypatch.setattr(loss_view, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="choose a smaller model"):
        loss_view.step(subject, None)


def test_a_model_with_attributes_draws_its_starting_picture(tmp_path):
    folder = save_tiny_avatars(tmp_path / "peeps")
    made = InsideForm(
        model=str(folder), loaded=str(folder), picture=np.zeros((64, 64, 3), np.uint8), t=10
    )
    message = shown(loss_view.step(of_dataset(subject_of(made), "somebody's faces"), None))
    assert "starting picture" in message["source"] and message["layers"]
