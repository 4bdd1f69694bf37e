"""A training in a process of its own: the same bits, and neither's end is the other's."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.data import ImageDataset, load_dataset
from diffusion_core.files import write_text
from diffusion_core.training import TrainConfig
from diffusion_core.training_runs import (
    PLAN_FILE,
    Check,
    MilestoneReport,
    StepReport,
    TrainingEnded,
    TrainingPlan,
    TrainingRecord,
    keep_pictures,
    kept_run,
    load_history,
    record,
    record_apart,
)
from diffusion_core.training_runs.reports import ChecksReport, EndReport, from_line, to_line
from tabs.shared import errors

SETTINGS = TrainConfig(
    num_steps=9, batch_size=4, warmup_steps=2, decay_steps=2, precision="fp32", save_every=4
)
NOISE = {"name": "cosine", "num_train_timesteps": 50}
pytestmark = pytest.mark.usefixtures("cpu")


def a_run(folder: Path, **changes) -> Path:
    """A folder with a plan and pictures, as the page hands it over."""
    whole = load_dataset("fashion-mnist-2000")
    data = ImageDataset("some", whole.pictures[::40], whole.labels[::40], whole.class_names)
    plan = TrainingPlan(replace(SETTINGS, **changes), TINY, NOISE)
    keep_pictures(folder, data)
    write_text(folder / PLAN_FILE, plan.to_json())
    return folder


def test_reports_cross_with_every_bit_and_nothing_else_does():
    t, losses = torch.tensor([3, 49]), torch.tensor([0.1, float("nan")])
    step = from_line(to_line(StepReport(7, 0.1 + 0.2, 1e-3, t, losses)))
    assert (step.step, step.loss, step.seconds) == (7, 0.1 + 0.2, 1e-3)
    torch.testing.assert_close(step.losses, losses, rtol=0, atol=0, equal_nan=True)
    assert step.t.dtype == torch.int64 and step.t.tolist() == [3, 49]
    walk = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4, 1)
    seen = from_line(to_line(MilestoneReport(7, walk, walk[:1])))
    assert (seen.walk == walk).all() and seen.look.shape == (1, 3, 4, 1)
    checks = ChecksReport([Check("a", True, "b “c”")])
    assert from_line(to_line(checks)) == checks
    for line in (b"", b"[]", b"{}", b'["Popen", {}]', b'["StepReport", {"x": 1}]', b"\xff", b"1"):
        with pytest.raises(ValueError, match="no report"):
            from_line(line)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("Choose another."), "Choose another."),
        (FloatingPointError("Training diverged."), "Training diverged."),
        (OSError(28, "No space left on device"), errors.DISK_FULL),
        (MemoryError(), errors.OUT_OF_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), errors.OUT_OF_MEMORY),
        (KeyError("x"), "The training broke off (RuntimeError: 'x'); the last save is kept."),
        (TrainingEnded(-9), str(TrainingEnded(-9))),
    ],
)
def test_an_error_of_the_other_process_is_the_same_sentence(error, sentence):
    there = error if isinstance(error, TrainingEnded) else from_line(to_line(EndReport.of(error)))
    here = error if isinstance(error, TrainingEnded) else there.error
    assert errors.sentence_of(here, errors.TRAINING) == sentence
    assert EndReport().error is None


def test_apart_it_is_the_same_training_to_the_bit_and_a_stop_is_heard(tmp_path):
    here, there = a_run(tmp_path / "here"), a_run(tmp_path / "there")
    plan, data = kept_run(here)
    for _ in record(plan, data, here):
        pass
    stop, so_far = threading.Event(), TrainingRecord.of(plan, data, there)
    for report in record_apart(there, stop):
        so_far.take(report)
        if isinstance(report, StepReport) and report.step == 1:
            stop.set()
    assert 1 <= so_far.progress.step <= SETTINGS.num_steps
    for report in record_apart(there, threading.Event()):
        so_far.take(report)
    (ours, growth), (progress, _) = load_history(here), load_history(there)
    assert so_far.progress.losses == progress.losses == ours.losses
    assert so_far.progress.by_timestep == ours.by_timestep
    for a, b in zip(
        growth.walks,
        [so_far.growth.walks[so_far.growth.steps.index(s)] for s in growth.steps],
        strict=True,
    ):
        assert (a == b).all()
    assert load_checkpoint(here).weights_hash == load_checkpoint(there).weights_hash
