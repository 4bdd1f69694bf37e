"""What breaks off at the worst moment: nothing that was made is lost, and one sentence says it."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import psutil
import pytest
import torch
from conftest import TINY, record_here, save_tiny, wait_for
from fakehub import hub
from forked import run_python
from safetensors import SafetensorError

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.data import ImageDataset, load_dataset
from diffusion_core.files import save_tensors, write_text
from diffusion_core.publishing import push
from diffusion_core.training import TrainConfig
from diffusion_core.training_runs import (
    PLAN_FILE,
    TrainingEnded,
    TrainingPlan,
    keep_pictures,
    kept_run,
    load_history,
    record,
)
from tabs.shared import errors, models
from tabs.shared.limits import Limits
from tabs.train import jobs, my_models
from tabs.train.jobs import Job, JobQueue

__all__ = ["hub"]  # the fixture
pytestmark = pytest.mark.usefixtures("cpu")
SETTINGS = TrainConfig(
    num_steps=6, batch_size=4, warmup_steps=2, decay_steps=2, precision="fp32", save_every=2
)
NOISE = {"name": "cosine", "num_train_timesteps": 50}
RUN = """
import os, resource, signal, sys
from pathlib import Path
from diffusion_core import files
from diffusion_core.training_runs import kept_run, record
folder, name, moment = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
written, written_whole = [], files.os.fsync

def fault(number):
    path = os.readlink(f"/proc/self/fd/{number}")
    if name not in path:
        return written_whole(number)
    written.append(path)
    if len(written) == 2:  # the first save was whole
        if moment == "half":
            os.truncate(path, os.path.getsize(path) // 2)
        os.kill(os.getpid(), signal.SIGKILL)
    return written_whole(number)

files.os = type("os", (), {**vars(os), "fsync": staticmethod(fault)})
for report in record(*kept_run(folder), folder):
    pass
"""


@pytest.fixture(scope="module")
def dataset():
    whole = load_dataset("fashion-mnist-2000")
    return ImageDataset("some", whole.pictures[::40], whole.labels[::40], whole.class_names)


def a_run(folder, dataset, **changes):
    plan = TrainingPlan(replace(SETTINGS, **changes), TINY, NOISE)
    keep_pictures(folder, dataset)
    write_text(folder / PLAN_FILE, plan.to_json())
    return folder


def finished(folder):
    """Go on to the end; the weights then."""
    for _ in record(*kept_run(folder), folder):
        pass
    return load_checkpoint(folder).weights_hash


@pytest.fixture(scope="module")
def unbroken(dataset, tmp_path_factory):
    return finished(a_run(tmp_path_factory.mktemp("runs") / "unbroken", dataset))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what is written")
@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("state.safetensors", "half"),
        ("history.npz", "whole"),
        *(
            pytest.param(name, moment, marks=pytest.mark.long)
            for name, moment in (
                ("state.safetensors", "whole"),
                ("model.safetensors", "half"),
                ("model.safetensors", "whole"),
                ("history.npz", "half"),
            )
        ),
    ],
)
def test_killed_in_a_save_it_goes_on_from_the_save_before(
    name, moment, dataset, unbroken, tmp_path
):
    folder = a_run(tmp_path / "mine", dataset)
    done = run_python(RUN, [folder, name, moment])
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list(folder.glob(".*.partial"))  # it was in the middle of it
    assert load_checkpoint(folder).config.training["steps"] in (2, 4)
    assert load_history(folder)[0].step in (2, 4)
    assert finished(folder) == unbroken
    assert not list(folder.glob(".*.partial"))


FULL = """
import resource, sys
from pathlib import Path
from diffusion_core.training_runs import kept_run, record
from tabs.shared.errors import TRAINING, sentence_of
folder, whole = Path(sys.argv[1]), False
try:
    for report in record(*kept_run(folder), folder):
        if (folder / "state.safetensors").exists() and not whole:
            whole = True
            most = (folder / "state.safetensors").stat().st_size // 2
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
except Exception as error:
    print(sentence_of(error, TRAINING))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no bound of a file's size")
def test_where_a_save_finds_no_space_the_training_stands_at_the_save_before(
    dataset, unbroken, tmp_path
):
    folder = a_run(tmp_path / "mine", dataset)
    done = run_python(FULL, [folder])
    assert done.stdout == f"{errors.DISK_FULL}\n", done.stderr
    assert load_checkpoint(folder).config.training["steps"] == 2
    assert finished(folder) == unbroken


def test_a_full_disk_has_its_own_number_however_it_is_found(tmp_path, monkeypatch):
    """Python's own files say it by a number, those of safetensors in words alone."""
    folder = tmp_path / "mine"
    save_tensors(folder / "a", {"a": torch.ones(3)}, {})

    def full(*_):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OSError) as found:
        save_tensors(folder / "a", {"a": torch.zeros(3)}, {})
    assert errors.sentence_of(found.value, errors.TRAINING) == errors.DISK_FULL
    assert [file.name for file in folder.iterdir()] == ["a"]


@pytest.mark.parametrize("fault", ["cut short", "replaced", "deleted"])
def test_a_model_whose_file_goes_while_it_is_loaded_walks_on_and_is_then_a_sentence(
    fault, tmp_path, monkeypatch
):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tmp_path))
    folder = save_tiny(tmp_path / "mine")
    held, file = models.get(str(folder)), folder / "model.safetensors"
    x, t = torch.ones(1, 1, 28, 28), torch.tensor([9])
    before = held.denoiser(torch.tensor([1]))(x, t)
    if fault == "cut short":  # in place: what is mapped and not copied is then a bus error
        os.truncate(file, 0)
    elif fault == "replaced":
        save_tiny(folder, seed=1)
    else:
        file.unlink()
    after = held.denoiser(torch.tensor([1]))(x, t)
    assert torch.equal(before, after)
    if fault == "replaced":
        assert models.get(str(folder)).weights_hash != held.weights_hash
        return
    with pytest.raises(ValueError) as said:
        models.get(str(folder))
    assert "mine" in str(said.value) and "\n" not in str(said.value)


def test_a_clock_that_jumps_changes_nothing(dataset, unbroken, tmp_path, monkeypatch):
    import time

    jumps = iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: (-1) ** next(jumps) * 1e9)
    monkeypatch.setattr(jobs, "record_apart", record_here)
    folder = a_run(tmp_path / "mine", dataset)
    job = Job("mine", "me", *kept_run(folder), folder, minutes=10)
    job.run()
    assert job.state == "done" and 0 < job.seconds < 600
    assert load_checkpoint(folder).weights_hash == unbroken


PUSH = """
import os, sys
from huggingface_hub import constants
constants.ENDPOINT = sys.argv[2]
constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_XET = False, True
from pathlib import Path
from diffusion_core.publishing import push
push(Path(sys.argv[1]), "me/tiny", token=sys.argv[3])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_killed_in_a_push_the_hub_has_nothing_or_all_and_the_next_push_brings_it(hub, tmp_path):
    folder = save_tiny(tmp_path / "mine")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    hub.gate.clear()  # the commit waits
    env = {**os.environ, "HF_HUB_OFFLINE": "0", "NO_PROXY": "127.0.0.1", "PYTHONPATH": "."}
    line = [sys.executable, "-c", PUSH, str(folder), hub.url, hub.token]
    pushing = subprocess.Popen(line, env=env)
    wait_for(lambda: any("/commit/" in path for _, path, _ in hub.seen), 120)
    pushing.kill()
    pushing.wait()
    hub.gate.set()
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    pushed = push(folder, "me/tiny", token=hub.token)
    assert pushed.words.startswith("me/tiny is on the Hub")
    assert hub.repos["me/tiny"]["model.safetensors"] == before["model.safetensors"]


def children(pid=None):
    return [
        each
        for each in psutil.Process(pid).children(recursive=True)
        if "diffusion_core.training_runs.child" in " ".join(each.cmdline())
    ]


@pytest.mark.long
def test_a_killed_training_is_one_sentence_and_goes_on_from_its_last_save(
    dataset, tmp_path, monkeypatch
):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tmp_path))
    folder = a_run(tmp_path / "mine", dataset, num_steps=5000)
    queue = JobQueue()
    job = Job("mine", "me", *kept_run(folder), folder, minutes=10)
    queue.enter(job)
    wait_for(lambda: job.progress.step > 5, 300)
    (child,) = children()
    child.kill()
    wait_for(lambda: job.ended.is_set(), 60)
    assert job.state == "failed" and job.words == str(TrainingEnded(-signal.SIGKILL))
    assert job.dataset is None and not queue.busy
    saved = load_checkpoint(folder).config.training["steps"]
    assert saved >= 4
    again = my_models.resumed(str(folder), "me", Limits())
    queue.enter(again)  # the page lives, and so does the line
    wait_for(lambda: again.progress.step > saved + 2, 300)
    queue.stop(again)
    wait_for(lambda: again.ended.is_set(), 60)
    assert again.state == "stopped" and not children()
    assert load_history(folder)[0].step == again.progress.step


PAGE = """
import sys, threading
from pathlib import Path
from diffusion_core.training_runs import record_apart
for report in record_apart(Path(sys.argv[1]), threading.Event()):
    if getattr(report, "step", 0) == 5:
        print("five", flush=True)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_where_the_page_is_killed_its_training_saves_and_ends(dataset, tmp_path):
    folder = a_run(tmp_path / "mine", dataset, num_steps=5000, save_every=1000)
    env = {**os.environ, "PYTHONPATH": "."}
    line = [sys.executable, "-c", PAGE, str(folder)]
    page = subprocess.Popen(line, env=env, stdout=subprocess.PIPE, text=True)
    assert page.stdout is not None and page.stdout.readline() == "five\n"
    (child,) = children(page.pid)
    page.kill()
    page.communicate()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 120)
    assert load_history(folder)[0].step >= 5  # saved though no save was due
    assert load_checkpoint(folder).config.training["steps"] >= 5


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="bounds memory")
def test_a_training_that_takes_too_much_memory_ends_alone_and_says_so(dataset, tmp_path):
    folder = a_run(tmp_path / "mine", dataset)
    with pytest.raises(Exception) as broke:
        for _ in jobs.record_apart(folder, threading.Event(), most=400 * 10**6):
            pass
    assert errors.sentence_of(broke.value, errors.TRAINING) in (
        errors.OUT_OF_MEMORY,
        str(broke.value),
    )
    assert isinstance(broke.value, RuntimeError | MemoryError)
