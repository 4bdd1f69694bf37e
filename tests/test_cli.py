"""The command line, as a user calls it."""

import gzip
import json
import signal
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from conftest import for_walks, last, save_tiny, wait_for
from forked import run_python, started_python
from PIL import Image, ImageSequence
from safetensors import safe_open

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.data import grid, load_dataset, to_uint8
from diffusion_core.generation import SamplingRequest, walk

ROOT = Path(__file__).parents[1]


def cli(*arguments, cwd=ROOT) -> subprocess.CompletedProcess[str]:
    return run_python("diffusion_core", arguments, folder=cwd)


def test_sample_writes_every_kind_of_file_with_the_same_pictures(tiny_folder, tmp_path):
    arguments = [
        "--model",
        tiny_folder,
        "--num",
        4,
        "--steps",
        5,
        "--seed",
        3,
        "--label",
        8,
        "--guidance-scale",
        1.5,
    ]
    for suffix in ("npz", "png", "gif", "mp4"):
        done = cli("sample", *arguments, "--out", tmp_path / f"o.{suffix}")
        assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "o.npz") as file:
        images, labels = file["images"], file["labels"]
    assert images.shape == (4, 28, 28, 1) and images.dtype == np.uint8
    assert labels.tolist() == [8] * 4
    assert np.array_equal(np.asarray(Image.open(tmp_path / "o.png")), grid(images)[..., 0])
    settings = SamplingRequest(num_images=4, num_steps=5, seed=3, label="Bag", guidance_scale=1.5)
    end = last(walk(for_walks(tiny_folder), settings))
    assert np.array_equal(to_uint8(end.x_prev), images)
    with Image.open(tmp_path / "o.gif") as film:  # imageio 2.38.1 stumbles over its second palette
        gif = np.stack([np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(film)])
    assert len(gif) >= 6
    sheet = np.kron(grid(images)[..., 0], np.ones((gif.shape[1] // 58,) * 2))
    assert np.abs(gif[-1][..., 0].astype(int) - sheet).max() <= 1
    assert (
        len(iio.imread(tmp_path / "o.mp4", plugin="pyav")) == 4 * 25 + 25
    )  # four seconds, and one more


def test_a_run_card_is_walked_again(tiny_folder, tmp_path, monkeypatch):
    card = tmp_path / "card.json"
    first = cli(
        "sample",
        "--model",
        tiny_folder,
        "--num",
        2,
        "--steps",
        4,
        "--sampler",
        "ddpm",
        "--variance",
        "beta",
        "--save-card",
        card,
        "--out",
        tmp_path / "a.npz",
    )
    assert first.returncode == 0, first.stderr
    again = cli("sample", "--card", card, "--model", tiny_folder, "--out", tmp_path / "b.npz")
    assert again.returncode == 0 and "the same, to the bit" in again.stderr
    with np.load(tmp_path / "a.npz") as a, np.load(tmp_path / "b.npz") as b:
        assert np.array_equal(a["images"], b["images"])
    # its model is looked for by name
    found = cli("sample", "--card", card, "--out", tmp_path / "c.npz", cwd=tmp_path)
    assert found.returncode == 2 and "name it by --model" in found.stderr
    monkeypatch.setenv("DIFFUSION_MODELS", str(tiny_folder.parent))
    found = cli("sample", "--card", card, "--out", tmp_path / "c.gif", cwd=tmp_path)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--card", "nowhere.json"], "nowhere.json"),
        (["--card", "README.md"], "not a run card"),
        ([], "--model FOLDER, or a run card"),
    ],
)
def test_a_bad_card_or_none_is_one_sentence(arguments, words, tmp_path):
    done = cli("sample", *arguments, "--out", tmp_path / "o.png")
    assert done.returncode == 2 and words in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_from_seed_to_seed_is_a_row(tiny_folder, tmp_path):
    done = cli(
        "sample",
        "--model",
        tiny_folder,
        "--num",
        5,
        "--steps",
        3,
        "--seed-to",
        9,
        "--out",
        tmp_path / "row.png",
    )
    assert done.returncode == 0, done.stderr
    assert np.asarray(Image.open(tmp_path / "row.png")).shape == (28, 5 * 30 - 2)


def test_another_seed_class_or_image_number_changes_the_picture_as_it_should(tiny_folder):
    checkpoint = load_checkpoint(tiny_folder)

    def final(**options):
        return last(walk(checkpoint, SamplingRequest(num_steps=4, **options))).x_prev

    base = final(seed=5, num_images=3)
    assert np.allclose(base[1:2], final(seed=6), atol=1e-3)
    assert not np.allclose(base[:1], final(seed=6), atol=0.1)
    assert np.array_equal(base, final(seed=5, num_images=3))
    assert not np.allclose(base, final(seed=5, num_images=3, label=2), atol=1e-2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "nowhere"], "no checkpoint"),
        (["--steps", "1001"], "from 1 to 1000"),
        (["--steps", "0"], "from 1 to 1000"),
        (["--sampler", "euler"], "ddpm, ddim, heun, dpmpp_2m"),
        (["--label", "10"], "There is no class"),
        (["--label", "Hat"], "There is no class"),
        (["--seed", "-1"], "seed must be"),
        (["--seed", "99999999999999999999"], "seed must be"),
        (["--num", "0"], "number of images"),
        (["--num", "x"], "num"),
        (["--guidance-scale", "2"], "needs a class"),
        (["--eta", "2"], "eta must"),
        (["--spacing", "odd"], "spacing"),
        (["--out", "o.bmp"], ".png, .gif, .mp4, .npz"),
        (["--out", "/proc/nowhere/o.png"], "/proc/nowhere"),
        (["--odd"], "--odd"),
    ],
)
def test_bad_input_to_sample_is_one_sentence_and_exit_code_2(
    arguments, words, tiny_folder, tmp_path, capsys, monkeypatch
):
    from diffusion_core.__main__ import main

    standard = {"--model": str(tiny_folder), "--out": str(tmp_path / "o.png"), "--steps": "2"}
    given = dict(zip(arguments[::2], arguments[1::2], strict=False))
    rest = [] if given else arguments
    flat = [part for pair in {**standard, **given}.items() for part in pair]
    monkeypatch.setattr(sys, "argv", ["diffusion_core", "sample", *flat, *rest])
    assert main() == 2
    error = [x for x in capsys.readouterr().err.splitlines() if "step" not in x or "steps" in x]
    assert words in error[-1] and "Traceback" not in "".join(error)
    assert not (tmp_path / "o.png").exists()


def test_train_then_sample_and_go_on_after_an_interruption(tmp_path):
    arguments = [
        "--dataset",
        "fashion-mnist-2000",
        "--out",
        tmp_path / "m",
        "--channels",
        "32,32",
        "--blocks",
        1,
        "--batch-size",
        8,
        "--warmup-steps",
        1,
        "--decay-steps",
        1,
        "--precision",
        "fp32",
        "--save-every",
        2,
    ]
    assert cli("train", *arguments, "--steps", 2).returncode == 0
    done = cli("train", *arguments, "--steps", 4)
    assert done.returncode == 0, done.stderr
    checkpoint = load_checkpoint(tmp_path / "m")
    assert checkpoint.config.training["steps"] == 4
    assert "--dataset fashion-mnist-2000" in checkpoint.config.training["command"]
    (tmp_path / "m" / "model.safetensors").unlink()
    assert cli("train", *arguments, "--steps", 4).returncode == 0  # over already, and written anew
    load_checkpoint(tmp_path / "m")
    out = tmp_path / "o.png"
    done = cli("sample", "--model", tmp_path / "m", "--num", 1, "--steps", 2, "--out", out)
    assert done.returncode == 0 and out.exists()
    evaluated = cli("evaluate", "--model", tmp_path / "m")
    assert evaluated.returncode == 2 and "test set" in evaluated.stderr


def test_a_training_is_logged_for_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    done = cli(
        "train",
        "--dataset",
        "fashion-mnist-2000",
        "--out",
        tmp_path / "run",
        "--steps",
        3,
        "--batch-size",
        4,
        "--channels",
        "32,32",
        "--log",
        "tensorboard",
    )
    assert done.returncode == 0, done.stderr
    events = (tmp_path / "run" / "logs").rglob("events.*")
    (folder,) = {file.parent for file in events if file.parent.name == "train"}
    events = EventAccumulator(str(folder)).Reload()
    assert [e.step for e in events.Scalars("loss")] == [1, 2, 3]


def test_a_training_that_is_told_to_stop_saves_first(tmp_path):
    arguments = [
        "train",
        "--dataset",
        "fashion-mnist-2000",
        "--out",
        tmp_path,
        "--channels",
        "32,32",
        "--blocks",
        1,
        "--batch-size",
        8,
        "--steps",
        100000,
        "--save-every",
        100000,
    ]
    with started_python("diffusion_core", arguments) as run:
        wait_for(lambda: "2/100000" in run.stderr or not run.process.is_alive())  # a step is done
        run.send_signal(signal.SIGTERM)
        assert run.wait() == 130, run.stderr
        assert "Stopped" in run.stderr and "Traceback" not in run.stderr
    with safe_open(tmp_path / "state.safetensors", "pt") as file:
        assert int(file.metadata()["step"]) >= 2


def write_idx(folder: Path) -> None:
    """The embedded pictures in the files and format of the whole set."""
    data = load_dataset("fashion-mnist-2000")
    head = (2051).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in (2000, 28, 28))
    labels = data.labels.to(torch.uint8).numpy().tobytes()
    for part in ("train", "t10k"):
        pictures = gzip.compress(head + data.pictures.tobytes())
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(pictures)
        numbers = gzip.compress((2049).to_bytes(4, "big") + (2000).to_bytes(4, "big") + labels)
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(numbers)


def test_evaluate_measures_the_rows_asked_for_and_writes_results_and_card(tmp_path, monkeypatch):
    write_idx(tmp_path)
    monkeypatch.setenv("FASHION_MNIST_DIR", str(tmp_path))
    folder = save_tiny(tmp_path / "m", dataset="fashion-mnist")
    (folder / "README.md").unlink()
    rows = ["--rows", "ddim 10; dpmpp_2m 10, karras; heun 10", "--precision", "bf16"]
    done = cli("evaluate", "--model", folder, "--num", 20, *rows)
    assert done.returncode == 0, done.stderr
    card = (folder / "README.md").read_text(encoding="utf-8")
    table = [line for line in card.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0].strip("| ") for line in table[1:]] == [
        "training images",
        "training images, 3×3 blur",
        "plain noise",
        "ddim 10",
        "dpmpp_2m 10, karras",
        "heun 10",
    ]
    assert "| 18 |" in table[-1] and "in bf16" in card
    assert load_checkpoint(folder).weights_hash[:12] in card
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert found["format"] == "diffusion-playground/results-1"
    assert found["weights"] == load_checkpoint(folder).weights_hash
    assert found["conditions"]["precision"] == "bf16"
    assert [(r["sampler"], r["num_steps"], r["spacing"]) for r in found["samplers"]] == [
        ("ddim", 10, "trailing"),
        ("dpmpp_2m", 10, "karras"),
        ("heun", 10, "trailing"),
    ]
    wrong = cli("evaluate", "--model", folder, "--rows", "ddim 7")
    assert wrong.returncode == 2 and "There is no row 'ddim 7'" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dataset", "/nowhere"], "no data set or folder"),
        (["--channels", "a,b"], "whole numbers"),
        (["--channels", "48,33"], "multiple of"),
        (["--schedule", "odd"], "no schedule"),
        (["--prediction", "odd"], "prediction_type"),
        (["--learning-rate", "0"], "learning_rate"),
        (["--attention", "no,maybe"], "attention must be yes or no for each level"),
        (["--attention-up", "yes"], "attention must say yes or no for each of the channels"),
    ],
)
def test_bad_input_to_train_is_one_sentence_and_exit_code_2(
    arguments, words, tmp_path, capsys, monkeypatch
):
    from diffusion_core.__main__ import main

    standard = {"--dataset": "fashion-mnist-2000", "--out": str(tmp_path / "m")}
    given = dict(zip(arguments[::2], arguments[1::2], strict=False))
    flat = [part for pair in {**standard, **given}.items() for part in pair]
    monkeypatch.setattr(sys, "argv", ["diffusion_core", "train", *flat])
    assert main() == 2
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error
