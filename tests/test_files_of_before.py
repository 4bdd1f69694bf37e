"""Files written before the code was laid out anew (at commit 324f09d) open, resume and replay.

They lie in tests/files_of_before: a training of 8 × 8 pixels, saved after 4 of its 6 steps, and
two walks of its network. `expected.npz` holds what the code of that commit computed from them.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import last
from safetensors import safe_open

from diffusion_core.checkpoint import load_checkpoint, save_checkpoint
from diffusion_core.data import ImageDataset
from diffusion_core.generation import RunCard, walk
from diffusion_core.training_runs import TrainingPlan, fit, load_history, save_history
from diffusion_core.training_runs.state import STATE_FILE

BEFORE = Path(__file__).parent / "files_of_before"
CARDS = {"walk": "run-card.json", "picture": "run-card-picture.json"}


@pytest.fixture
def expected():
    with np.load(BEFORE / "expected.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.fixture
def folder(tmp_path):
    """A copy, for what writes."""
    return Path(shutil.copytree(BEFORE, tmp_path / "run"))


def pixels() -> ImageDataset:
    """The data of that training."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (12, 8, 8, 1), generator=generator, dtype=torch.uint8)
    return ImageDataset("pixels", pictures.numpy(), torch.arange(12) % 3, ("red", "green", "blue"))


def keys(value):
    """The names in a JSON value, at every depth and in order."""
    if isinstance(value, dict):
        return [(name, keys(inner)) for name, inner in value.items()]
    return None


@pytest.mark.parametrize("kind", CARDS)
def test_a_run_card_replays_and_is_written_alike(kind, expected):
    text = (BEFORE / CARDS[kind]).read_text()
    card = RunCard.from_json(text)
    assert card.to_json() == text
    checkpoint = card.checkpoint([BEFORE.parent])
    assert checkpoint.weights_hash == card.weights
    result = last(walk(checkpoint, card.walk, card.given)).x_prev
    torch.testing.assert_close(result, torch.from_numpy(expected[kind]), atol=1e-4, rtol=1e-4)
    again = RunCard.of(checkpoint, card.walk, card.given, result)
    assert keys(json.loads(again.to_json())) == keys(json.loads(text))
    if again.versions == card.versions:  # the same machine, versions and threads: to the bit
        assert again.result == card.result


def test_a_checkpoint_opens_and_its_config_is_written_alike(tmp_path):
    checkpoint = load_checkpoint(BEFORE)
    assert checkpoint.config.class_names == ("red", "green", "blue")
    save_checkpoint(tmp_path / "again", checkpoint.unet, checkpoint.config)
    again = tmp_path / "again"
    assert (again / "config.json").read_text() == (BEFORE / "config.json").read_text()
    assert load_checkpoint(again).weights_hash == checkpoint.weights_hash


def test_a_plan_is_written_alike():
    text = (BEFORE / "plan.json").read_text()
    assert TrainingPlan.from_json(text).to_json() == text


def test_a_training_goes_on_where_it_was_left(folder, expected):
    plan = TrainingPlan.from_json((folder / "plan.json").read_text())
    steps = list(fit(plan, pixels(), folder))
    assert [step.step for step in steps] == [5, 6]
    np.testing.assert_allclose([step.loss for step in steps], expected["losses"], rtol=1e-4)
    assert load_checkpoint(folder).config.training["steps"] == 6
    told = []
    for path in (BEFORE / STATE_FILE, folder / STATE_FILE):
        with safe_open(str(path), framework="pt") as file:
            shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
            told.append((shapes, sorted(metadata), json.loads(metadata["settings"])))
    assert told[0] == told[1]


def test_a_history_opens_and_is_written_alike(tmp_path):
    progress, growth = load_history(BEFORE)
    assert progress.step == 4 and growth.steps == [2, 4] and len(progress.losses) == 4
    save_history(tmp_path, progress, growth)
    with np.load(BEFORE / "history.npz") as before, np.load(tmp_path / "history.npz") as now:
        assert sorted(before) == sorted(now)
        for name in before:
            assert (before[name] == now[name]).all(), name
