"""Ctrl+C while something computes: no abort, and what was learned is kept."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import save_tiny
from pagelib import free_port

from diffusion_core.growth import load_history
from diffusion_core.resources import MEASURING
from tabs import closing
from tabs.denoise.runs import STOPS
from tabs.train.lines import LINE

ROOT = Path(__file__).parents[1]
# The playground as `python app.py` starts it, which begins work of its own and is then interrupted.
PLAYGROUND = """
import os, signal, socket, sys, threading, time
sys.argv = ["app.py", "--host", "127.0.0.1", "--port", sys.argv[1], "--no-browser",
            "--models", sys.argv[2]]
import app

def work():
    from pathlib import Path
    from types import SimpleNamespace
    import torch
    from diffusion_core.data import load_dataset
    from tabs.own import OWNERS
    from tabs.train import running
    from tabs.train.lines import LINE
    %s
    os.kill(os.getpid(), signal.SIGINT)

def begin():
    while True:
        with socket.socket() as door:
            if door.connect_ex(("127.0.0.1", int(sys.argv[4]))) == 0:
                break
        time.sleep(0.05)
    time.sleep(1)  # until the main thread waits for the end
    work()

threading.Thread(target=begin, daemon=True).start()
sys.exit(app.main())
"""
TRAINING = """
    me = SimpleNamespace(session_hash="me")
    OWNERS.keep("me", load_dataset("fashion-mnist-2000"))
    values = ("random weights", 4000, 4, 1e-3, "32,32", 1, 2, "the coarsest level", "cosine", 50,
              "v_prediction", "none", 0.9, "fp32", 0.1, False, 0)
    threading.Thread(target=lambda: list(running.train(me, "mine", *values)), daemon=True).start()
    while not LINE.jobs or LINE.jobs[0].progress.step < 5:
        time.sleep(0.05)
"""


def interrupted(work: str, models: Path) -> subprocess.CompletedProcess:
    line = [sys.executable, "-c", PLAYGROUND % work.strip(), str(free_port()), str(models)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=180)


def test_an_interrupted_training_is_kept_and_nothing_aborts(tmp_path):
    done = interrupted(TRAINING, tmp_path)
    assert "terminate called" not in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
    assert "Keeping what the training has learned" in done.stdout
    kept = load_history(tmp_path / "mine")
    assert kept is not None and kept[0].step >= 5
    assert (tmp_path / "mine" / "state.safetensors").exists()


def test_it_waits_for_what_computes_but_not_for_ever():
    assert closing.close(1)
    assert {w.stop for w in closing.WORKERS} >= {LINE.close, STOPS.close}
    with STOPS.heeded("me player", "run") as sign:
        assert not closing.close(0.3)  # the run has not left yet
        assert sign.is_set()
    with MEASURING:
        assert not closing.close(0.1)
    assert closing.close(1)


def test_what_does_not_end_is_left(monkeypatch):
    left = []
    monkeypatch.setattr(closing.os, "_exit", left.append)
    monkeypatch.setattr(closing, "close", lambda: False)
    closing.leave(3)
    assert left == [3]

    def again():
        raise KeyboardInterrupt

    monkeypatch.setattr(closing, "close", again)
    closing.leave(3)
    assert left == [3, 130]
    monkeypatch.setattr(closing, "close", lambda: True)
    assert closing.leave(3) == 3 and left == [3, 130]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tmp_path))
    save_tiny(tmp_path / "one")
