"""The views of the stage as functions: names of lanes, comparisons, a picture to begin with."""

import base64
import json
import re
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from conftest import save_tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.data import grid
from diffusion_core.generation import Recording, SamplingRequest
from diffusion_core.schedule import SPACINGS
from tabs.denoise import comparisons, exact, form, lanes, race, views
from tabs.denoise.run_registry import RECORDINGS
from tabs.denoise.sampler_words import SAMPLER_WORDS
from tabs.shared.components import STATIC

REQUEST = SimpleNamespace(session_hash="views")
LANE = st.builds(
    lanes.Lane,
    who=st.sampled_from([lanes.NETWORK, lanes.EXACT]),
    sampler=st.sampled_from([name for name in SAMPLER_WORDS if "," not in name]),
    steps=st.sampled_from([5, 10, 50]),
    eta=st.sampled_from([0, 0.5, 1]),
    guidance=st.sampled_from([1, 2]),
    spacing=st.sampled_from([*SPACINGS]),
)


def asked(folder, **changes):
    values = {"model": str(folder), "label": "Bag", "steps": 6, "seed": 3, "images": 1}
    return form.DenoiseForm(**{**values, **changes})


def sent(stream):
    return [json.loads(message) for message in stream]


@given(st.lists(LANE, min_size=2, max_size=4))
@settings(max_examples=80, deadline=None)
def test_a_lanes_name_says_what_differs_and_nothing_that_is_the_same(chosen):
    names, common = lanes.lane_names(chosen)
    plain = [re.sub(r" \(as lane \d\)$", "", name).split(", ") for name in names]
    walks = [lanes._parts(lane) for lane in chosen]
    for i, walk in enumerate(walks):
        for j, other in enumerate(walks):
            assert (plain[i] == plain[j]) == (walk == other)  # what differs is named
        assert ("(as lane" in names[i]) == (walk in walks[:i])
        for words in plain[i]:  # what is the same is not
            assert any(words not in other for other in plain) or all(w == walk for w in walks)
            assert words not in common.split(", ") or all(w == walk for w in walks)


def test_the_presets_name_their_difference_alone():
    names = {title: lanes.lane_names(preset) for title, preset in race.PRESETS.items()}
    spacing, eta, guidance = (
        next(value for title, value in names.items() if title.startswith(start))
        for start in ("Spacing", "Eta", "Guidance")
    )
    every = [f"spacing {s}" for s in ("leading", "linspace", "trailing", "karras")]
    assert spacing == (every, "dpmpp_2m, 10 steps, guidance 1")
    assert eta[0] == ["eta 0", "eta 0.3", "eta 0.7", "eta 1"]
    assert guidance[0] == ["guidance 1", "guidance 2", "guidance 4", "guidance 8"]
    twice = lanes.lane_names([lanes.Lane(), lanes.Lane(steps=5), lanes.Lane()])[0]
    assert twice == ["10 steps", "5 steps", "10 steps (as lane 1)"]


def test_one_press_walks_the_forms_walk_at_every_number_of_steps(tiny_folder, monkeypatch):
    monkeypatch.setattr(comparisons, "NUMBERS_OF_STEPS", (2, 5, 9))
    mine = asked(tiny_folder, sampler="ddim", eta=0.5)
    parts = sent(comparisons.compare_steps(mine, "steps", REQUEST))
    head = parts[0]["head"]
    assert [lane["name"] for lane in head["lanes"]] == ["2 steps", "5 steps", "9 steps"]
    assert [lane["evaluations"] for lane in head["lanes"]] == [2, 5, 9]
    assert "ddim, eta 0.5" in head["caption"] and "seed 3" in head["caption"]
    frames = {(f["lane"], f["k"]): f for p in parts for f in p["frames"]}
    assert len({frames[i, 0]["px"][0] for i in range(3)}) == 1  # from the same noise
    checkpoint = load_checkpoint(tiny_folder)
    wanted = SamplingRequest(num_images=1, label="Bag", num_steps=5, seed=3, eta=0.5)
    recording = Recording(checkpoint, wanted)
    *_, end = recording.run()
    raw = np.frombuffer(base64.b64decode(frames[1, 5]["px"][0]), np.uint8)
    assert np.array_equal(raw.reshape(28, 28, 1), end.pictures["x_t"])


def test_no_walk_takes_more_steps_than_it_has_timesteps(tiny_folder):
    checkpoint = SimpleNamespace(schedule=range(100))
    counts = [lane.steps for lane in comparisons.step_lanes(asked(tiny_folder), checkpoint)]
    assert counts == [5, 10, 50, 100]
    (refused,) = sent(comparisons.compare_steps(asked(tiny_folder, guidance=None), "no", REQUEST))
    assert "Traceback" not in refused["error"] and "guidance" in refused["error"].lower()


def test_the_exact_answer_ends_at_a_training_image_and_the_network_does_not(tiny_folder):
    last = sent(comparisons.compare_exact(asked(tiny_folder), "both", REQUEST))[-1]
    assert [lane["name"] for lane in last["head"]["lanes"]] == ["network", "exact answer"]
    assert last["head"]["neighbours"] and last["nearest"][1] < 0.01 < last["nearest"][0]
    ends = {f["lane"]: f["px"][0] for f in last["frames"] if f["t"] < 0}
    levels = [
        np.frombuffer(base64.b64decode(px), np.uint8).astype(int)
        for px in (ends[1], last["neighbours"][1])
    ]
    assert np.abs(levels[0] - levels[1]).max() <= 2


def test_as_many_training_images_are_remembered_as_the_page_says(tiny_folder):
    checkpoint = load_checkpoint(tiny_folder)
    for label in ("Bag", None):
        found = exact.exact_of(checkpoint, SamplingRequest(label=label))
        assert len(found.images) == exact.EXACT_IMAGES


def test_the_comparison_of_pictures_that_are_not_here_is_refused(tmp_path):
    folder = save_tiny(tmp_path / "elsewhere")
    config = folder / "config.json"
    config.write_text(config.read_text().replace("fashion-mnist", "somewhere-else"))
    (refused,) = sent(comparisons.compare_exact(asked(folder), "none", REQUEST))
    assert "needs the training images" in refused["error"]


@pytest.mark.parametrize("begin", [form.NOISE, form.HOLE])
def test_the_guess_of_the_shown_step_becomes_the_picture_to_begin_with(
    tiny_folder, monkeypatch, begin
):
    told = []
    monkeypatch.setattr(gr, "Info", told.append)
    checkpoint = load_checkpoint(tiny_folder)
    walk = SamplingRequest(num_images=4, label="Bag", num_steps=3, seed=3)
    record = Recording(checkpoint, walk)
    frames = list(record.run())
    RECORDINGS.put("shown", record)
    updates = views.with_shown(begin, 600, str(tiny_folder), "shown", 1, 2)
    tiles = [views.shown_picture("shown", 1, i) for i in range(4)]
    assert np.array_equal(updates["picture"], tiles[2].repeat(3, axis=2))  # a control's colours
    assert np.array_equal(grid(np.stack(tiles)), frames[1].pictures["x0_hat"])
    assert np.array_equal(updates["start"].picture, tiles[2])
    assert updates["start"].fit(checkpoint)[1] == 600
    assert updates["begin"] == (form.HOLE if begin == form.HOLE else form.PICTURE)
    assert "guess x̂₀" in told[0]
    for run, frame, image in (("gone", 1, 0), ("shown", 9, 0), ("shown", -1, 0), ("shown", 1, 4)):
        with pytest.raises(gr.Error, match="no longer here"):
            views.with_shown(begin, 600, str(tiny_folder), run, frame, image)


def test_page_and_markup_name_the_same_views():
    markup = (STATIC / "views" / "views.html").read_text(encoding="utf-8")
    theme = (STATIC / "theme.css").read_text(encoding="utf-8")
    named = re.findall(r'aria-controls="denoise-view-(\w+)"', markup)
    assert {*named} == {views.WALK, "hole", *views.OTHERS}
    for name in named:
        assert f'[data-view="{name}"]) #denoise-view-{name}' in theme
