"""Every part of the benchmarks starts, measures what it names and prints a line for each."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from forked import run_python
from typer import BadParameter
from typer.testing import CliRunner

from bench.__main__ import app
from bench.walk import shown_as

ROOT = Path(__file__).parents[1]


def read(output):
    lines = [json.loads(line) for line in output.splitlines()]
    for line in lines:
        assert set(line) == {"what", "ratio", "ms"} and len(line["ms"]) == 2
        assert line["ratio"] > 0 and all(ms > 0 for ms in line["ms"])
    return [line["what"] for line in lines]


def started(*arguments):
    done = CliRunner().invoke(app, [*arguments, "--rounds", "1"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return read(done.stdout)


def test_unet_names_both_sides():
    assert started("unet", "--batch", "1") == [
        "unet, batch 1, forward: ours / diffusers",
        "unet, batch 1, forward and backward: ours / diffusers",
    ]


def test_engines_are_compared_alone_and_with_callers_beside_them(tiny_folder):
    said = started("engines", "--model", str(tiny_folder), "--batch", "1")
    here = f"engines, {tiny_folder}, batch 1: "
    assert said[:2] == [
        f"{here}onnxruntime / torch on 1 thread",
        f"{here}each of 4 callers at once / one alone",
    ]
    assert len(said) == 4  # of the network of the part unet too


@pytest.mark.usefixtures("cpu")
def test_train_compares_the_same_network_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = started("train", "--batch", "2", "--steps", "1")
    assert said[0].startswith("train, batch 2: our fp32 / diffusers, the same network of ")
    assert sum("diffusers" in line and "2 × 2 patches" in line for line in said) >= 2
    assert list(tmp_path.iterdir()) == []


def test_growth_begins_with_the_limit():
    said = started("growth", "--batch", "1", "--steps", "1", "--side", "256")
    assert said[0].endswith("network / its arithmetic as one product")
    assert [what.split(",")[0] for what in said[1:]] == [
        f"growth with {thing}" for thing in ("steps", "batch", "size", "channels")
    ]


def test_points_are_learnt_by_both_paths():
    arguments = ["points", "--name", "ring", "--seconds", "0.1", "--count", "50"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["what"].split(":")[0] for line in lines] == [
        f"points, ring by {path}" for path in ("flow", "cosine")
    ]
    assert all(line["steps"] >= 1 and line["ratio"] > 1 for line in lines)  # nothing is learnt yet
    with pytest.raises(BadParameter, match="There is no set of points"):
        app(["points", "--name", "rings"], standalone_mode=False)


def test_inside_opens_a_block_of_every_kind():
    said = started("inside", "--rounds", "1")
    assert all(line.startswith("inside of fashion-mnist, ") for line in said)
    assert any("attention opened / one evaluation" in line for line in said)
    assert said[-1].endswith("a part taken away / one evaluation")


def test_a_class_is_found_in_the_menu_by_its_name():
    assert shown_as("open-peeps").search("✓ Open peeps")
    assert shown_as("T-shirt").search("T-shirt") and not shown_as("Bag").search("Bags")
    assert not shown_as("peeps").search("Open peeps")


@pytest.mark.browser
def test_walk_measures_the_model_that_it_names(browser, tiny_folder, monkeypatch):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tiny_folder.parent))
    line = ["walk", "--model", "tiny", "--label", "Coat"]
    done = run_python("bench", [*line, "--images", 1, "--steps", 3, "--rounds", 1])
    assert done.returncode == 0, done.stderr
    walk = "walk of tiny, Coat, guidance 1, 3 ddim steps, 1 images: "
    assert read(done.stdout) == [f"{walk}page / bare loop", f"{walk}first frame / one step"]


@pytest.mark.long
def test_memory_is_that_of_a_page_while_visitors_use_it():
    line = [sys.executable, "-m", "bench", "memory", "--visitors", "1", "--minutes", "0.05"]
    sizes = ["--every", "1", "--rest", "0", "--steps", "2", "--use", "noise,noise,denoise"]
    sizes += ["--think", "0.1"]
    done = subprocess.run([*line, *sizes], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    *lines, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["what"] == "memory, at the start" and lines[-1]["done"]
    assert not any("refused" in what for what in lines[-1]["done"])
    assert last["MB"][0] == lines[0]["MB"] and last["MB"][2] == lines[-1]["MB"] > 100


@pytest.mark.long
def test_load_is_of_sessions_at_once_and_none_gets_the_pictures_of_another():
    line = [sys.executable, "-m", "bench", "load", "--sessions", "2", "--minutes", "0.1"]
    done = subprocess.run(
        [*line, "--think", "0.1"], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["errors"] == 0 and said["pictures alike"] and said["done"]
    assert said["p95 s"]["first frame"] > 0
