"""Where downloads are kept, and that what was kept there once is still found."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from diffusion_core import files
from diffusion_core.data import find_avatars
from diffusion_core.files import cache_folder, replace_file

ROOT = Path(__file__).parents[1]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home directory with nothing in it, on a platform that keeps its caches elsewhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("AVATARS_DIR", raising=False)
    library = tmp_path / "Library" / "Caches"
    monkeypatch.setattr(files, "user_cache_path", lambda name, appauthor: library / name)
    return tmp_path


def test_the_platform_says_where_downloads_are_kept(home):
    assert cache_folder() == home / "Library" / "Caches" / "diffusion-playground"


def test_what_lies_in_the_place_of_before_is_found(home):
    before = home / ".cache" / "diffusion-playground"
    before.mkdir(parents=True)
    (before / "avatars.npz").write_bytes(b"avatars")
    assert cache_folder() == before and find_avatars() == before / "avatars.npz"


def test_the_variable_of_caches_is_heeded_on_every_platform(home, monkeypatch):
    (home / ".cache" / "diffusion-playground").mkdir(parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "else"))
    assert cache_folder() == home / "else" / "diffusion-playground"


@pytest.mark.parametrize("absent", [Path("~/.cache/diffusion-playground"), RuntimeError("no home")])
def test_a_user_without_a_home_keeps_them_among_temporary_files(home, monkeypatch, absent):
    def answer(name, appauthor):
        if isinstance(absent, Exception):
            raise absent
        return absent

    monkeypatch.setattr(files, "user_cache_path", answer)
    assert cache_folder() == Path(tempfile.gettempdir()) / "diffusion-playground"


def test_the_recipe_of_the_avatars_makes_them_where_they_are_looked_for(tmp_path):
    """Node is replaced by a program that says where it was told to install."""
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text('#!/bin/sh\necho "$3"\nexit 3\n')
    npm.chmod(0o755)
    env = {k: v for k, v in os.environ.items() if k != "AVATARS_DIR"}
    env |= {"PATH": f"{npm.parent}:{env['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    line = [shutil.which("bash"), str(ROOT / "pretrained" / "recipes" / "avatars_data.sh")]
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 3
    assert done.stdout.strip() == str(tmp_path / "cache" / "diffusion-playground")


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path):
    (tmp_path / "a.txt").write_text("before")

    def broken(path):
        path.write_text("half")
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        replace_file(tmp_path / "a.txt", broken)
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "before"
