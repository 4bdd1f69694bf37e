"""The view "Timestep" of the Inside tab: plain handlers, without a page."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
import torch
from conftest import save_tiny

from diffusion_core.inspection import timestep_encoding, told_denoiser
from tabs.inside import timestep_view
from tabs.inside.form import InsideForm
from tabs.inside.subject import subject_of
from tabs.shared.cache import Cache


@pytest.fixture(scope="module")
def form(tmp_path_factory):
    folder = save_tiny(tmp_path_factory.mktemp("models") / "tiny")
    picture = np.random.default_rng(0).integers(0, 255, (28, 28, 1), np.uint8)
    return InsideForm(model=str(folder), loaded=str(folder), picture=picture, t=400)


def test_the_view_shows_what_the_network_makes_of_the_wrong_time(form):
    subject = subject_of(form)
    updates = timestep_view.show(subject, 800)
    stage, told = json.loads(updates["stage"]), json.loads(updates["encoding"])
    with torch.inference_mode():
        _, x0_hat = told_denoiser(subject.denoiser(), 800).predict(subject.x_t, torch.tensor([400]))
    assert stage["error"] == pytest.approx(subject.error(subject.clipped(x0_hat)), rel=1e-5)
    assert "t′ = 800" in stage["guess"] and "t = 400" in stage["plain_guess"]
    assert stage["plain_error"] == pytest.approx(subject.error(subject.predict()[1]), rel=1e-5)
    curve = dict(map(tuple, told["curve"]))
    assert curve[400] == pytest.approx(subject.error(subject.predict()[1]), rel=1e-3)
    assert [*curve] == sorted(curve) and {0, 999} <= {*curve} and len(curve) >= 5
    honest = timestep_view.show(subject, 400)
    same = json.loads(honest["stage"])
    assert same["plain"] == same["x0_hat"] == stage["plain"]
    assert "the truth" in json.loads(honest["encoding"])["words"]
    assert honest["stage"] != updates["stage"]


def test_the_pictures_are_of_the_networks_own_encodings(form):
    subject = subject_of(form)
    message = timestep_view.encoding_message(subject, 900, 0.1)
    every = timestep_encoding(subject.checkpoint.unet, torch.arange(1000))
    rows = message["rows"]
    assert rows == timestep_view.ROWS and message["pair"] == pytest.approx(
        float(
            torch.nn.functional.cosine_similarity(
                *(every.embedding[t] - every.embedding.mean(dim=0) for t in (400, 900)), dim=0
            )
        ),
        abs=2e-3,
    )
    picture = np.frombuffer(base64.b64decode(message["features"]["px"]), np.uint8)
    mean = every.features.reshape(rows, 10, -1).mean(dim=1)
    shares = (picture.reshape(rows, -1).astype(float) - 128) / 127
    assert np.abs(shares * message["features"]["most"] - mean.numpy()).max() < 0.02
    np.testing.assert_allclose(message["features"]["row"], every.features[400], atol=1e-4)
    square = np.frombuffer(base64.b64decode(message["similarity"]), np.uint8).reshape(rows, rows)
    assert (np.diag(square) == 255).all() and (square == square.T).all()


def test_a_slow_model_has_a_coarse_curve_or_none(form, monkeypatch):
    subject = subject_of(form)
    monkeypatch.setattr(timestep_view, "_CURVES", Cache())
    monkeypatch.setattr(timestep_view, "CURVE_SECONDS", 0.0)
    message = json.loads(timestep_view.show(subject, 10)["encoding"])
    assert message["curve"] == [] and "too long" in message["words"]


@pytest.mark.parametrize("told", [None, "", -1, float("nan")])
def test_what_is_no_timestep_is_a_sentence(form, told):
    with pytest.raises(ValueError, match="Timestep that the network is told"):
        timestep_view.show(subject_of(form), told)
