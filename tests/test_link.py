"""Links to walks: short for every model, checked when they are opened, as before where they can."""

from __future__ import annotations

import base64
import dataclasses
import json
from types import SimpleNamespace

import pytest
import torch
from conftest import TINY, wake

from diffusion_core.checkpoint import CheckpointConfig, load_checkpoint, save_checkpoint
from diffusion_core.generation import RunCard
from diffusion_core.schedule import make_schedule
from diffusion_core.unet import UNet
from tabs.denoise import handlers, run_card_controls
from tabs.denoise.form import DenoiseForm
from tabs.denoise.link import check_schedule, link_card
from tabs.denoise.run_registry import found
from tabs.shared import models
from tabs.shared.sessions import SESSIONS

ME = SimpleNamespace(session_hash="links")


def save(folder, last=0.02):
    """A model whose schedule is given by each of its betas, as diffusers' `trained_betas` are."""
    torch.manual_seed(0)
    betas = make_schedule("linear", 1000, beta_end=last).betas.tolist()
    config = CheckpointConfig(
        TINY, {"name": "betas", "betas": betas}, "epsilon", (), "fashion-mnist-2000"
    )
    save_checkpoint(folder, wake(UNet(TINY)), config)
    return folder


@pytest.fixture
def walked(tmp_path, monkeypatch):
    """The last message of a walk with that model."""
    folder = save(tmp_path / "measured")
    monkeypatch.setattr(models, "checkpoint_folders", lambda: [tmp_path])
    form = DenoiseForm(model=str(folder), steps=2, images=1, guidance=1)
    messages = [json.loads(m) for m in handlers.denoise(form, "link run", ME)]
    yield messages[-1]
    SESSIONS.forget("links")


def address(card):
    return base64.urlsafe_b64encode(json.dumps(json.loads(card)).encode()).decode()


def test_a_link_to_a_walk_of_a_thousand_measured_betas_can_be_sent(walked):
    assert len(address(walked["card"])) > 20_000
    assert len(address(walked["link"])) < 2_000
    card, short = RunCard.from_json(walked["card"]), RunCard.from_json(walked["link"])
    assert len(card.schedule["betas"]) == 1000 and set(short.schedule) == {"sha256"}
    assert dataclasses.replace(short, schedule=card.schedule).to_json() == card.to_json()
    event = SimpleNamespace(card=walked["link"])
    again = [json.loads(m) for m in handlers.replay("again", event, ME)][-1]
    assert again["note"] == "The replay's result is the same, to the bit."
    assert again["card"] == walked["card"]  # whole again
    assert run_card_controls.card_values(event, ME)["steps"] == 2


def test_a_link_is_refused_where_the_model_has_another_schedule(walked, tmp_path):
    card = RunCard.from_json(walked["link"])
    other = load_checkpoint(save(tmp_path / "measured", last=0.03))
    assert other.weights_hash == card.weights
    with pytest.raises(ValueError, match=r"another noise schedule than the model measured .* file"):
        found(card, "links")
    said = [json.loads(m) for m in handlers.replay("x", SimpleNamespace(card=walked["link"]), ME)]
    assert said[-1]["error"].startswith("This link was made with another noise schedule")
    assert run_card_controls.card_values(SimpleNamespace(card=walked["link"]), ME) == {}


def test_where_the_schedule_is_a_name_the_link_is_the_card_as_before(tiny_folder):
    checkpoint = load_checkpoint(tiny_folder)
    form = DenoiseForm(model=str(tiny_folder), steps=2, images=1, guidance=1)
    last = [json.loads(m) for m in handlers.denoise(form, "plain", ME)][-1]
    assert "link" not in last
    card = RunCard.from_json(last["card"])
    assert link_card(card) == "" and card.schedule["name"] == "cosine"
    check_schedule(card, checkpoint)
    SESSIONS.forget("links")
