"""How the Inside tab's views follow what they look at, as plain functions and by threads."""

from __future__ import annotations

import gc
import json
import threading

import gradio as gr
import numpy as np
import pytest
from conftest import save_tiny, wait_for

from diffusion_core.checkpoint import load_checkpoint
from tabs.inside import build, network_view
from tabs.inside.form import InsideForm
from tabs.inside.network_view import Asked, asked_for, map_of, show
from tabs.inside.subject import subject_of
from tabs.shared.cache import Cache
from tabs.shared.page import Page

BLOCK = "down_blocks.0.resnets.0"


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("views") / "tiny"))


@pytest.fixture(scope="module")
def subject(path):
    picture = np.random.default_rng(0).integers(0, 255, (28, 28, 1), np.uint8)
    return subject_of(InsideForm(model=path, loaded=path, picture=picture, t=400))


def opened(subject, **asked):
    message = json.loads(show(subject, json.dumps({"block": BLOCK, **asked}))["map"])
    return message["opened"]["arithmetic"]


def test_any_convolution_and_channel_of_a_block_is_written_out(subject):
    first = opened(subject)
    assert first["names"] == ["conv1", "conv2"] and first["name"] == "conv1"
    block = subject.checkpoint.unet.get_submodule(BLOCK)
    for name in first["names"]:
        found = opened(subject, convolution=name, channel=5, written=7)
        weight = block.get_submodule(name).weight
        kernel = weight[5]
        assert (found["name"], found["channel"], found["of"]) == (name, 5, len(weight))
        assert found["inputs"][0] == 7 and found["given"] == kernel.shape[0]
        np.testing.assert_allclose(found["kernels"][0], kernel[7].detach().ravel(), rtol=1e-6)
        total = sum(found["sums"]) + found["rest"] + found["bias"]
        assert total == pytest.approx(found["value"], abs=1e-4)
    far = opened(subject, convolution="gone", channel=10**9, written=-4)
    assert (far["name"], far["channel"], far["inputs"][0]) == ("conv1", far["of"] - 1, 0)


@pytest.mark.parametrize(
    "count, words", [(420_700_000, "421 million"), (249_000_000_000, "249 billion")]
)
def test_large_numbers_are_read_as_words(count, words):
    assert network_view.large(count) == words


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"pixel": 5}', '{"block": [1]}', '{"channel": "x", "pixel": [2, 0]}']
)
def test_nonsense_opens_nothing(subject, text):
    assert asked_for(text, map_of(subject.checkpoint)) == Asked()


def test_a_map_is_measured_once_and_nobody_waits_for_that_of_another_model(
    path, tmp_path, monkeypatch
):
    slow, other = load_checkpoint(path), load_checkpoint(save_tiny(tmp_path / "other", seed=9))
    begun, go_on, measured = threading.Event(), threading.Event(), []
    real = network_view.network_map

    def network_map(unet):
        measured.append(unet)
        if unet is slow.unet:
            begun.set()
            assert go_on.wait(60)
        return real(unet)

    monkeypatch.setattr(network_view, "network_map", network_map)
    monkeypatch.setattr(network_view, "_MAPS", Cache())
    got = []
    waiting = [threading.Thread(target=lambda: got.append(map_of(slow))) for _ in range(2)]
    waiting[0].start()
    assert begun.wait(60)
    waiting[1].start()
    wait_for(waiting[1].is_alive)
    assert map_of(other).blocks and not got  # while the first is still measured
    go_on.set()
    for thread in waiting:
        thread.join(60)
    assert got[0] is got[1] is map_of(slow) and measured == [slow.unet, other.unet]


def test_what_fails_is_not_kept_and_the_oldest_goes():
    cache = Cache(2)
    with pytest.raises(ZeroDivisionError):
        cache.of("a", lambda: 1 / 0)
    assert [cache.of(key, lambda key=key: key) for key in "aba"] == ["a", "b", "a"]
    cache.put("c", "c")
    assert [cache.get(key) for key in "abc"] == ["a", None, "c"]


# Gradio leaves an event loop and its sockets behind where a page is built and not launched.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_change_of_the_subject_is_one_request():
    with gr.Blocks() as demo, gr.Tabs() as tabs, gr.Tab() as tab:
        build(Page(tabs, tab))
    config = demo.get_config_file()
    names = {c["id"]: c["props"].get("elem_id") for c in config["components"]}
    t = next(i for i, name in names.items() if name == "inside-t")
    heard = [d for d in config["dependencies"] if (t, "change") in map(tuple, d["targets"])]
    del demo, tabs, tab
    gc.collect()
    assert len(heard) == 1 and heard[0]["trigger_mode"] == "always_last"
