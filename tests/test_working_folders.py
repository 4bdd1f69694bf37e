"""Folders that cannot be written, full disks, users without a home, and names of any letters."""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import save_tiny
from forked import run_python
from hypothesis import example, given, settings
from hypothesis import strategies as st

from diffusion_core import files
from diffusion_core.data import ImageDataset, load_dataset
from diffusion_core.fields import printable
from diffusion_core.files import folder_name, why_not_writable, write_text
from tabs import working_folders
from tabs.shared.errors import COMPUTATION, DISK, FILE, TRAINING, reason_of, sentence_of
from tabs.train.jobs import free_folder, keep_pictures, kept_pictures

ROOT = Path(__file__).parents[1]
STRANGER = 54321  # the id of a user whom this system does not know
SETPRIV = shutil.which("setpriv")
root_only = pytest.mark.skipif(
    not SETPRIV or os.getuid() != 0, reason="another user can be played by root with setpriv alone"
)


def as_stranger(code: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run code as a user without a name, a home or rights, who may read everything."""
    line = [SETPRIV, f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]
    line += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    known = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*line, sys.executable, "-c", code],
        cwd=folder,
        env={**known, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


def open_to_all(folder: Path) -> None:
    """Let everybody into a folder of the tests, down from that of temporary files."""
    for each in (folder, *folder.parents):
        if each == Path(tempfile.gettempdir()):
            break
        each.chmod(0o755)


PREPARE = """
import os, sys
from pathlib import Path
from tabs import working_folders
try:
    told = working_folders.prepare(public=False)
except ValueError as error:
    print("refused:", error)
    sys.exit()
print(*told, sep="\\n")
print(Path.home().is_dir(), os.access(os.environ["GRADIO_TEMP_DIR"], os.W_OK))
print(os.environ["GRADIO_TEMP_DIR"])
"""


@root_only
def test_a_stranger_to_the_system_has_folders_of_its_own_and_is_told_what_to_set(tmp_path):
    place, taken = tmp_path / "tmp", tmp_path / "tmp" / "gradio"
    open_to_all(tmp_path)
    taken.mkdir(parents=True)  # Gradio's folder, which another user came to first
    place.chmod(0o1777)
    done = as_stranger(
        PREPARE, tmp_path, TMPDIR=str(place), DIFFUSION_MODELS=str(tmp_path / "mine")
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    *told, fine, own = done.stdout.splitlines()
    assert fine == "True True" and not Path(own).is_relative_to(taken)
    assert sorted(place.iterdir()) == [taken]  # what was made is gone
    assert any("set HF_HOME" in line and "no home directory" in line for line in told)
    assert any(f"{tmp_path / 'mine'} (Permission denied)" in t and "--models" in t for t in told)


@root_only
def test_read_only_folders_are_named_at_start_with_what_to_set(tmp_path):
    open_to_all(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    given = {"TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path / "home")}
    done = as_stranger(PREPARE, tmp_path, **given, HF_HOME=str(tmp_path / "hub"))
    for folder, setting in (("hub", "HF_HOME"), ("home", "XDG_CACHE_HOME")):
        words = [t for t in done.stdout.splitlines() if str(tmp_path / folder) in t]
        assert len(words) == 1 and f"set {setting} to" in words[0], done.stdout
    refused = as_stranger(PREPARE, tmp_path, **given, GRADIO_TEMP_DIR=str(tmp_path / "home"))
    assert "refused: GRADIO_TEMP_DIR names" in refused.stdout
    (tmp_path / "tmp").chmod(0o755)
    code = f"import tempfile; tempfile._candidate_tempdir_list = lambda: [{str(tmp_path)!r}]\n"
    refused = as_stranger(code + PREPARE, tmp_path, **given)
    assert "refused: No folder for temporary files" in refused.stdout, refused.stderr
    assert "set TMPDIR" in refused.stdout


FULL = """
import ctypes, json, os, sys, tempfile
from pathlib import Path
libc, place = ctypes.CDLL(None, use_errno=True), sys.argv[1]
if libc.unshare(0x20000) or libc.mount(b"none", b"/", None, 0x44000, None):
    sys.exit(77)
if libc.mount(b"tmpfs", place.encode(), b"tmpfs", 0, b"size=%d" % int(sys.argv[2])):
    sys.exit(77)
tempfile.tempdir = place
(Path(place) / "filler").write_bytes(bytes(int(sys.argv[2]) - 8192))
import gradio as gr
from types import SimpleNamespace
from tabs import working_folders
from tabs.noise import compute
from tabs.noise.form import NoiseForm
from tabs.schedules.form import ScheduleForm
from tabs.schedules.layout import save_csv
from tabs.train import handlers
import numpy as np
os.environ["DIFFUSION_MODELS"] = sys.argv[3]
me = SimpleNamespace(session_hash="me")
def said(do):
    try:
        return str(do())
    except gr.Error as error:
        return error.message
own = next(each for each in Path(sys.argv[3]).iterdir())
(own / "plan.json").write_text("{}")
answers = [
    said(lambda: list(save_csv(ScheduleForm()))),
    said(lambda: list(compute.animation(NoiseForm(np.zeros((28, 28, 3), np.uint8))))),
    said(lambda: list(handlers.zip_file(str(own), me))),
    *working_folders.prepare(public=True),
]
print(json.dumps(answers))
"""


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="a small disk needs mount")
def test_a_full_disk_is_named_wherever_a_file_is_made(tmp_path):
    models, place = save_tiny(tmp_path / "models" / "one").parent, tmp_path / "disk"
    place.mkdir()
    done = run_python(FULL, [place, 65536, models])
    if done.returncode == 77:
        pytest.skip("this system mounts no file systems for tests")
    assert done.returncode == 0, done.stderr
    csv, gif, archive, *told = json.loads(done.stdout)
    assert csv == gif == DISK and DISK in archive and "/" not in archive
    assert any("MB are free for temporary files" in t and "TMPDIR" in t for t in told)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EROFS, "Read-only file system", "/home/me/x"), "read-only file system"),
        (RuntimeError("cannot open /home/me/a.b: no"), "RuntimeError: cannot open … no"),
        (RuntimeError("cannot open '/home/me/my file'"), "RuntimeError: cannot open …"),
        (RuntimeError("in C:\\Users\\me\\x"), "RuntimeError: in …"),
        (RuntimeError("first\nFile /secret"), "RuntimeError: first"),
        (KeyError(), "KeyError"),
        (RuntimeError("1/2 of it; see https://a.b/c"), "RuntimeError: 1/2 of it; see https:…"),
        (RuntimeError("x" * 999), f"RuntimeError: {'x' * 160}…"),
        (RuntimeError("\udcff"), "RuntimeError: \\udcff"),
    ],
)
def test_a_reason_is_given_and_holds_no_path(error, reason):
    assert reason_of(error) == reason
    for work in (COMPUTATION, FILE, TRAINING):
        said = sentence_of(error, work)
        assert "{" not in said and "server's log" not in said and "/home" not in said
        assert reason in said or (work is TRAINING and "--models" in said)


def test_a_training_whose_folder_cannot_be_written_says_what_to_set():
    for number in files.NOT_ALLOWED:
        assert "--models" in sentence_of(OSError(number, "no", "/home/me"), TRAINING)


@settings(max_examples=50)
@given(st.text(max_size=60))
@example("con")
@example("NUL.txt")
@example("lpt1")
@example("a. . ")
@example("моя модель")
@example("私のモデル")
@example("cafe\u0301")
@example("..")
@example("\udcff\x00/\\")
@example("İ" * 60)
@example("\u0345" * 60)
def test_a_name_is_one_that_every_system_takes(text):
    name = folder_name(text)
    assert folder_name(name) == name
    assert not set(name) & set('/\\:*?"<>| \0\n')
    assert not name.endswith(".") and not name.startswith(".")
    assert name.split(".")[0] not in {"con", "prn", "aux", "nul", "com1", "lpt1"}
    assert len(name.encode()) < 240 and printable(name) == name
    if any(c.isalnum() and c.isascii() for c in text):
        assert name


def test_letters_of_every_script_stay_and_names_do_not_meet(tmp_path):
    wanted = ["Мои котики", "私のモデル", "con", "aux.png", "Cafe\u0301", "a. .", "★", ""]
    names = []
    for text in wanted:
        folder = free_folder(tmp_path, text)
        folder.mkdir()
        names.append(folder.name)
    expected = ["мои-котики", "私のモデル", "con-", "aux-.png", "caf\u00e9", "a", "my-model"]
    assert names == [*expected, "my-model-2"]


def test_names_whose_bytes_are_not_utf8_end_no_training_at_its_save(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    pictures = np.zeros((2, 8, 8, 1), np.uint8)
    keep_pictures(tmp_path, ImageDataset(name, pictures, class_names=(name, "b")))
    assert kept_pictures(tmp_path).class_names == (name, "b")
    write_text(tmp_path / "x.json", json.dumps({"n": name}, ensure_ascii=False))
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"n": name}


@pytest.mark.skipif(sys.platform != "linux", reason="only here may names be any bytes")
def test_a_folder_of_such_names_is_read_under_names_that_can_be_shown(tmp_path):
    from PIL import Image

    folder = tmp_path / os.fsdecode(b"set\xe9")
    for label in (b"a\xe9", b"a\xe8"):  # which stay two classes
        (folder / os.fsdecode(label)).mkdir(parents=True)
        Image.new("L", (8, 8)).save(folder / os.fsdecode(label) / "x.png")
        (folder / os.fsdecode(label) / os.fsdecode(b"\xe9.png")).write_bytes(b"none")
    data = load_dataset(folder, size=8)
    assert data.class_names == ("aΘ", "aΦ") and data.name == "setΘ"  # as a zip has them
    for text in (data.name, *data.class_names, *data.unreadable):
        text.encode("utf-8")


def test_on_windows_a_file_that_another_program_reads_is_replaced_when_it_is_let_go(
    tmp_path, monkeypatch
):
    tries, replace = [], os.replace

    def busy(source, target):
        tries.append(target)
        if len(tries) < 4:
            raise PermissionError(errno.EACCES, "used by another process")
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", busy)
    monkeypatch.setattr(files.time, "sleep", lambda seconds: None)
    with pytest.raises(PermissionError):
        write_text(tmp_path / "a.txt", "x")
    tries.clear()
    monkeypatch.setattr(files, "os", SimpleNamespace(**{**vars(os), "name": "nt", "replace": busy}))
    write_text(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").read_text() == "x" and len(tries) == 4


def test_a_folder_that_is_not_there_is_judged_by_the_one_above_and_not_made(tmp_path):
    assert why_not_writable(tmp_path / "a" / "b") is None and not (tmp_path / "a").exists()
    (tmp_path / "file").write_text("x")
    assert why_not_writable(tmp_path / "file" / "b") is not None
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_the_page_has_a_folder_of_its_own_unless_one_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_TEMPORARY", [])  # those of other tests stay
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")  # so that it ends as it was before
    working_folders.prepare(public=True)
    own = Path(os.environ["GRADIO_TEMP_DIR"])
    assert own.is_dir() and "playground-files-" in own.name
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "named"))
    working_folders.prepare(public=True)
    assert os.environ["GRADIO_TEMP_DIR"] == str(tmp_path / "named")
    files.remove_temporary_folders()
    assert not own.exists()
