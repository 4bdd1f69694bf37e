"""Checkpoints from the Hub: a server that answers as it does, and all that can go wrong."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from fakehub import FakeHub, hub
from huggingface_hub import constants
from twins import pipeline, theirs, to_old

from diffusion_core.checkpoint import cached, download, load_checkpoint
from diffusion_core.checkpoint import hub as hub_module

__all__ = ["hub", "theirs"]  # the fixtures
ROOT = Path(__file__).parents[1]


def refused(hub_id, words):
    with pytest.raises(ValueError, match=words) as caught:
        load_checkpoint(hub_id)
    text = str(caught.value)
    assert hub_id in text and "\n" not in text and text.endswith(".") and text.count(". ") == 0
    return text


def test_ours_comes_with_progress_and_stays(hub, tiny_folder):
    hub.add("me/tiny", tiny_folder)
    told = []
    checkpoint = load_checkpoint("me/tiny", lambda done, total: told.append((done, total)))
    size = (tiny_folder / "model.safetensors").stat().st_size
    assert told[-1] == (size, size) and all(total == size for _, total in told)
    assert told == sorted(told) and checkpoint.name == "me/tiny"
    assert checkpoint.weights_hash == load_checkpoint(tiny_folder).weights_hash
    hub.seen.clear()
    told.clear()
    address = "https://huggingface.co/me/tiny/"
    again = load_checkpoint(address, lambda *numbers: told.append(numbers))
    assert again.name == "me/tiny"
    assert hub.fetched() == [] and told == []  # all is there
    hub.close()
    assert load_checkpoint("me/tiny").config == checkpoint.config  # without a network
    hub.server.server_close = hub.server.shutdown = lambda: None


def test_only_what_is_read_is_fetched(hub, theirs, tmp_path):
    hub.add("me/theirs", theirs)
    hub.repos["me/theirs"] |= {
        "unet/diffusion_pytorch_model.bin": b"pickle",
        "images/one.png": b"png",
        "unet/diffusion_pytorch_model.fp16.safetensors": b"half",
        "README.md": b"card",
        "pytorch_model.safetensors": b"other",
    }
    read = load_checkpoint("me/theirs")
    assert sorted(hub.fetched()) == [
        "README.md",
        "model_index.json",
        "scheduler/scheduler_config.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
    ]
    folder = to_old(Path(shutil.copytree(theirs, tmp_path / "flat")))
    hub.add("google/flat", folder)
    hub.repos["google/flat"]["diffusion_pytorch_model.bin"] = b"pickle"
    flat = load_checkpoint("google/flat")
    assert flat.config == read.config
    x, t = torch.randn(1, 3, 16, 16), torch.tensor([9])
    assert torch.equal(flat.unet(x, t), read.unet(x, t))


def test_averaged_weights_alone_are_fetched(hub, theirs, tmp_path):
    folder = Path(shutil.copytree(theirs, tmp_path / "ema"))
    pipeline("x0-prediction", seed=4).unet.save_pretrained(folder / "unet_ema")
    hub.add("me/ema", folder)
    assert "EMA" in load_checkpoint("me/ema").config.notes[0]
    assert [f for f in hub.fetched() if f.endswith("safetensors")] == [
        "unet_ema/diffusion_pytorch_model.safetensors"
    ]


def test_an_interrupted_download_goes_on(hub, theirs):
    hub.add("me/theirs", theirs)
    hub.cut = 2
    told = []
    load_checkpoint("me/theirs", lambda done, total: told.append(done))
    ranges = [h["range"] for m, _, h in hub.seen if m == "GET" and "range" in h]
    assert len(ranges) == 2 and told == sorted(told)  # no byte comes twice
    hub.cut = 0


def test_a_download_that_breaks_off_for_good_is_one_sentence_and_can_be_repeated(hub, theirs):
    hub.add("me/theirs", theirs)
    hub.cut = 1000
    refused("me/theirs", "broke off; load it again")
    hub.cut = 0
    load_checkpoint("me/theirs")


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, OSError])
def test_what_progress_raises_stops_the_download(error, hub, theirs):
    hub.add("me/theirs", theirs)

    def stop(done, total):
        raise error("enough")

    with pytest.raises(error, match="enough"):
        load_checkpoint("me/theirs", stop)


def test_a_listed_file_that_is_missing(hub, theirs):
    hub.add("me/theirs", theirs)
    hub.absent.add("unet/diffusion_pytorch_model.safetensors")
    refused("me/theirs", "lists a file of me/theirs that it does not have")


def test_a_repository_without_the_weights_or_with_pickled_ones(hub, theirs):
    hub.add("me/theirs", theirs)
    weights = hub.repos["me/theirs"].pop("unet/diffusion_pytorch_model.safetensors")
    refused("me/theirs", "lacks unet/diffusion_pytorch_model.safetensors")
    hub.repos["me/pickled"] = {
        **hub.repos["me/theirs"],
        "unet/diffusion_pytorch_model.bin": weights,
    }
    refused("me/pickled", r"from_pretrained\('me/pickled', use_safetensors=False\)")


def test_what_cannot_be_used_is_refused_before_its_weights_travel(hub, theirs):
    hub.add("me/theirs", theirs)
    files = hub.repos["me/theirs"]
    scheduler = json.loads(files["scheduler/scheduler_config.json"])
    scheduler["_class_name"] = "PNDMScheduler"
    files["scheduler/scheduler_config.json"] = json.dumps(scheduler).encode()
    refused("me/theirs", "PNDMScheduler")
    hub.repos["me/words"] = {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"x"}
    refused("me/words", "is not of the form")
    hub.repos["me/empty"] = {".gitattributes": b""}
    refused("me/empty", "lacks config.json")
    assert not [f for f in hub.fetched() if f.endswith("safetensors")]


def test_a_gated_repository_says_what_to_do_and_opens_with_the_token(hub, theirs, monkeypatch):
    hub.add("me/theirs", theirs)
    hub.gated.add("me/theirs")
    refused("me/theirs", "is gated: accept its licence at .*me/theirs and set HF_TOKEN")
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    refused("me/theirs", "is gated: accept its licence")  # 403
    monkeypatch.setenv("HF_TOKEN", hub.token)
    load_checkpoint("me/theirs")


def test_a_private_repository_or_none(hub, theirs, monkeypatch):
    hub.add("me/theirs", theirs)
    hub.private.add("me/theirs")
    refused("me/theirs", "no such checkpoint.*check the name.*HF_TOKEN")
    refused("me/nothing", "no such checkpoint.*check the name")
    monkeypatch.setenv("HF_TOKEN", hub.token)
    load_checkpoint("me/theirs")


def test_damaged_weights_are_removed_and_fetched_anew(hub, theirs):
    hub.add("me/theirs", theirs)
    hub.damaged.add("unet/diffusion_pytorch_model.safetensors")
    refused("me/theirs", "are damaged and were removed; load it again")
    hub.damaged.clear()
    assert load_checkpoint("me/theirs").weights_hash == load_checkpoint(theirs).weights_hash


@pytest.mark.parametrize("code", [500, 503, 429])
def test_a_hub_that_is_busy(code, hub):
    hub.broken = code
    refused("me/theirs", rf"error \({code}\).*try again later")


def test_no_network_and_no_permission_to_use_it(hub, monkeypatch):
    url = hub.url
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    refused("me/theirs", "cannot be reached to fetch it; check the network")
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused("me/theirs", "unset HF_HUB_OFFLINE")
    assert hub.seen == []


@pytest.mark.parametrize("name", ["a b/c", "me/..", "me/th--eirs", "me/theirs.git"])
def test_what_is_no_hub_id(name, hub):
    refused(name, "no Hub id")


def test_a_full_disk_is_told(hub, theirs, monkeypatch):
    hub.add("me/theirs", theirs)
    (Path(constants.HF_HUB_CACHE)).write_text("a file where the cache should be")
    refused("me/theirs", "cannot be stored")


def test_what_another_program_fetched_serves_offline(hub, theirs, monkeypatch):
    from huggingface_hub import snapshot_download

    hub.add("me/theirs", theirs)
    hub.repos["me/theirs"]["README.md"] = b"card"
    snapshot_download("me/theirs", allow_patterns=["*.json", "*/*"])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    load_checkpoint("me/theirs")  # though the card is not there


def test_the_environment_is_heeded_from_the_command_line(tiny_folder, tmp_path):
    server = FakeHub()
    server.add("me/tiny", tiny_folder)
    server.private.add("me/tiny")
    env = {
        **os.environ,
        "HF_ENDPOINT": server.url,
        "HF_HOME": str(tmp_path / "home"),
        "HF_TOKEN": server.token,
        "HF_HUB_OFFLINE": "0",
        "NO_PROXY": "127.0.0.1",
    }
    # Two processes, forked from one that has read this environment: Python starts once.
    program = """
import os, sys
from diffusion_core.__main__ import main

def sample():
    child = os.fork()
    if child == 0:
        sys.argv = ["diffusion_core", "sample", "--model", "me/tiny", "--num", "1", "--steps", "2",
                    "--out", "o.png"]
        os._exit(main())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)

sample()
sys.stdin.readline()
os.environ.pop("HF_TOKEN")
sample()
"""
    pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    line, errors = [sys.executable, "-c", program], tmp_path / "errors"
    env["PYTHONPATH"] = str(ROOT)
    with (
        errors.open("w") as stderr,
        subprocess.Popen(line, cwd=tmp_path, env=env, text=True, stderr=stderr, **pipes) as process,
    ):
        told = [process.stdout.readline() for _ in range(2)]
        assert told == ["o.png\n", "0\n"], errors.read_text()
        written = (tmp_path / "home" / "hub").glob("models--me--tiny/snapshots/*/model.safetensors")
        assert list(written)
        server.close()
        rest, _ = process.communicate("\n", timeout=300)
        assert rest == "o.png\n0\n", errors.read_text()


def test_download_alone_gives_the_folder(hub, theirs):
    hub.add("me/theirs", theirs)
    folder = download("me/theirs")
    assert load_checkpoint(folder).config == load_checkpoint(theirs).config


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it, and what was listed since then."""

    class Clock:
        now = 1000.0

        @property
        def listings(self):
            return hub_module._listed.cache_info().misses

        def monotonic(self):
            return self.now

    clock = Clock()
    hub_module._listed.cache_clear()
    monkeypatch.setattr(hub_module, "time", clock)
    return clock


def test_the_cache_is_listed_once_for_many_questions(hub, theirs, clock):
    hub.add("me/theirs", theirs)
    folder = download("me/theirs")
    before = clock.listings
    assert all(cached() == {"me/theirs": folder} for _ in range(20))
    cached().clear()  # a caller's copy
    assert cached() and clock.listings == before + 1


def test_a_download_is_listed_at_once_and_what_others_do_soon(hub, theirs, tiny_folder, clock):
    hub.add("me/theirs", theirs)
    hub.add("me/tiny", tiny_folder)
    weights = "unet/diffusion_pytorch_model.safetensors"
    hub.absent.add(weights)
    refused("me/theirs", "lists a file")
    assert cached() == {}
    hub.absent.clear()
    folder = download("me/theirs")  # into a folder of the cache that was there already
    assert cached() == {"me/theirs": folder}
    (folder / weights).unlink()  # as another program does
    assert cached() == {"me/theirs": folder}
    clock.now += hub_module.LISTING_SECONDS
    assert cached() == {}
    other = download("me/tiny")
    assert cached() == {"me/tiny": other}


def test_a_listing_that_was_underway_during_a_download_is_not_kept(hub, theirs, clock, monkeypatch):
    hub.add("me/theirs", theirs)
    Path(constants.HF_HUB_CACHE).mkdir()
    real, seen = Path.glob, []

    def slow(self, pattern):
        found = list(real(self, pattern))
        if not seen and pattern.startswith("models--"):
            seen.append(download("me/theirs"))
            os.utime(constants.HF_HUB_CACHE, ns=(stamp, stamp))
        return found

    stamp = Path(constants.HF_HUB_CACHE).stat().st_mtime_ns
    monkeypatch.setattr(Path, "glob", slow)
    assert cached() == {} and seen
    assert cached() == {"me/theirs": seen[0]}


def test_a_cache_that_cannot_be_listed_has_nothing(hub, clock):
    assert cached() == {}
    Path(constants.HF_HUB_CACHE).write_text("a file where the cache should be")
    assert cached() == {}
