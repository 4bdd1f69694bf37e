"""A walk by ONNX Runtime: as torch's up to rounding, the same bits whatever computes beside it."""

import dataclasses
import gc
import json
import logging
import os
import subprocess
import sys
import threading
import weakref
from types import SimpleNamespace

import onnxruntime
import pytest
import torch
from conftest import TINY, for_walks, last, save_tiny, wake

from diffusion_core.__main__ import main
from diffusion_core.checkpoint import load_checkpoint, shipped_folder
from diffusion_core.engines import ENGINES, ONNXRUNTIME, TORCH, OnnxNetwork, choice, on_engine
from diffusion_core.generation import Recording, RunCard, SamplingRequest, walk
from diffusion_core.inspection import Switches
from diffusion_core.unet import UNet
from tabs import launch_options
from tabs.denoise import handlers
from tabs.denoise.open_inside import step_of
from tabs.denoise.run_registry import RECORDINGS
from tabs.shared import gpu, models
from tabs.shared.pace import PACES, TimedRun, pace_name

REQUEST = SimpleNamespace(session_hash="me")
SETTINGS = SamplingRequest(num_images=2, num_steps=6, label="Bag", guidance_scale=2.0, seed=3)
OTHER = Switches(skips=((0, 0.0),))


@pytest.fixture(scope="module")
def plain(tiny_folder):
    return load_checkpoint(tiny_folder)


@pytest.fixture(scope="module")
def fast(plain):
    return on_engine(plain, ONNXRUNTIME)


@pytest.fixture
def at_hand(tiny_folder, monkeypatch):
    """The page has the model, and its walks go by the names that a test gives them."""
    monkeypatch.setenv("DIFFUSION_MODELS", str(tiny_folder.parent))


@pytest.fixture
def no_library(monkeypatch):
    """A machine for which there is no ONNX Runtime."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    choice._importable.cache_clear()
    yield
    choice._importable.cache_clear()


def replayed(card):
    """The messages of the page for a card."""
    event = SimpleNamespace(card=json.dumps(card))
    return [json.loads(m) for m in handlers.replay("replayed", event, REQUEST)]


@pytest.mark.parametrize("name", ["avatars", "fashion-mnist"])
def test_no_number_of_threads_changes_a_bit(name, monkeypatch):
    unet = load_checkpoint(shipped_folder() / name).unet
    networks = []
    for threads in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda n=threads: n)
        networks.append(OnnxNetwork(unet))
    one, two = networks
    assert (one.threads, two.threads) == (1, 2)
    C = unet.config
    for batch in (1, 2, 4, 8):
        generator = torch.Generator().manual_seed(batch)
        x = torch.randn((batch, *C.sample_shape), generator=generator)
        t = torch.randint(0, 1000, (batch,), generator=generator)
        y = torch.randint(0, C.num_classes + 1, (batch,), generator=generator)
        output = one(x, t, y)
        assert torch.equal(output, two(x, t, y))
        if batch == 2:
            torch.testing.assert_close(output, unet(x, t, y), atol=2e-5, rtol=0)


def test_it_is_the_network_in_all_that_a_walk_asks_of_it(plain, fast):
    assert fast.engine == ONNXRUNTIME and plain.engine == TORCH
    assert fast.unet is plain.unet and fast.num_bytes == plain.num_bytes
    assert fast.device.type == "cpu" and fast.to(torch.device("cpu")) is fast
    with pytest.raises(ValueError, match="on the CPU; choose torch"):
        fast.to(torch.device("cuda"))
    x, t = torch.randn(2, 1, 28, 28), torch.tensor([3, 700])
    null = torch.full((2,), 10)
    assert torch.equal(fast.network(x, t), fast.network(x, t, null))
    with pytest.raises(ValueError, match="A label must lie in"):
        fast.network(x, t, null + 1)
    larger = torch.randn(1, 1, 32, 32)  # not the graph's own size
    assert torch.equal(fast.network(larger, t[:1], None), plain.network(larger, t[:1], None))


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "heun", "dpmpp_2m"])
def test_a_walk_is_torchs_up_to_rounding_and_its_branches_are_exact(plain, fast, sampler):
    settings = dataclasses.replace(SETTINGS, sampler=sampler)
    whole = list(walk(fast, settings))
    end = last(walk(plain, settings)).x_prev
    torch.testing.assert_close(whole[-1].x_prev, end, atol=1e-3, rtol=0)
    assert not torch.equal(whole[-1].x_prev, end)  # another engine did compute it
    record = Recording(fast, settings)
    list(record.run())
    assert torch.equal(record.moment(3).x_t, whole[3].x_t)
    branch = dataclasses.replace(settings, label="Coat", parent=settings, branch_step=3)
    recorded = Recording(fast, branch, parent=record)
    list(recorded.run())
    assert torch.equal(recorded.result, last(walk(fast, branch)).x_prev)


def test_walks_at_once_have_the_bits_of_each_alone(fast):
    settings = [dataclasses.replace(SETTINGS, seed=seed, num_images=1 + seed) for seed in range(4)]
    alone = [last(walk(fast, s)).x_prev for s in settings]
    found = {}
    threads = [
        threading.Thread(target=lambda i=i, s=s: found.update({i: last(walk(fast, s)).x_prev}))
        for i, s in enumerate(settings)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(found[i], x) for i, x in enumerate(alone))


def test_a_card_names_the_engine_and_torchs_is_as_it_was(plain, fast):
    cards = {}
    for checkpoint in (plain, fast):
        result = last(walk(checkpoint, SETTINGS)).x_prev
        text = RunCard.of(checkpoint, SETTINGS, None, result).to_json()
        cards[checkpoint.engine] = json.loads(text)
        again = RunCard.from_json(text)
        assert again.to_json() == text
        on = again.on_engine(plain)
        assert on.engine == again.engine == checkpoint.engine
        assert "to the bit" in again.compare(on, last(walk(on, again.walk)).x_prev)
    assert list(cards[TORCH]) == [
        *("format", "model", "weights", "schedule", "walk", "versions", "result")
    ]
    assert list(cards[TORCH]["versions"]) == ["torch", "device", "processor", "threads", "python"]
    assert cards[ONNXRUNTIME]["engine"] == ONNXRUNTIME
    assert cards[ONNXRUNTIME]["versions"][ONNXRUNTIME] == onnxruntime.__version__


def test_a_changed_network_is_torchs_and_its_parent_keeps_its_engine(fast):
    changed = dataclasses.replace(SETTINGS, switches=OTHER)
    assert changed.engine(fast) == TORCH
    assert RunCard.of(fast, changed, None, torch.zeros(1)).engine == TORCH
    branch = dataclasses.replace(changed, parent=SETTINGS, branch_step=2)
    end = last(walk(fast, branch)).x_prev
    card = RunCard.from_json(RunCard.of(fast, branch, None, end).to_json())
    assert card.engine == ONNXRUNTIME
    on = card.on_engine(fast)
    assert "to the bit" in card.compare(on, last(walk(on, card.walk)).x_prev)


def test_the_page_replays_a_card_by_its_engine(at_hand, plain, fast):
    for checkpoint in (plain, fast):
        result = last(walk(checkpoint, SETTINGS)).x_prev
        card = RunCard.of(checkpoint, SETTINGS, None, result).values()
        done = replayed(card)[-1]
        assert "to the bit" in done["note"], done
        assert json.loads(done["card"]).get("engine", TORCH) == checkpoint.engine
        assert RECORDINGS.get("replayed").checkpoint.engine == checkpoint.engine
    for unknown in ("onnxruntime-web", "some engine to come"):
        note = replayed({**card, "engine": unknown, "result": "0" * 64})[-1]["note"]
        assert f"differs from the card's: engine onnxruntime here, {unknown} then" in note
    assert (
        "its engine is 7, and must be printable text"
        in replayed({**card, "engine": 7})[-1]["error"]
    )


def test_a_branch_on_the_page_goes_on_with_its_parents_engine(at_hand, tiny_folder, plain):
    card = RunCard.of(plain, SETTINGS, None, last(walk(plain, SETTINGS)).x_prev)
    replayed(card.values())
    form = handlers.DenoiseForm(model=str(tiny_folder), label="Coat", steps=6, guidance=1, seed=3)
    for parent, text in (("replayed", ""), ("", card.to_json())):
        done = [json.loads(m) for m in handlers.branch(form, parent, text, 3, "branch", REQUEST)]
        made = RunCard.from_json(done[-1]["card"])
        assert made.engine == TORCH
        assert "to the bit" in made.compare(plain, last(walk(plain, made.walk)).x_prev)


def test_inside_says_that_torch_looks_at_a_walk_of_another_engine(at_hand, tiny_folder):
    form = handlers.DenoiseForm(model=str(tiny_folder), label="Bag", steps=4, guidance=1, images=1)
    list(handlers.denoise(form, "looked at", REQUEST))
    step = step_of("looked at", "", 2, "me")
    assert "by ONNX Runtime there, torch here: millionths apart" in step.words
    assert torch.equal(step.x_t, RECORDINGS.get("looked at").moment(2).x_t)


def test_a_pace_is_that_of_the_engine(plain, fast):
    list(TimedRun(plain, SETTINGS))
    list(TimedRun(fast, dataclasses.replace(SETTINGS, switches=OTHER)))
    assert PACES.known(pace_name(plain)) is not None
    slow = dataclasses.replace(SETTINGS, switches=OTHER)
    PACES.note(pace_name(fast), 4, 4e-9)
    assert models.seconds_of(SETTINGS, fast) < 1e-6 < models.seconds_of(slow, fast)


def test_the_library_writes_and_reports_nothing(tiny_folder, tmp_path):
    code = (
        "import sys, torch\n"
        "from diffusion_core.checkpoint import load_checkpoint\n"
        "from diffusion_core.engines import on_engine\n"
        "network = on_engine(load_checkpoint(sys.argv[1])).network\n"
        "assert network.engine == 'onnxruntime'\n"
        "network(torch.zeros(1, 1, 28, 28), torch.tensor([3]), torch.tensor([0]))\n"
    )
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    own = {
        k: v for k, v in os.environ.items() if k not in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    }
    own |= {"HOME": str(home), "USERPROFILE": str(home), "TMPDIR": str(temporary)}
    subprocess.run([sys.executable, "-c", code, str(tiny_folder)], env=own, check=True)
    written = [str(path) for folder in (home, temporary) for path in folder.rglob("*")]
    assert [path for path in written if "torchinductor" not in path] == []


def test_without_the_library_walks_go_on_by_torch_and_the_log_says_so(
    no_library, tmp_path, plain, fast, caplog
):
    card = RunCard.of(fast, SETTINGS, None, last(walk(fast, SETTINGS)).x_prev)
    with caplog.at_level(logging.WARNING):
        fresh = for_walks(save_tiny(tmp_path / "tiny"))
        assert for_walks(tmp_path / "tiny").engine == TORCH
    (said,) = [r.getMessage() for r in caplog.records]
    assert said.startswith("Walks are computed by torch") and "pip install onnxruntime" in said
    assert fresh.engine == TORCH
    on = card.on_engine(fresh)
    words = card.compare(on, last(walk(on, card.walk)).x_prev)
    assert (
        words == "The replay's result differs from the card's: engine torch here, onnxruntime then."
    )


def test_a_network_that_it_refuses_goes_on_by_torch(tmp_path, monkeypatch, caplog):
    def refuse(*_, **__):
        raise RuntimeError("no such\n operator")

    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse)
    checkpoint = load_checkpoint(save_tiny(tmp_path / "tiny"))
    with caplog.at_level(logging.WARNING):
        assert on_engine(checkpoint) is checkpoint is on_engine(checkpoint)
    (said,) = [r.getMessage() for r in caplog.records]
    assert said.endswith("did not take its network: no such operator")


def test_others_stay_on_torch(plain, monkeypatch):
    waves = UNet(dataclasses.replace(TINY, time_embedding="fourier"))
    for network in (waves, SimpleNamespace(config=TINY, parameters=plain.network.parameters)):
        other = dataclasses.replace(plain, network=network)
        assert on_engine(other) is other is on_engine(other, ONNXRUNTIME)
    monkeypatch.setattr(gpu, "BORROWED", True)  # where long walks go to a GPU
    assert models.for_walks(plain) is plain


def test_the_variable_chooses_and_is_checked(plain, fast, monkeypatch):
    assert on_engine(plain).engine == ONNXRUNTIME  # the default on a CPU
    monkeypatch.setenv(choice.VARIABLE, "torch")
    assert on_engine(plain) is plain and on_engine(fast).network is plain.network
    assert on_engine(plain, ONNXRUNTIME) is fast  # a card's engine goes before it
    monkeypatch.setenv(choice.VARIABLE, "tensorrt")
    with pytest.raises(ValueError, match="^The variable PLAYGROUND_ENGINE must be torch, onnxr"):
        on_engine(plain)
    assert launch_options.ENGINES == ENGINES


def test_the_commands_option_and_the_cards_engine(tiny_folder, tmp_path, monkeypatch, capsys):
    def sample(*options):
        words = ["diffusion_core", "sample", "--model", str(tiny_folder), "--num", "1"]
        words += ["--steps", "2", "--out", str(tmp_path / "o.npz"), *map(str, options)]
        monkeypatch.setattr(sys, "argv", words)
        return main(), capsys.readouterr().err

    card = tmp_path / "card.json"
    for engine, options in ((ONNXRUNTIME, []), (TORCH, ["--engine", "torch"])):
        assert sample("--save-card", card, *options)[0] == 0
        assert json.loads(card.read_text()).get("engine", TORCH) == engine
        assert "the same, to the bit" in sample("--card", card)[1]
    said = sample("--card", card, "--engine", "onnxruntime")[1]
    assert "engine onnxruntime here, torch then" in said
    code, said = sample("--engine", "jax")
    assert (
        code == 2
        and said.strip() == "The engine must be torch, onnxruntime or cuda-graphs, not 'jax'."
    )


def test_a_session_goes_with_its_model(tmp_path):
    checkpoint = load_checkpoint(save_tiny(tmp_path / "tiny"))
    session = weakref.ref(on_engine(checkpoint).network)
    assert session() is on_engine(checkpoint).network  # built once
    del checkpoint
    gc.collect()
    assert session() is None


def test_its_weights_are_those_of_the_time_when_it_was_made(plain):
    unet = wake(UNet(TINY)).eval().requires_grad_(False)
    network = OnnxNetwork(unet)
    x, t = torch.randn(1, 1, 28, 28), torch.tensor([5])
    before = network(x, t)
    unet.conv_out.bias += 1
    assert torch.equal(network(x, t), before)
