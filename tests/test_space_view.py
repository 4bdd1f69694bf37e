"""The view "Space" of the Points tab, as plain handlers: clouds, branches, replays, completions."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from diffusion_core.clouds import (
    CATEGORY_NAMES,
    CloudConfig,
    CloudNetwork,
    CloudNetworkConfig,
    save_clouds,
)
from tabs.points import space, space_view
from tabs.points.space import held_out
from tabs.points.space_code import code
from tabs.points.space_form import OWN, VIEW, SpaceForm
from tabs.shared.limits import Bounds

REQUEST = SimpleNamespace(session_hash="here")
FORM = SpaceForm(category="mug", steps=4)
POINTS = 64


def untrained(folder, seed: int = 0) -> None:
    """A small network of clouds with random weights, as a folder."""
    torch.manual_seed(seed)
    shape = CloudNetworkConfig(POINTS, (4, 2), (8, 16), embedding=16, num_classes=6)
    network = CloudNetwork(shape)
    torch.nn.init.normal_(network.last[-1].weight, std=0.1)
    noise = {"name": "cosine", "num_train_timesteps": 100}
    save_clouds(folder, network, CloudConfig(shape, noise, class_names=CATEGORY_NAMES))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shipped") / "clouds"
    untrained(folder)
    return folder


@pytest.fixture(autouse=True)
def _here(place, monkeypatch):
    monkeypatch.setattr(space, "folder", lambda: place)
    monkeypatch.setattr(space_view, "MESSAGE_SECONDS", 0)


def walked(form=FORM, **asked):
    """All messages of a walk, and what was told beside the controls."""
    asked = json.dumps({"run": "r", **asked})
    updates = list(space_view.walk_clouds(form, asked, REQUEST))
    messages = [json.loads(u["space_stage"]) for u in updates if "space_stage" in u]
    return messages, "".join(u.get("space_told", "") for u in updates)


def frames(messages):
    """The frames by number, as a page puts them together."""
    found = {}
    for message in messages:
        for k, frame in enumerate(message["frames"]):
            found.setdefault(message["first"] + k, frame)
    return found


def test_clouds_come_out_of_noise_frame_by_frame_and_replay_to_the_bit():
    messages, told = walked()
    assert told == "" and [m["state"] for m in messages][:2] == ["waiting", "running"]
    last = messages[-1]
    assert last["state"] == "done" and last["total"] == 5 and last["known"] == 0
    assert last["words"].startswith("mug · 64 points each · ddpm, 4 steps · seeds 0 to 3 · ")
    seen = frames(messages)
    assert sorted(seen) == [0, 1, 2, 3, 4] and seen[4]["t"] == -1 and seen[0]["t"] == 99
    assert seen[0]["x"]["shape"] == [4, POINTS, 3] and seen[0]["signal"] < 0.01
    assert seen[4]["x"] == seen[4]["x0_hat"] and seen[4]["x"]["most"] <= 1
    again, _ = walked(card=last["card"])
    assert again[-1]["note"] == "The replay's result is the same, to the bit."
    assert frames(again) == seen
    other, _ = walked(dataclasses.replace(FORM, seed="5"))
    assert frames(other)[4] != seen[4]


def test_a_branch_goes_on_from_a_step_with_new_noise_and_its_card_has_both():
    first, _ = walked()
    new = dataclasses.replace(FORM, seed="9")
    branch, told = walked(new, run="b", parent="r", card=first[-1]["card"], step=2)
    assert told == "" and branch[1]["first"] == 2 and "branched after step 2" in branch[-1]["words"]
    seen, parent = frames(branch), frames(first)
    assert sorted(seen) == [2, 3, 4] and seen[2] == parent[2] and seen[4] != parent[4]
    # The same where the parent is known by its card alone, and as a replay of the branch.
    from_card, _ = walked(new, run="c", parent="gone", card=first[-1]["card"], step=2)
    assert frames(from_card) == seen
    replay, _ = walked(card=branch[-1]["card"])
    assert replay[-1]["note"].endswith("the same, to the bit.")
    assert frames(replay) == {0: parent[0], 1: parent[1], **seen}
    _, told = walked(new, parent="never", step=2)
    assert "Let a walk end first" in told


def test_a_view_is_completed_and_its_points_stay(tmp_path):
    form = dataclasses.replace(FORM, begin=VIEW, shape=2, sampler="ddim", resample=2)
    messages, told = walked(form)
    last = messages[-1]
    assert told == "" and last["total"] == 8 and 10 < last["known"] <= POINTS // 2
    assert f"{last['known']} points are fixed" in last["words"]
    ends = space.WALKS.get("r").result
    kept = ends[:, : last["known"]]
    assert torch.equal(kept, kept[:1].expand_as(kept))
    surface = held_out("mug", 2)
    assert all((surface == point).all(1).any() for point in kept[0])
    again, _ = walked(card=last["card"])
    assert again[-1]["note"].endswith("the same, to the bit.")
    _, told = walked(form, run="b", parent="r", step=1)
    assert "A completion does not branch" in told
    own = tmp_path / "own.npy"
    np.save(own, surface[:500].numpy() * 7 + 3)
    form = dataclasses.replace(form, begin=OWN, cloud=str(own), resample=1)
    messages, told = walked(form)
    assert told == "" and messages[-1]["state"] == "done" and messages[-1]["known"] > 10
    own.write_bytes(b"nothing")
    for change, words in (
        ({}, "This .npy file holds no cloud that can be read"),
        ({"cloud": None}, "Choose a file of your own cloud first"),
        ({"begin": VIEW, "category": "none"}, "Choose a category"),
        ({"sampler": "heun"}, "heun carries more from step to step"),
        ({"begin": "x"}, "Choose what the clouds come out of"),
        ({"category": "boat"}, "There is no category"),
        ({"sampler": "x"}, "There is no sampler"),
        ({"steps": 1000}, "Steps"),
        ({"azimuth": None}, "Camera, degrees around"),
    ):
        messages, told = walked(dataclasses.replace(form, **change))
        assert words in told and messages[-1]["state"] == "stopped", change


def test_it_stops_between_steps_keeps_its_limits_and_says_where_no_network_is(
    place, tmp_path, monkeypatch
):
    walk = space.fresh_walk(FORM)
    stopped = list(space_view.messages(walk, "r", 0, None, lambda: True))
    message = json.loads(stopped[-1]["space_stage"])
    assert message["state"] == "stopped" and len(message["frames"]) == 1
    space_view.stop_clouds("early")
    messages, _ = walked(run="early")
    assert messages[-1]["state"] == "stopped" and not frames(messages)
    with monkeypatch.context() as patch:
        patch.setattr(Bounds, "here", lambda: Bounds(walk_seconds=0.0))
        assert "This page gives 0 s to a walk" in walked()[1]
    card = json.loads(walked()[0][-1]["card"])
    long = {**card, "walk": {**card["walk"], "num_images": 17}}
    assert "too long for this page" in walked(card=json.dumps(long))[1]
    other = {**card, "weights": "0" * 64}
    assert "made with the model clouds" in walked(card=json.dumps(other))[1]
    assert "This is not a run card" in walked(card="{}")[1]
    with pytest.raises(ValueError, match="asked for no walk"):
        next(space_view.walk_clouds(FORM, "[", REQUEST))
    assert "parameters; not measured yet" in space_view.measured_table()
    results = {"columns": ["", "1-NN"], "rows": [["chair", "0.6"]], "words": "Of <b>chairs</b>."}
    (place / "results.json").write_text(json.dumps(results))
    table = space_view.measured_table()
    assert "<td>0.6</td>" in table and "Of &lt;b&gt;chairs" in table
    (place / "results.json").unlink()
    monkeypatch.setattr(space, "folder", lambda: tmp_path / "none")
    assert "There is no network of clouds here yet" in walked()[1]
    assert "There is no network of clouds here yet" in space_view.measured_table()


@pytest.mark.parametrize("begin", ["noise", VIEW, OWN])
def test_the_code_computes_what_the_page_shows(begin, place, tmp_path, monkeypatch):
    form = dataclasses.replace(FORM, begin=begin, guidance=2.0, shape=2)
    if begin == OWN:
        surface = held_out("mug", 1)[:300].numpy()
        text = "\n".join(" ".join(map(str, point)) for point in surface)
        monkeypatch.chdir(tmp_path)
        (tmp_path / "cloud.xyz").write_text(text)
        form = dataclasses.replace(form, cloud=str(tmp_path / "cloud.xyz"))
    lines = code(form).replace('"pretrained/clouds"', repr(str(place)))
    lines = lines.replace('"cloud.ply"', '"cloud.xyz"')
    names: dict = {}
    exec(lines, names)
    walked(form)
    assert torch.equal(names["clouds"], space.WALKS.get("r").result)
    wrong = code(dataclasses.replace(form, category="boat"))
    assert wrong.startswith("# There is no category")
