"""train --init: what a checkpoint is, is taken over where no option says otherwise."""

import json
import sys

import pytest
import torch
from conftest import save_tiny
from fakehub import hub
from PIL import Image
from twins import pipeline

from diffusion_core.__main__ import main
from diffusion_core.checkpoint import load_checkpoint

__all__ = ["hub"]  # the fixture
FEW = ["--steps", "1", "--batch-size", "2", "--precision", "fp32", "--warmup-steps", "0"]


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(4):
        Image.new("RGB", (24, 24), (60 * i, 90, 200)).save(folder / f"{i}.png")
    return folder


@pytest.fixture
def train(monkeypatch, tmp_path):
    def run(*arguments, out="out"):
        words = [
            "diffusion_core",
            "train",
            "--out",
            str(tmp_path / out),
            *FEW,
            *map(str, arguments),
        ]
        monkeypatch.setattr(sys, "argv", [str(word) for word in words])
        return main()

    return run


@pytest.mark.parametrize("name", ["x0-prediction", "attention resampled by resnet"])
def test_a_pipeline_of_diffusers_is_trained_further(name, hub, train, pictures, tmp_path):
    pipeline(name).save_pretrained(tmp_path / "theirs")
    hub.add("google/some", tmp_path / "theirs")
    known = load_checkpoint("google/some")
    assert train("--dataset", pictures, "--init", "google/some", "--learning-rate", "1e-9") == 0
    made = load_checkpoint(tmp_path / "out")
    assert made.config.unet.image_size == known.config.unet.image_size == (16, 16)
    assert made.config.unet.channels == known.config.unet.channels
    assert made.config.prediction_type == known.config.prediction_type
    assert made.config.schedule == known.config.schedule
    assert torch.equal(made.schedule.betas, known.schedule.betas)
    for mine, theirs in zip(made.unet.parameters(), known.unet.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=2e-3, atol=1e-4)  # kept in half precision


def test_what_options_say_goes_before_what_is_there(train, pictures, tmp_path, capsys):
    pipeline("x0-prediction").save_pretrained(tmp_path / "theirs")
    init = ("--dataset", pictures, "--init", tmp_path / "theirs")
    said = ("--size", 24, "--prediction", "v_prediction", "--schedule", "cosine")
    assert train(*init, *said) == 0
    made = load_checkpoint(tmp_path / "out").config
    assert made.unet.image_size == (24, 24) and made.prediction_type == "v_prediction"
    assert made.schedule == {"name": "cosine", "num_train_timesteps": 1000}
    assert train(*init, "--channels", "16,32,64", out="no") == 2
    words = "its channels is (16, 32, 32), and (16, 32, 64) is asked for"
    assert words in capsys.readouterr().err
    assert train(*init, "--size", 30, out="no") == 2
    assert "multiples of 4" in capsys.readouterr().err
    assert train("--dataset", "fashion-mnist-2000", *init[2:], out="no") == 2
    assert "pictures of 1 channels, and the network" in capsys.readouterr().err
    pipeline("attention resampled by resnet").save_pretrained(tmp_path / "betas")
    init = ("--dataset", pictures, "--init", tmp_path / "betas")
    assert train(*init, "--timesteps", 50, out="no") == 2
    assert "a list of 1000 betas" in capsys.readouterr().err
    assert not (tmp_path / "no" / "config.json").exists()


def test_a_run_goes_on_though_what_it_began_with_is_gone(train, tmp_path):
    """Classes are those of the pictures; the null label is added to what had none."""
    save_tiny(tmp_path / "first")
    init = ("--dataset", "fashion-mnist-2000", "--init", tmp_path / "first", "--save-every", "1")
    assert train(*init) == 0
    made = load_checkpoint(tmp_path / "out").config
    first = load_checkpoint(tmp_path / "first").config
    assert made.unet == first.unet and made.prediction_type == "v_prediction"
    (tmp_path / "first" / "config.json").unlink()
    assert train(*init, "--steps", "2") == 0
    steps = json.loads((tmp_path / "out" / "config.json").read_text())["training"]["steps"]
    assert steps == 2
