"""The Noise tab's computations as plain functions."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from diffusion_core.data import read_picture, to_uint8
from diffusion_core.process import q_sample
from diffusion_core.schedule import make_schedule
from tabs.noise import compute, layout, pictures
from tabs.noise.form import NoiseForm
from tabs.shared.forms import table
from tabs.shared.picture_upload import quiet, receive, receive_raw, refused

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


def test_the_browser_gets_x0_exactly_and_eps_to_a_fiftieth_of_a_level():
    sent = json.loads(compute.prepare(NoiseForm(PICTURE, 32, "centre", 5, "cosine")))
    x0, eps, schedule = compute.parts(NoiseForm(PICTURE, 32, "centre", 5, "cosine"))
    levels = np.frombuffer(base64.b64decode(sent["x0"]), np.uint8).reshape(32, 32, 3)
    assert np.array_equal(levels, to_uint8(x0)[0])
    fine = np.frombuffer(base64.b64decode(sent["eps"]), np.int16).reshape(32, 32, 3) / 4096
    assert np.abs(fine - eps[0].permute(1, 2, 0).numpy()).max() * 127.5 < 0.02
    np.testing.assert_allclose(sent["alpha_bars"], schedule.alphas_cumprod, rtol=1e-6)


def test_the_chain_arrives_where_the_jump_does_in_distribution():
    *_, last = map(
        json.loads, compute.chain_messages(NoiseForm(PICTURE, 128, "centre", 3, "linear"), 600)
    )
    assert last["done"] and last["k"] == last["of"] == 601
    want = 1 - float(make_schedule("linear").alpha_bar(600))
    assert last["variance"] == pytest.approx(want)
    for which in ("of_chain", "of_jump"):
        mean, variance = last[which]["mean"], last[which]["variance"]
        assert abs(mean[0]) < 4 * mean[1] and abs(variance[0] - want) < 4 * variance[1]
    assert last["chain"] != last["jump"] and "a sum of Gaussians is Gaussian" in last["words"]


def test_the_chain_says_that_it_goes_on_while_it_does(monkeypatch):
    monkeypatch.setattr(compute, "CHAIN_SECONDS", 0.0)
    parts = [
        json.loads(m)
        for m in compute.chain_messages(NoiseForm(PICTURE, 28, "centre", 0, "linear"), 9)
    ]
    assert [p["k"] for p in parts] == list(range(1, 11))
    assert [p["done"] for p in parts] == [False] * 9 + [True]


def test_the_animation_dissolves_the_picture():
    made = compute.animation(NoiseForm(PICTURE, 28, "centre", 1, "linear"))
    path = Path(next(made))
    frames = iio.imread(path, index=None)
    made.close()
    assert not path.exists()  # nothing is left behind
    assert len(frames) >= 60
    x0, eps, schedule = compute.parts(NoiseForm(PICTURE, 28, "centre", 1, "linear"))
    first = to_uint8(q_sample(x0, 0, eps, schedule))[0]
    small = frames[0][:: frames.shape[1] // 28, :: frames.shape[2] // 28, :3]
    assert np.abs(small.astype(int) - first).mean() < 12  # a GIF has 256 colours


def test_what_the_denoise_tab_begins_with():
    start = compute.start_here(NoiseForm(PICTURE, 64, "centre", 0, "linear"), 420)
    assert start.picture.shape == (64, 64, 3)
    assert start.log_snr == pytest.approx(float(make_schedule("linear").log_snr(420)))
    assert start.where == "t = 420 of the linear schedule"
    grey = compute.start_here(NoiseForm(PICTURE[..., :1], 64), 420).shown
    assert grey.shape == (64, 64, 3) and (grey[..., 0] == grey[..., 2]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"picture": None}, "Choose a picture"),
        ({"size": 65}, "size must be"),
        ({"crop": "middle"}, "no crop"),
        ({"seed": -1}, "seed must be"),
        ({"seed": None}, "seed must be"),
        ({"schedule": "odd"}, "no schedule"),
    ],
)
def test_bad_input_is_one_sentence(change, words):
    form = replace(NoiseForm(PICTURE, 64), **change)
    for act in (compute.prepare, lambda form: list(compute.animation(form))):
        with pytest.raises(gr.Error) as caught:
            act(form)
        assert words in str(caught.value) and "\n" not in str(caught.value)
    for act in (compute.start_here, lambda *a: list(compute.chain_messages(*a))):
        with pytest.raises(gr.Error):
            act(form, 5)


def test_the_stage_stays_and_a_sentence_stands_beside_what_cannot_be_read(monkeypatch):
    said = []
    monkeypatch.setattr(gr, "Warning", said.append)
    new = layout.refresh(NoiseForm(PICTURE, 64))
    assert {*new} == {*layout.SHOWN_PARTS} and new["kept"] is PICTURE
    assert json.loads(new["stage"])["size"] == 64
    well = {"seed_told": "", "range_told": ""}
    assert layout.refresh(NoiseForm(None)) == well
    for seed in (0.5, "", None, "<b>"):
        told = layout.refresh(NoiseForm(PICTURE, seed=seed))
        assert {*told} == {*well} and "seed must be" in told["seed_told"]
        assert 'role="alert"' in told["seed_told"] and "<b>" not in told["seed_told"]
        assert "None" not in told["seed_told"]
    told = layout.refresh(NoiseForm(PICTURE, value_range="white"))
    assert "white" in told["range_told"] and told["seed_told"] == ""
    assert said == []


def test_the_tab_opens_with_a_picture_of_the_models_kind(monkeypatch):
    def opened(dataset):
        checkpoint = SimpleNamespace(config=SimpleNamespace(dataset=dataset))
        monkeypatch.setattr(pictures.models, "first", lambda: "")
        monkeypatch.setattr(pictures.models, "get", lambda name: checkpoint)
        return pictures.opening_picture()

    assert opened("avatars-3000") == ("Avatar", 64)
    assert opened("fashion-mnist") == ("Boot", 28)
    assert opened("horses") == opened(None) == ("Cat", 128)

    def none():
        raise ValueError("no model")

    monkeypatch.setattr(pictures.models, "first", none)
    assert pictures.opening_picture() == ("Cat", 128)


def test_files_are_named_by_picture_and_schedule():
    avatar = read_picture(pictures.PICTURES / "avatar.png")
    assert avatar.shape == (64, 64, 3)
    sent = json.loads(compute.prepare(NoiseForm(avatar, 64, schedule="cosine")))
    assert sent["file"] == "avatar-cosine"
    assert json.loads(compute.prepare(NoiseForm(PICTURE, 64)))["file"] == "picture-linear"
    made = compute.animation(NoiseForm(avatar, 28))
    assert Path(next(made)).name == "avatar-linear-noising.gif"
    made.close()


def test_every_field_of_the_form_has_a_control_and_its_default_works():
    assert all(each.control is not None for each in table(NoiseForm).values())
    sent = json.loads(compute.prepare(NoiseForm(PICTURE)))
    assert sent["caption"].startswith("128 × 128 pixels, colour · linear schedule")


def test_a_broken_upload_is_told_once_and_no_picture_to_all_others(tmp_path):
    broken, whole = tmp_path / "broken.png", tmp_path / "whole.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    Image.fromarray(PICTURE).save(whole)
    for read in (receive, receive_raw):
        assert quiet(read)(SimpleNamespace(path=str(broken))) is None
        assert (quiet(read)(SimpleNamespace(path=str(whole))) == PICTURE).all()
    emptied, words = refused({"path": str(broken)}, "The one before stays.")
    assert emptied is None and 'role="alert"' in words
    assert words.count("Choose another picture.") == words.count("The one before stays.") == 1
    assert refused({"path": str(whole)}) == (gr.skip(), "") == refused(None)


def test_a_data_url_is_refused_and_a_missing_picture_is_none():
    assert receive(None) is None
    for path in ("data:image/png;base64,AAAA", None, "/nowhere.png"):
        with pytest.raises(gr.Error) as caught:
            receive(type("Payload", (), {"path": path})())
        assert str(caught.value).strip("'").endswith(".")
