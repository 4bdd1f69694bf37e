"""What stands beside the Denoise tab's walk: code, files, race, return, controls; as functions."""

import base64
import dataclasses
import io
import json
import shutil
from collections import OrderedDict
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import torch
from conftest import TINY, for_walks, last, wake
from PIL import Image
from test_denoise_tab import REQUEST, asked, gathered, messages

from diffusion_core.checkpoint import (
    CheckpointConfig,
    load_checkpoint,
    save_checkpoint,
    shipped_folder,
)
from diffusion_core.data import grid, to_uint8
from diffusion_core.generation import Recording, RunCard, SamplingRequest, walk
from diffusion_core.inspection import Switches
from diffusion_core.unet import UNet
from tabs.denoise import (
    captions,
    code,
    cost,
    downloads,
    form,
    handlers,
    lanes,
    reconstruction,
    run_card_controls,
    run_registry,
    start_controls,
)
from tabs.denoise import defaults as defaults_module
from tabs.denoise import race as race_module
from tabs.denoise.run_registry import RECORDINGS, RecordingCache, recorded
from tabs.shared import models
from tabs.shared.changed_network import ChangedNetwork
from tabs.shared.forms import table
from tabs.shared.sessions import Sessions
from tabs.shared.start_image import StartImage
from tabs.shared.stop_signals import STOP_SIGNALS

HALF = np.zeros((28, 28), np.uint8)
HALF[:, :14] = 1


@pytest.fixture
def start():
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[8:32, 8:32] = (200, 100, 50)
    return StartImage(picture, 0.3)


def hole(opened=HALF):
    return json.dumps({"mask": base64.b64encode(opened.tobytes()).decode()})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sampler": "ddpm"},
        {"sampler": form.LARGE_VARIANCE},
        {"eta": 0.4},
        {"label": "none"},
        {"sampler": "heun", "spacing": "leading"},
        {"sampler": "dpmpp_2m", "guidance": 2.5},
        {"begin": form.SEEDS},
        {"begin": form.PICTURE},
        {"begin": form.HOLE, "eta": 1.0},
        {"begin": form.HOLE, "resample": 3},
    ],
    ids=str,
)
def test_the_code_makes_the_same_pictures(tiny_folder, start, changes, tmp_path, monkeypatch):
    mine = asked(tiny_folder, start=start, hole=hole(), **changes)
    checkpoint = for_walks(tiny_folder)
    settings, given = mine.walk(checkpoint)
    want = last(walk(checkpoint, settings, given)).x_prev
    monkeypatch.chdir(tmp_path)
    Image.fromarray(start.picture).save("picture.png")
    space: dict = {}
    exec(code.code(mine), space)
    assert torch.equal(space["images"], want)
    saved = np.array(Image.open("images.png"))
    assert (saved.reshape(grid(to_uint8(want)).shape) == grid(to_uint8(want))).all()
    assert code.code(mine).startswith(code.NEEDS)


def test_the_code_finds_a_shipped_model_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = form.DenoiseForm(model=str(shipped_folder() / "fashion-mnist"), label="Bag", steps=1)
    shown = code.code(mine)
    assert 'load_checkpoint(shipped_folder() / "fashion-mnist")' in shown
    exec(shown, {})
    assert (tmp_path / "images.png").exists()


def test_the_code_says_what_is_wrong(tiny_folder):
    assert code.code(asked(tiny_folder, steps=0)).startswith("# ")


@pytest.mark.parametrize("kind", ["gif", "mp4", "strip"])
def test_files_of_a_run_are_made_of_its_record_or_walked_again(tiny_folder, kind, monkeypatch):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tiny_folder.parent))
    parts = messages(tiny_folder, run_id=f"keep {kind}")
    wanted = {"run": f"keep {kind}", "card": parts[-1]["card"], "kind": kind, "view": "x0_hat"}
    first = json.loads(downloads.keep(wanted))
    ending = {"gif": ".gif", "mp4": ".mp4", "strip": "-strip.png"}[kind]
    assert first["name"] == f"tiny-seed3-6steps-x0_hat{ending}"
    media = {"gif": "image/gif", "mp4": "video/mp4", "strip": "image/png"}
    assert first["type"] == media[kind]
    RECORDINGS.records.clear()  # another process: only the browser still has the card
    again = json.loads(downloads.keep(wanted))
    assert again["name"] == first["name"]
    if kind == "mp4":  # its encoder's threads do not agree to the byte
        assert len(again["data"]) == pytest.approx(len(first["data"]), rel=0.05)
    else:
        assert again == first
    if kind == "strip":
        sheets = np.array(Image.open(io.BytesIO(base64.b64decode(again["data"]))))
        assert sheets.shape[1] == 9 * (7 * 62 - 4) and sheets.shape[0] > 9 * 58  # with words


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"run": "nowhere", "card": "", "kind": "gif", "view": "x_t"}, "walk it to the end"),
        ({"run": "nowhere", "card": "{}", "kind": "gif", "view": "x_t"}, "not a run card"),
        ({}, "no such file"),
    ],
)
def test_what_cannot_be_kept_is_one_sentence(wanted, words):
    assert words in json.loads(downloads.keep(wanted))["error"]


def test_the_shelf_forgets_the_oldest_when_it_is_full(tiny_folder):
    checkpoint, shelf = load_checkpoint(tiny_folder), RecordingCache(limit=1)
    for name in "ab":
        record = Recording(checkpoint, SamplingRequest(num_steps=2))
        list(record.run())
        shelf.put(name, record)
    assert shelf.get("a") is None and shelf.get("b") is not None


def branch(folder, parent, card, index, run_id, **changes):
    stream = handlers.branch(asked(folder, **changes), parent, card, index, run_id, REQUEST)
    return [json.loads(m) for m in stream]


def test_a_branch_from_the_shelf_and_from_the_card_are_one(tiny_folder):
    card = messages(tiny_folder, run_id="trunk", sampler="ddpm")[-1]["card"]
    a = branch(tiny_folder, "trunk", card, 3, "twig a", label="Dress", sampler="ddpm")
    RECORDINGS.records.clear()
    b = branch(tiny_folder, "trunk", card, 3, "twig b", label="Dress", sampler="ddpm")
    one, other = gathered(a), gathered(b)
    assert all(one[i]["px"] == other[i]["px"] for i in range(7))
    assert a[0]["head"]["branch"] == 3
    found = RunCard.from_json(a[-1]["card"]).walk
    assert found.branch_step == 3 and found.parent == RunCard.from_json(card).walk
    (nothing,) = branch(tiny_folder, "gone", "", 1, "twig c")
    assert "Press Denoise first" in nothing["error"]


def test_a_replay_says_whether_it_is_the_same(tiny_folder, monkeypatch):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tiny_folder.parent))
    card = messages(tiny_folder, run_id="played")[-1]["card"]
    event = SimpleNamespace(card=card)
    parts = [json.loads(m) for m in handlers.replay("again", event, REQUEST)]
    assert parts[-1]["note"] == "The replay's result is the same, to the bit."
    filled = run_card_controls.card_values(event, REQUEST)
    assert (filled["steps"], filled["seed"]) == (6, 3)
    (broken,) = [json.loads(m) for m in handlers.replay("no", SimpleNamespace(card="x"), REQUEST)]
    assert "not a run card" in broken["error"]


def race(folder, *wanted, run_id="race", name=race_module.OWN, **changes):
    lanes = race_module.RaceForm(len(wanted), wanted)
    stream = race_module.race(asked(folder, **changes), lanes, name, run_id, REQUEST)
    return [json.loads(m) for m in stream]


def test_a_race_is_computed_from_one_noise_and_ends_where_each_walk_ends(tiny_folder):
    wanted = [
        lanes.Lane(lanes.NETWORK, "ddim", 5, 0.0, 1.0),
        lanes.Lane(lanes.NETWORK, "heun", 4, 0.0, 1.0, "karras"),
        lanes.Lane(lanes.NETWORK, "ddpm", 12, 0.0, 2.0),
        lanes.Lane(lanes.EXACT, "ddim", 6, 0.0, 1.0),
    ]
    parts = race(tiny_folder, *wanted, spacing="leading")  # of the page's own walk
    names = [lane["name"] for lane in parts[0]["head"]["lanes"]]
    assert names[0] == "network, ddim, 5 steps, guidance 1, spacing trailing"
    assert names[3] == "exact answer, ddim, 6 steps, spacing trailing"
    frames = {(f["lane"], f["k"]): f for p in parts for f in p["frames"]}
    assert [sum(k[0] == i for k in frames) for i in range(4)] == [6, 5, 13, 7]
    firsts = {frames[i, 0]["px"][0] for i in range(4)}
    assert len(firsts) == 1
    checkpoint = load_checkpoint(tiny_folder)
    for i, lane in enumerate(wanted[:3]):
        mine = SamplingRequest(
            num_images=4,
            label="Bag",
            sampler=lane.sampler,
            num_steps=int(lane.steps),
            seed=3,
            guidance_scale=lane.guidance,
            spacing=lane.spacing,
        )
        end = last(walk(checkpoint, mine))
        frame = frames[i, int(lane.steps)]
        raw = np.frombuffer(base64.b64decode(frame["px"][0]), np.uint8)
        assert np.array_equal(raw.reshape(58, 58, 1), grid(to_uint8(end.x_prev)))
        assert frame["nfe"] == end.nfe
    d = np.array(parts[-1]["distances"])
    assert d.shape == (4, 4) and np.allclose(d, d.T) and (np.diag(d) == 0).all()
    assert (d[~np.eye(4, dtype=bool)] > 0.01).all()
    assert parts[-1]["nearest"][3] < 0.01 < parts[-1]["nearest"][0]


def test_a_preset_is_raced_though_its_lanes_have_not_reached_the_controls(tiny_folder):
    stale = lanes.Lane(lanes.NETWORK, "ddim", 3, 0.0, 1.0)
    name = "Eta: from deterministic to ancestral"
    begun = race(tiny_folder, stale, stale, name=name)[0]
    assert [lane["name"] for lane in begun["head"]["lanes"]] == [
        f"eta {eta}" for eta in ("0", "0.3", "0.7", "1")
    ]


def test_a_race_refuses_in_one_sentence(tiny_folder):
    bad = lanes.Lane(lanes.NETWORK, "ddim", 1001, 0.0, 1.0)
    assert "1 to 1000" in race(tiny_folder, bad)[0]["error"]
    empty = lanes.Lane(lanes.NETWORK, "ddim", None, 0.0, 1.0)
    assert race(tiny_folder, empty)[0]["error"] == (
        "Fill in every number of the race: steps of lane 1."
    )


def test_every_preset_fills_every_lane():
    for name in race_module.PRESETS:
        values = race_module.preset(name)
        assert len(values["lanes"]) == race_module.LANES and 2 <= values["count"] <= 4
        assert values["lanes"][: values["count"]] == race_module.PRESETS[name]
    assert race_module.preset(race_module.OWN) == {}


def test_the_picture_comes_back_from_little_noise_and_not_from_much(tiny_folder, start):
    stream = list(reconstruction.come_back(asked(tiny_folder, start=start), "back", REQUEST))
    plot, done = stream[-1]["plot"], json.loads(stream[-1]["gallery"])
    assert done["state"] == "done" and len(stream) == reconstruction.TIMES + 1
    for trace in plot["value"].data:
        assert list(trace.x)[0] == 0 and trace.y[0] < 0.1 < trace.y[-1]
    noised, guess, walked = (r["cells"] for r in done["rows"])
    assert len({*walked}) > 3 and noised[0] != noised[8] and guess[4] != walked[4]
    told = [float(n) for n in done["rows"][2]["numbers"]]
    assert np.allclose(told, plot["value"].data[1].y, atol=0.006)
    assert f"{told[4]:.2f} after the walk" in done["words"]


def test_refinement_brings_the_picture_nearer(tiny_folder, start):
    errors = []
    for rounds in (0, 2):
        mine = asked(tiny_folder, start=start, steps=20)
        stream = reconstruction.lead_to_noise(mine, rounds, f"lead {rounds}", REQUEST)
        done = json.loads(last(stream))
        assert done["state"] == "done"
        errors.append(float(done["words"].split("error of ")[1].split()[0]))
        assert f"{20 * (1 + rounds)} evaluations up and 20 down" in done["words"]
    assert errors[1] < errors[0]


def test_a_picture_is_led_to_its_noise_evenly_where_walks_are_spaced_by_karras(tiny_folder, start):
    said = []
    for spacing in ("trailing", "karras"):
        mine = asked(tiny_folder, start=start, steps=5, spacing=spacing)
        stream = reconstruction.lead_to_noise(mine, 0, f"lead {spacing}", REQUEST)
        said.append(json.loads(last(stream))["words"])
    assert said[1] == said[0] + reconstruction.EVEN


def test_a_hole_is_filled_and_nothing_else(tiny_folder, start):
    parts = messages(tiny_folder, begin=form.HOLE, start=start, hole=hole(), eta=1.0)
    x0 = to_uint8(start.fit(load_checkpoint(tiny_folder))[0])[0]
    frames = gathered(parts)
    raw = np.frombuffer(base64.b64decode(frames[max(frames)]["px"][0]), np.uint8)
    tile = raw.reshape(58, 58, 1)[:28, :28]
    assert np.array_equal(tile[:, 14:], x0[:, 14:]) and not np.array_equal(tile, x0)
    assert len(frames) == 2 * 5 + 1 + 1 == parts[0]["total"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"begin": form.PICTURE}, "Choose a picture"),
        ({"begin": form.HOLE, "start": 1}, "Paint over"),
        ({"begin": form.HOLE, "start": 1, "hole": hole(np.ones(9, np.uint8))}, "another size"),
        ({"begin": form.HOLE, "start": 1, "hole": "nonsense"}, "Paint over"),
        ({"begin": form.HOLE, "start": 1, "hole": hole(), "resample": None}, "Repeats of each"),
        ({"begin": form.SEEDS, "seed_to": None}, "Second seed is empty"),
        ({"begin": form.SEEDS, "seed_to": -4}, "second seed"),
    ],
)
def test_what_a_walk_cannot_begin_with_is_one_sentence(tiny_folder, start, changes, words):
    if changes.get("start"):
        changes = {**changes, "start": start}
    error = messages(tiny_folder, **changes)[-1]["error"]
    assert words in error and error.endswith(".")


def test_the_exact_answer_of_pictures_that_are_not_here_is_refused(tmp_path):
    from conftest import save_tiny

    folder = save_tiny(tmp_path / "other", dataset="my holiday")
    (message,) = messages(folder, exact=True)
    assert "my holiday are not here" in message["error"]


def test_the_noise_tabs_picture_becomes_the_beginning(tiny_folder, start):
    values = start_controls.from_noise_tab(start, str(tiny_folder))
    assert (values["begin"], values["start"]) == (form.PICTURE, start)
    assert values["t"] == start.fit(load_checkpoint(tiny_folder))[1]
    assert {*values} == {*start_controls.NOISE_TAB_PARTS}
    assert start_controls.from_noise_tab(None, str(tiny_folder)) == {}
    own = start_controls.own_start(start.picture, 250, str(tiny_folder))
    assert own.fit(load_checkpoint(tiny_folder))[1] == 250
    assert start_controls.own_start(None, 250, str(tiny_folder)) is None


def test_a_stopped_walk_is_not_taken_for_a_whole_one(tiny_folder):
    checkpoint = load_checkpoint(tiny_folder)
    record = Recording(checkpoint, SamplingRequest(num_steps=6))
    next(record.run())
    RECORDINGS.put("half", record)
    with pytest.raises(ValueError, match="was stopped"):
        recorded("half", "")


def test_a_long_walks_bound_is_said(tiny_folder, monkeypatch):
    from diffusion_core.generation import recording

    monkeypatch.setattr(recording, "MAX_PICTURE_BYTES", 100_000)
    parts = messages(tiny_folder, steps=50)
    assert "All 50 steps are computed; one in 7 is kept" in parts[0]["head"]["bound"]
    frames = gathered(parts)
    assert len(frames) == parts[0]["total"] < 51 and frames[max(frames)]["t"] == -1


def test_cards_of_pictures_keep_them(tiny_folder, start):
    card = messages(tiny_folder, begin=form.PICTURE, start=start)[-1]["card"]
    found = RunCard.from_json(card)
    assert torch.equal(found.given.picture, start.fit(load_checkpoint(tiny_folder))[0])
    assert found.walk.t_start == start.fit(load_checkpoint(tiny_folder))[1]


def replays(card):
    return [json.loads(m) for m in handlers.replay("r", SimpleNamespace(card=card), REQUEST)]


def changed(card, **walk_changes):
    values = json.loads(card)
    values["walk"] |= walk_changes
    return values


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_images": 1024, "num_steps": 1000}, "the page does at most"),
        ({"t_start": float("inf")}, "not a run card"),
        ({"label": "Hat"}, "There is no class"),
    ],
)
def test_a_card_that_asks_for_too_much_is_refused(tiny_folder, monkeypatch, change, words):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tiny_folder.parent))
    card = messages(tiny_folder)[-1]["card"]
    (answer,) = replays(json.dumps(changed(card, **change)))
    assert words in answer["error"]


@pytest.mark.parametrize("model", ["attacker/huge", "/etc", "../x", "elsewhere"])
def test_a_page_fetches_no_model_for_a_card(tiny_folder, monkeypatch, model):
    import huggingface_hub

    fetched = []
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *a, **k: fetched.append(a))
    card = json.loads(messages(tiny_folder)[-1]["card"]) | {"model": model, "weights": "0" * 64}
    (answer,) = replays(json.dumps(card))
    assert "not on this page" in answer["error"] and fetched == []


def test_a_walk_that_breaks_off_says_so(tiny_folder, monkeypatch):
    def broken(self):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(handlers.Recording, "run", broken)
    (answer,) = messages(tiny_folder)
    assert "broke off" in answer["error"] and "memory" not in answer["error"]


def test_player_race_and_return_do_not_stop_each_other(tiny_folder, start):
    walking = handlers.denoise(asked(tiny_folder, steps=400), "player run", REQUEST)
    assert "frames" in json.loads(next(walking))
    race(tiny_folder, lanes.Lane(lanes.NETWORK, "ddim", 3, 0.0, 1.0))
    list(reconstruction.come_back(asked(tiny_folder, start=start), "back run", REQUEST))
    assert json.loads(last(walking))["done"]


def test_no_browser_can_put_itself_in_the_opening_walks_place(tiny_folder):
    (answer,) = messages(tiny_folder, run_id="opening")
    assert "cannot be called so" in answer["error"]


def test_a_card_fills_the_controls_with_what_they_can_hold(tiny_folder, monkeypatch, start):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tiny_folder.parent))
    card = messages(tiny_folder)[-1]["card"]

    def values(**change):
        text = json.dumps(changed(card, **change))
        return run_card_controls.card_values(SimpleNamespace(card=text), REQUEST)

    assert values()["model"] == str(tiny_folder) and values()["label"].value == "Bag"
    assert values(label="3")["label"].value == "Dress"
    assert values(label=4)["label"].value == "Coat" and values(label=None)["label"].value == "none"
    assert values(guidance_scale=50.0)["guidance"] == 8
    between = values(seed_to=5)
    assert (between["begin"], between["seed_to"]) == ("two seeds", 5)
    opened = messages(tiny_folder, begin=form.HOLE, start=start, hole=hole())[-1]["card"]
    filled = run_card_controls.card_values(SimpleNamespace(card=opened), REQUEST)
    again = asked(tiny_folder, **{n: filled[n] for n in ("begin", "start", "hole", "resample")})
    walk_again, given = again.walk(load_checkpoint(tiny_folder))
    assert walk_again.resample == 2 and given.mask.sum() == 28 * 14
    assert torch.equal(given.picture, RunCard.from_json(opened).given.picture)


def test_keeping_what_another_model_made_is_refused(tmp_path, monkeypatch):
    from conftest import save_tiny

    monkeypatch.setenv("DIFFUSION_MODELS", str(tmp_path))
    folder = save_tiny(tmp_path / "mine", seed=1)
    card = messages(folder, run_id="old weights")[-1]["card"]
    RECORDINGS.records.clear()
    save_tiny(tmp_path / "mine", seed=2)
    wanted = {"run": "old weights", "card": card, "kind": "gif", "view": "x_t"}
    assert "no longer here" in json.loads(downloads.keep(wanted))["error"]


@pytest.mark.parametrize(
    "changes",
    [{}, {"sampler": "heun"}, {"begin": form.PICTURE}, {"begin": form.HOLE, "resample": 3}],
    ids=str,
)
def test_the_costs_count_what_the_walk_takes(tiny_folder, start, changes):
    run_id = f"cost {changes}"
    frames = gathered(messages(tiny_folder, start=start, hole=hole(), run_id=run_id, **changes))
    mine = asked(tiny_folder, start=start, hole=hole(), **changes)
    figure, _ = cost.costs(mine, "")
    assert f"{frames[max(frames)]['nfe']} evaluations" in figure.to_json()


def test_what_is_given_goes_where_the_network_is(tiny_folder, start, monkeypatch):
    """As on a GPU: a network elsewhere must not be asked with what lies on the CPU."""
    from diffusion_core import denoiser

    class Elsewhere(torch.Tensor):
        pass

    asked_with = []
    real, real_to = denoiser.ModelDenoiser.predict, torch.Tensor.to

    def watched(self, x_t, t):
        asked_with.append(isinstance(x_t, Elsewhere))
        return real(self, x_t, t)

    def to(self, *a, **k):
        result = real_to(self, *a, **k)
        there = a and isinstance(a[0], torch.device)
        return result.as_subclass(Elsewhere) if there else result

    def cpu(self):
        return real_to(self, "cpu").as_subclass(torch.Tensor)

    monkeypatch.setattr(denoiser.ModelDenoiser, "predict", watched)
    monkeypatch.setattr(torch.Tensor, "to", to)
    monkeypatch.setattr(torch.Tensor, "cpu", cpu)
    list(reconstruction.come_back(asked(tiny_folder, start=start), "back", REQUEST))
    list(reconstruction.lead_to_noise(asked(tiny_folder, start=start), 1, "lead", REQUEST))
    assert len(asked_with) > 20 and all(asked_with)


def test_a_card_of_classes_without_names_or_without_a_null_fills_in_its_class(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tmp_path))
    for names, null in (((), False), (tuple("abcd"), False), ((), True)):
        unet = dataclasses.replace(TINY, num_classes=4, null_label=null)
        folder = tmp_path / f"{len(names)}-{null}"
        noise = {"name": "cosine", "num_train_timesteps": 1000}
        save_checkpoint(
            folder, wake(UNet(unet), len(names)), CheckpointConfig(unet, noise, "epsilon", names)
        )
        named = "d" if names else "3"
        card = messages(folder, label=named)[-1]["card"]
        menu = run_card_controls.card_values(SimpleNamespace(card=card), REQUEST)["label"]
        assert menu.value == named
        assert ("none" in [value for _, value in menu.choices]) == null


def test_the_variance_of_ddpm_is_not_said_of_others():
    assert form.choice_of(SamplingRequest(sampler="ddim", variance="beta")) == "ddim"
    assert form.choice_of(SamplingRequest(sampler="ddpm", variance="beta")) == form.LARGE_VARIANCE


def test_each_part_of_a_branched_walk_is_shown_with_its_own_sampler():
    one = SamplingRequest(sampler="ddpm", num_steps=9)
    two = SamplingRequest(sampler="heun", num_steps=9, parent=one, branch_step=6)
    three = SamplingRequest(sampler="ddim", num_steps=9, parent=two, branch_step=2)
    assert captions._samplers(one) == [(0, "ddpm")]
    assert captions._samplers(two) == [(0, "ddpm"), (6, "heun")]
    assert captions._samplers(three) == [(0, "ddpm"), (2, "ddim")]


def test_what_was_walked_here_is_walked_again_here(tiny_folder, monkeypatch):
    """At home a card asks for no more than the button did; strangers' links have a bound."""
    assert run_registry.REPLAY_LIMIT == run_registry.WALK_LIMIT
    monkeypatch.setattr(handlers, "REPLAY_LIMIT", 10)
    monkeypatch.setattr(run_registry, "REPLAY_LIMIT", 10)
    monkeypatch.setenv("DIFFUSION_MODELS", str(tiny_folder.parent))
    done = messages(tiny_folder)[-1]
    event = SimpleNamespace(card=done["card"])
    (said,) = [json.loads(m) for m in handlers.replay("r", event, REQUEST)]
    assert "here the page does at most 10" in said["error"]
    monkeypatch.setattr(RECORDINGS, "records", OrderedDict())
    assert recorded("gone", done["card"]).result is not None


def test_a_strangers_own_model_replays_for_them_alone(tiny_folder, tmp_path, monkeypatch):
    card = messages(tiny_folder)[-1]["card"]
    owners = Sessions(public=True)
    monkeypatch.setattr(models, "SESSIONS", owners)
    monkeypatch.setattr(models, "checkpoint_folders", lambda: [])
    shutil.copytree(tiny_folder, owners.folder("s") / "mine")
    weights = RunCard.from_json(card).weights
    path, _ = models.by_hash(weights, "s")
    assert path == str(owners.folder("s") / "mine")
    assert models.by_hash(weights, "else") is None and models.by_hash(weights) is None
    event = SimpleNamespace(card=card)
    assert run_card_controls.card_values(event, REQUEST)["model"] == path
    last_said = [json.loads(m) for m in handlers.replay("r", event, REQUEST)][-1]
    assert last_said["done"]
    owners.forget("s")


def test_the_stop_of_walking_back_means_all_that_was_begun_there():
    with (
        STOP_SIGNALS.sign_of("s return", "one") as first,
        STOP_SIGNALS.sign_of("s lead", "two") as second,
    ):
        reconstruction.stop_all("one two gone")
        assert first.is_set() and second.is_set()


def test_the_painter_keeps_its_hole_while_the_picture_is_the_same(tiny_folder, start):
    painted = json.loads(form.hole_message(start, str(tiny_folder))) | {"mask": "AAAA"}
    again = form.hole_message(start, str(tiny_folder), json.dumps(painted))
    assert json.loads(again)["mask"] == "AAAA"
    other = StartImage(255 - start.picture, start.log_snr)
    for before in (json.dumps(painted), "{}", "broken", None):
        assert "mask" not in json.loads(form.hole_message(other, str(tiny_folder), before))


# A value of each field that is not its default, with what else has to be asked for with it.
OTHER = {
    "model": {},
    "label": {"label": "Dress"},
    "guidance": {"guidance": 2.5},
    "sampler": {"sampler": form.LARGE_VARIANCE},
    "steps": {"steps": 9},
    "seed": {"seed": 123},
    "images": {"images": 16},
    "eta": {"eta": 0.4},
    "spacing": {"spacing": "leading"},
    "begin": {"begin": form.PICTURE},
    "seed_to": {"begin": form.SEEDS, "seed_to": 77},
    "start": {"begin": form.PICTURE},
    "hole": {"begin": form.HOLE, "hole": hole()},
    "resample": {"begin": form.HOLE, "hole": hole(), "resample": 3},
    "exact": {"exact": True},
    "runs_on": {"runs_on": form.BROWSER},
    "threshold": {"threshold": "dynamic"},
    "changed": {},
    "attributes": {
        "label": "open-peeps",
        "attributes": ("afro", *["any"] * 2, "tan", *["any"] * 4),
    },
}


def held(update):
    """What a control holds after an update."""
    if isinstance(update, tuple):
        return tuple(held(each) for each in update)
    return update.value if isinstance(update, gr.Dropdown) else update


@pytest.mark.parametrize("name", [*table(form.DenoiseForm)])
def test_every_field_survives_the_run_card(
    name, tiny_folder, avatars_folder, start, monkeypatch, tmp_path
):
    """From the form to a request, the card's JSON, and into controls that stood at defaults."""
    folder = avatars_folder if name == "attributes" else tiny_folder
    monkeypatch.setenv("DIFFUSION_MODELS", str(folder.parent))
    checkpoint, defaults = load_checkpoint(folder), form.DenoiseForm()
    values = {"model": str(folder), "label": "Bag", "start": start, **OTHER[name]}
    if name == "changed":
        values["changed"] = ChangedNetwork(str(folder), Switches(skips=((0, 0.5),), time_off=True))
    mine = form.DenoiseForm(**values)
    assert getattr(mine, name) != getattr(defaults, name)
    request, given = mine.walk(checkpoint)
    result = torch.zeros(request.num_images, *checkpoint.image_shape)
    text = RunCard.of(checkpoint, request, given, result).to_json()
    updates = run_card_controls.card_values(SimpleNamespace(card=text), REQUEST)
    assert {*updates} <= {*form.CARD_PARTS}
    fields = table(form.DenoiseForm)
    again = dataclasses.replace(
        defaults, **{n: held(update) for n, update in updates.items() if n in fields}
    )
    if fields[name].read is None:  # of what stands beside a walk no card speaks
        assert name in ("exact", "runs_on") and name not in updates
        assert dataclasses.replace(mine, exact=False).walk(checkpoint)[0] == request
        return
    if name == "start":
        (x0, t), (x0_again, t_again) = (f.start.fit(checkpoint) for f in (mine, again))
        assert torch.equal(x0, x0_again) and t == t_again == updates["t"]
        assert np.array_equal(updates["picture"], again.start.shown)
    elif name == "hole":
        one, other = (form.mask_of(f.hole, checkpoint) for f in (mine, again))
        assert torch.equal(one, other) and one.sum() == 28 * 14
    else:
        assert getattr(again, name) == getattr(mine, name)
    request_again, given_again = again.walk(checkpoint)
    assert request_again == request
    assert (given_again is None) == (given is None)
    if given is not None:
        assert torch.equal(given_again.picture, given.picture)


def test_the_page_opens_with_the_tables_defaults(tiny_folder):
    """But for what the model's own files recommend."""
    at, own = defaults_module.opening(str(tiny_folder)), form.DenoiseForm()
    recommended = defaults_module.recommended_settings(load_checkpoint(tiny_folder))
    for name in table(form.DenoiseForm):
        if name not in ("model", "label", *recommended):
            assert getattr(at, name) == getattr(own, name)
