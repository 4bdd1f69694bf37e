"""A step of a walk, handed from the Denoise tab to the Inside tab: plain handlers."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
import torch
from conftest import save_tiny

from diffusion_core.generation import InitialImage, Recording, SamplingRequest
from tabs.denoise import open_inside
from tabs.denoise.run_registry import RECORDINGS
from tabs.inside import walk
from tabs.inside.form import InsideForm
from tabs.inside.inside_page import Guess, stage_message
from tabs.inside.subject import subject_of
from tabs.shared import models

HERE = SimpleNamespace(session_hash="")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    save_tiny(folder / "tiny", seed=11)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIFFUSION_MODELS", str(folder))
        yield dict(models.available())["tiny"]


def walked(path, run, given=None, **settings):
    wanted = SamplingRequest(num_steps=4, seed=3, label=8, num_images=2, **settings)
    record = Recording(models.get(path), wanted, given)
    steps = []
    real = record.walker

    class Noted:
        def __getattr__(self, name):
            return getattr(real, name)

        def __iter__(self):
            for step in real:
                steps.append(step)
                yield step

    record.walker = Noted()
    for _ in record.run():
        pass
    RECORDINGS.put(run, record)
    return record, steps


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp_2m"])
def test_a_step_is_the_walks_own_to_the_bit(path, sampler):
    record, steps = walked(path, f"r-{sampler}", sampler=sampler)
    for k in (0, 2, 3):
        found = open_inside.open_step(f"r-{sampler}", "", k, HERE)["step"]
        assert torch.equal(found.x_t, steps[k].x_t[:1]) and found.t == steps[k].t
        assert (found.index, found.steps, found.label, found.y) == (k, 4, "Bag", 8)
        assert torch.equal(found.x0, record.result[:1]) and not found.truth
        assert f"step {k} of 4" in found.words


def test_the_inside_tab_sees_what_the_walks_network_saw(path):
    _, steps = walked(path, "seen")
    step = open_inside.open_step("seen", "", 1, HERE)["step"]
    updates = walk.follow(step, path)
    assert (updates["t"], updates["label"]) == (step.t, "Bag")
    assert (updates["along"].maximum, updates["along"].value) == (3, 1)
    form = InsideForm(model=path, loaded=path, label="Bag", t=step.t, step=step)
    subject = subject_of(form)
    torch.testing.assert_close(subject.predict()[1], steps[1].x0_hat[:1], atol=1e-5, rtol=1e-4)
    assert not subject.truth and '"truth": false' in stage_message(subject, Guess(subject.x0))
    assert walk.follow(None, path)["along"].visible is False
    other = subject_of(dataclasses.replace(form, label="Dress"))
    assert other.y == 3  # whoever chooses another class is heeded


def test_a_walk_from_a_picture_has_a_truth(path):
    picture = torch.rand(1, 1, 28, 28) * 2 - 1
    walked(path, "from-picture", InitialImage(picture), t_start=600)
    step = open_inside.open_step("from-picture", "", 0, HERE)["step"]
    assert step.truth and torch.equal(step.x0, picture) and step.t == 600


def test_moving_along_the_walk_gives_the_next_step_and_nothing_where_it_stands(path):
    _, steps = walked(path, "along")
    step = open_inside.open_step("along", "", 0, HERE)["step"]
    assert open_inside.move_along(step, 0, HERE) == {}
    assert open_inside.move_along(None, 3, HERE) == {}
    moved = open_inside.move_along(step, 2, HERE)["step"]
    assert moved.index == 2 and torch.equal(moved.x_t, steps[2].x_t[:1])
    followed = open_inside.follow_player(step, "along", "", 3, HERE)["step"]
    assert followed.index == 3
    assert open_inside.follow_player(step, "another run", "", 3, HERE) == {}


@pytest.mark.parametrize(
    ("run", "words"), [("", "Press Denoise first"), ("nobody's", "walk it to the end")]
)
def test_what_cannot_be_opened_is_a_sentence_below_the_player(path, run, words):
    told = open_inside.open_step(run, "", 0, HERE)
    assert words in told["open_told"] and "step" not in told and "tabs" not in told
