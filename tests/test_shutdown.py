"""Ctrl+C while something computes: no abort, and what was learned is kept."""

import subprocess
from pathlib import Path

import pytest
from conftest import save_tiny
from forked import run_python
from pagelib import free_port

from diffusion_core.device import MEASURING
from diffusion_core.training_runs import load_history
from tabs.shared import shutdown
from tabs.shared.stop_signals import STOP_SIGNALS
from tabs.train.jobs import QUEUE

# The playground as `python app.py` starts it, which begins work of its own and is then interrupted.
PLAYGROUND = """
import os, signal, socket, sys, threading, time
# Where pytest runs in the background, a shell has it and its children ignore SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = ["app.py", "--host", "127.0.0.1", "--port", sys.argv[1], "--no-browser",
            "--models", sys.argv[2]]
import app

def work():
    from pathlib import Path
    from types import SimpleNamespace
    import torch
    from diffusion_core.data import load_dataset
    from tabs.shared.sessions import SESSIONS
    from tabs.train import handlers
    from tabs.train.form import TrainForm
    from tabs.train.jobs import QUEUE
    %s
    os.kill(os.getpid(), signal.SIGINT)

def begin():
    while True:
        with socket.socket() as door:
            if door.connect_ex(("127.0.0.1", int(sys.argv[4]))) == 0:
                break
        time.sleep(0.05)
    main = threading.main_thread().ident
    while True:  # until the main thread waits for the end
        names, frame = set(), sys._current_frames()[main]
        while frame:
            names.add(frame.f_code.co_name)
            frame = frame.f_back
        if "block_thread" in names:
            break
        time.sleep(0.05)
    work()

threading.Thread(target=begin, daemon=True).start()
sys.exit(app.main())
"""
TRAINING = """
    me = SimpleNamespace(session_hash="me")
    SESSIONS.keep("me", load_dataset("fashion-mnist-2000"))
    form = TrainForm(steps=4000, batch=4, channels="32,32", blocks=1, T=50, ema=0.9,
                     prediction="v_prediction", weighting="none", precision="fp32")
    threading.Thread(target=lambda: list(handlers.train("mine", form, me)), daemon=True).start()
    while not QUEUE.jobs or QUEUE.jobs[0].progress.step < 5:
        time.sleep(0.05)
"""


def interrupted(work: str, models: Path) -> subprocess.CompletedProcess:
    return run_python(PLAYGROUND % work.strip(), [free_port(), models], timeout=180)


def test_an_interrupted_training_is_kept_and_nothing_aborts(tmp_path):
    done = interrupted(TRAINING, tmp_path)
    assert "terminate called" not in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
    assert "Keeping what the training has learned" in done.stdout
    kept = load_history(tmp_path / "mine")
    assert kept is not None and kept[0].step >= 5
    assert (tmp_path / "mine" / "state.safetensors").exists()


def test_it_waits_for_what_computes_but_not_for_ever():
    assert shutdown.close(1)
    assert {w.stop for w in shutdown.WORKERS} >= {QUEUE.close, STOP_SIGNALS.close}
    with STOP_SIGNALS.sign_of("me player", "run") as sign:
        assert not shutdown.close(0.3)  # the run has not left yet
        assert sign.is_set()
    with MEASURING:
        assert not shutdown.close(0.1)
    assert shutdown.close(1)


def test_what_does_not_end_is_left(monkeypatch):
    left = []
    monkeypatch.setattr(shutdown.os, "_exit", left.append)
    # The folders that it removes are this process's, whose pages are used by other tests.
    monkeypatch.setattr(shutdown, "remove_temporary_folders", lambda: left.append("removed"))
    monkeypatch.setattr(shutdown, "close", lambda: False)
    shutdown.leave(3)
    assert left == ["removed", 3]

    def again():
        raise KeyboardInterrupt

    monkeypatch.setattr(shutdown, "close", again)
    shutdown.leave(3)
    assert left[2:] == ["removed", 130]
    monkeypatch.setattr(shutdown, "close", lambda: True)
    assert shutdown.leave(3) == 3 and len(left) == 4


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tmp_path))
    save_tiny(tmp_path / "one")
