"""The Denoise tab's handlers as plain functions, and its messages through a launched app."""

import base64
import dataclasses
import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import TINY, for_walks, last, watch_steps

from diffusion_core.checkpoint import CheckpointConfig, load_checkpoint, save_checkpoint
from diffusion_core.data import grid, to_uint8
from diffusion_core.generation import Frame, SamplingRequest, walk
from diffusion_core.process import q_sample
from diffusion_core.samplers import SAMPLERS
from diffusion_core.schedule import make_schedule
from diffusion_core.seeding import draw_noise
from diffusion_core.unet import UNet
from tabs.denoise import handlers
from tabs.denoise.form import DenoiseForm
from tabs.shared import connection, models, player
from tabs.shared.player import Run
from tabs.shared.start_image import StartImage
from tabs.shared.stop_signals import STOP_SIGNALS

REQUEST = SimpleNamespace(session_hash="s")
NAMES = (f"run {k}" for k in itertools.count())


def asked(folder, **changes) -> DenoiseForm:
    values = DenoiseForm(
        model=str(folder),
        label="Bag",
        guidance=1.0,
        sampler="ddim",
        steps=6,
        seed=3,
        images=4,
        eta=0.0,
        spacing="trailing",
        begin="noise",
        seed_to=9,
        start=None,
        hole="{}",
        resample=2,
        exact=False,
    )
    return dataclasses.replace(values, **changes)


def messages(folder, *, run_id=None, **changes):
    stream = handlers.denoise(asked(folder, **changes), run_id or next(NAMES), REQUEST)
    return [json.loads(m) for m in stream]


def gathered(parts):
    frames = {}
    for part in parts:
        for i, frame in enumerate(part["frames"]):
            frames.setdefault(part["first"] + i, frame)
    return frames


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_stream_holds_every_frame_and_ends_with_the_picture(tiny_folder, sampler):
    parts = messages(tiny_folder, sampler=sampler, run_id=f"r {sampler}")
    frames = gathered(parts)
    assert sorted(frames) == list(range(7)) and parts[-1]["done"]
    assert {p["run"] for p in parts} == {f"r {sampler}"}
    head = parts[0]["head"]
    assert head["width"] == head["height"] == 58 and len(head["alpha_bars"]) == 7
    settings = SamplingRequest(num_images=4, label="Bag", sampler=sampler, num_steps=6, seed=3)
    steps = list(walk(for_walks(tiny_folder), settings))
    for i, step in enumerate(steps):
        for k, tensor in enumerate((step.x_t, step.x0_hat)):
            raw = np.frombuffer(base64.b64decode(frames[i]["px"][k]), np.uint8)
            assert np.array_equal(raw.reshape(58, 58, 1), grid(to_uint8(tensor)))
        assert (frames[i]["t"], frames[i]["nfe"]) == (step.t, step.nfe)
    raw = np.frombuffer(base64.b64decode(frames[6]["px"][0]), np.uint8)
    assert np.array_equal(raw.reshape(58, 58, 1), grid(to_uint8(last(steps).x_prev)))
    assert frames[6]["t"] == -1


def test_messages_overlap_so_that_a_lost_one_loses_nothing():
    run = Run({"alpha_bars": [1.0] * 9}, "r")
    picture = np.zeros((2, 2, 1), np.uint8)
    sent = []
    for i in range(9):
        run.add(Frame(i, 9 - i, 8 - i, 0.5, i, 0.0, {"x_t": picture}, {}, (), {}))
        if i % 2:
            sent.append(json.loads(run.message()))
    sent.append(json.loads(run.message(done=True)))
    for lost in range(len(sent) - 1):
        kept = [m for i, m in enumerate(sent) if i != lost]
        assert sorted(gathered(kept)) == list(range(9))
        assert all(f for f in gathered(kept).values())


def test_the_first_frame_goes_out_at_once_and_the_last_ones_with_the_end(monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=1000.0)
    monkeypatch.setattr(player, "time", clock)
    picture = np.zeros((2, 2, 1), np.uint8)

    def sent_after(seconds):
        """The numbers of frames after which a message goes out, with a step in so many seconds."""
        run, sent = Run({"alpha_bars": [1.0] * 11}, "r"), []
        for i in range(10):
            clock.now += seconds
            run.add(Frame(i, 9 - i, 8 - i, 0.5, i, 0.0, {"x_t": picture}, {}, (), {}))
            if run.due():
                sent.append(i)
                run.message()
        return sent

    assert sent_after(1.0) == list(range(10))  # each, where a step takes long
    assert sent_after(0.05) == [0, 3]  # at eight a second, and not in the last quarter of one
    assert sent_after(0.02) == [0]


def test_a_stop_sign_ends_the_stream_before_the_next_step(tiny_folder, monkeypatch):
    computed = []

    def look(step):
        computed.append(step.index)
        if step.index == 2:
            handlers.stop("to stop")

    watch_steps(monkeypatch, look)
    parts = messages(tiny_folder, steps=50, run_id="to stop")
    assert computed == [0, 1, 2]
    assert not any(p["done"] for p in parts)


def test_a_stop_that_comes_before_its_run_stops_it_and_no_other(tiny_folder, monkeypatch):
    computed = []
    watch_steps(monkeypatch, computed.append)
    handlers.stop("early")
    assert messages(tiny_folder, steps=50, run_id="early") == [] and len(computed) <= 1
    assert messages(tiny_folder, run_id="other")[-1]["done"]


def test_a_page_that_is_closed_ends_its_own_runs_and_no_others():
    with (
        STOP_SIGNALS.sign_of("me player", "mine") as mine,
        STOP_SIGNALS.sign_of("you player", "yours") as yours,
    ):
        connection.left(SimpleNamespace(session_hash="me"))
        assert mine.is_set() and not yours.is_set()


def test_no_stop_sign_is_left_behind(tiny_folder, tmp_path):
    messages(tiny_folder)
    messages(tmp_path / "nowhere")
    assert not STOP_SIGNALS.signs


def test_of_two_runs_that_arrive_the_other_way_round_the_newer_goes_on():
    with STOP_SIGNALS.sign_of("me player", "00000zz2-newer") as newer:
        with STOP_SIGNALS.sign_of("me player", "00000zz1-older") as older:
            assert older.is_set() and not newer.is_set()
        STOP_SIGNALS.stop("00000zz2-newer")
        assert newer.is_set()
    with STOP_SIGNALS.sign_of("me player", "00000zz1-older") as older:
        assert not older.is_set()
        with STOP_SIGNALS.sign_of("me player", "00000zz3-newest") as newer:
            assert older.is_set() and not newer.is_set()
    assert not STOP_SIGNALS.signs


def test_a_second_run_of_the_session_stops_the_first(tiny_folder):
    controls = asked(tiny_folder, steps=50, images=1)
    first = handlers.denoise(controls, "first", REQUEST)
    next(first)
    assert json.loads(last(handlers.denoise(controls, "second", REQUEST)))["done"]
    assert not any(json.loads(m).get("done") for m in first)


def test_a_walk_begins_with_a_picture_at_the_same_share_of_noise(tiny_folder):
    checkpoint = load_checkpoint(tiny_folder)
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = (0, 255, 0)
    log_snr = float(make_schedule("linear").log_snr(400))
    start = StartImage(picture, log_snr, "t = 400 of the linear schedule")
    x0, t = start.fit(checkpoint)
    assert x0.shape == (1, 1, 28, 28) and x0[0, 0, 0, 0] == -1
    assert abs(float(x0[0, 0, 0, -1]) - (150 / 127.5 - 1)) < 0.01  # the lightness of green
    others = checkpoint.schedule.log_snr(torch.tensor([t - 1, t, t + 1])) - log_snr
    assert others.abs().argmin() == 1
    parts = messages(tiny_folder, steps=10, begin="a picture", start=start, images=1)
    assert gathered(parts)[0]["t"] == t and parts[0]["head"]["caption"].startswith("from t = 400")
    raw = np.frombuffer(base64.b64decode(gathered(parts)[0]["px"][0]), np.uint8)
    eps = draw_noise((1, 1, 28, 28), [torch.Generator().manual_seed(3)])
    want = to_uint8(q_sample(x0, t, eps, checkpoint.schedule))
    assert np.array_equal(raw.reshape(28, 28, 1), want[0])
    assert f"t = {t}" in start.words(checkpoint)
    late = StartImage(picture, float(make_schedule("linear").log_snr(3)), "t = 3")
    assert len(gathered(messages(tiny_folder, steps=50, begin="a picture", start=late))) <= 51


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 1001}, "from 1 to 1000"),
        ({"steps": 0}, "from 1 to 1000"),
        ({"steps": 2.5}, "whole number"),
        ({"steps": None}, "Steps is empty: it takes a number from 1 to 1000"),
        ({"seed": None}, "Seed is empty"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 2**64}, "seed must be"),
        ({"seed": 1.5}, "whole number"),
        ({"label": "Hat"}, "There is no class"),
        ({"label": "none", "guidance": 3}, "Guidance needs a class"),
        ({"sampler": "euler"}, "There is no sampler"),
        ({"guidance": 1000}, "Guidance is 1000: it takes a number from 0 to 8"),
        ({"eta": 7}, "Eta is 7: it takes a number from 0 to 1"),
        ({"images": 0}, "Images is 0: it takes a number from 1 to 16"),
        ({"images": None}, "Images is empty"),
        ({"eta": None}, "Eta is empty"),
        ({"guidance": None}, "Guidance is empty"),
    ],
)
def test_bad_input_is_one_sentence(tiny_folder, change, words):
    (message,) = messages(tiny_folder, **change)
    assert words in message["error"] and message["error"].endswith(".")


def test_a_checkpoint_that_is_not_there_or_broken_is_one_sentence(tiny_folder, tmp_path):
    (message,) = messages(tmp_path / "nowhere")
    assert "no checkpoint" in message["error"]
    (tmp_path / "model.safetensors").write_bytes(b"x")
    (tmp_path / "config.json").write_text((tiny_folder / "config.json").read_text())
    (message,) = messages(tmp_path)
    assert "broken" in message["error"]


def test_a_checkpoint_that_was_written_anew_is_read_anew(tmp_path):
    from conftest import save_tiny

    folder = save_tiny(tmp_path / "m", seed=1)
    before = models.get(str(folder)).weights_hash
    assert models.get(str(folder)) is models.get(str(folder))
    save_tiny(folder, seed=2)
    assert models.get(str(folder)).weights_hash != before


@pytest.mark.parametrize("classes", [None, 1, 3, 20])
def test_the_page_opens_with_whatever_model_is_first(tmp_path, monkeypatch, classes):
    unet = dataclasses.replace(TINY, num_classes=classes)
    names = tuple(f"c{i}" for i in range(classes or 0))
    noise = {"name": "cosine", "num_train_timesteps": 9}
    config = CheckpointConfig(unet, noise, "v_prediction", names, "none")
    save_checkpoint(tmp_path / "first", UNet(unet), config)
    path = str(tmp_path / "first")
    monkeypatch.setattr(models, "available", lambda session="": [("first", path)])
    value = json.loads(handlers.opening())
    assert value["done"] and value["total"] == 10
    (tmp_path / "first" / "model.safetensors").write_bytes(b"broken")
    assert "broken" in json.loads(handlers.opening())["error"]


def test_the_shipped_model_is_offered_first_and_opens_the_page():
    names = [name for name, _ in models.available()]
    assert names[:2] == ["avatars", "fashion-mnist"]
    value = json.loads(handlers.opening())
    steps = models.get(models.first()).config.sampling["num_steps"]
    assert value["done"] and len(value["frames"]) == value["total"] == steps + 1
    assert value["head"]["caption"].startswith("Computed at start-up")
