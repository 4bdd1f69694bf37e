"""A run as a whole: its checkpoints, its progress, what it takes."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import TINY, wake

from diffusion_core.checkpoint import load_checkpoint, save_checkpoint
from diffusion_core.data import ImageDataset, load_dataset
from diffusion_core.seeding import seeded
from diffusion_core.training import TrainConfig, TrainStep
from diffusion_core.training_runs import (
    TrainingPlan,
    TrainingProgress,
    beginning,
    fit,
    memory_of_training,
)
from diffusion_core.training_runs.history import LOSS_BINS
from diffusion_core.unet import UNet

NOISE = {"name": "cosine", "num_train_timesteps": 100}


@pytest.fixture(scope="module")
def dataset():
    whole = load_dataset("fashion-mnist-2000")
    return ImageDataset("some", whole.pictures[:64], whole.labels[:64], whole.class_names)


def plan(dataset, **options) -> TrainingPlan:
    config = TrainConfig(
        num_steps=6, batch_size=8, save_every=4, warmup_steps=2, decay_steps=0, precision="fp32"
    )
    return TrainingPlan.for_data(
        dataset, dataclasses.replace(config, **options), NOISE, (32, 32), blocks=1
    )


def test_a_checkpoint_is_there_at_every_save_and_at_the_end(dataset, tmp_path):
    steps = fit(plan(dataset), dataset, tmp_path / "run")
    seen = {}
    for step in steps:
        if (tmp_path / "run" / "config.json").exists():
            seen[step.step] = load_checkpoint(tmp_path / "run").config.training["steps"]
    assert seen == {4: 4, 5: 4, 6: 4}
    end = load_checkpoint(tmp_path / "run")
    assert end.config.training["steps"] == 6 and end.config.class_names == dataset.class_names
    (tmp_path / "run" / "config.json").unlink()
    assert list(fit(plan(dataset), dataset, tmp_path / "run")) == []
    again = load_checkpoint(tmp_path / "run")  # a run that was over leaves it too
    assert again.weights_hash == end.weights_hash


def test_leaving_early_keeps_what_was_reached(dataset, tmp_path):
    steps = fit(plan(dataset), dataset, tmp_path / "run")
    for _ in range(2):
        next(steps)
    steps.close()
    assert load_checkpoint(tmp_path / "run").config.training["steps"] == 2


def test_a_refused_run_touches_nothing(dataset, tmp_path):
    list(fit(plan(dataset), dataset, tmp_path / "run"))
    before = load_checkpoint(tmp_path / "run").weights_hash
    with pytest.raises(ValueError, match="seed = 0, not 1"):
        list(fit(plan(dataset, seed=1), dataset, tmp_path / "run"))
    assert load_checkpoint(tmp_path / "run").weights_hash == before


def test_a_run_can_begin_with_another_ones_weights(dataset, tmp_path):
    list(fit(plan(dataset), dataset, tmp_path / "first"))
    fine = dataclasses.replace(plan(dataset, learning_rate=1e-9), init=str(tmp_path / "first"))
    list(fit(fine, dataset, tmp_path / "second"))
    # It goes on from its state, also when what it began with is gone.
    gone = dataclasses.replace(fine, init=str(tmp_path / "gone"))
    assert list(fit(gone, dataset, tmp_path / "second")) == []
    with pytest.raises(ValueError, match="gone"):
        next(fit(gone, dataset, tmp_path / "third"))
    a, b = (load_checkpoint(tmp_path / n) for n in ("first", "second"))
    for x, y in zip(a.unet.parameters(), b.unet.parameters(), strict=True):
        torch.testing.assert_close(x, y, atol=1e-3, rtol=1e-3)
    other = dataclasses.replace(fine, unet=dataclasses.replace(fine.unet, channels=(32, 64)))
    with pytest.raises(ValueError, match="another shape"):
        list(fit(other, dataset, tmp_path / "third"))


def test_a_run_may_add_attention_to_what_it_begins_with_and_forgets_nothing(dataset, tmp_path):
    list(fit(plan(dataset), dataset, tmp_path / "first"))
    first = load_checkpoint(tmp_path / "first").unet
    wake(first)
    save_checkpoint(tmp_path / "first", first, plan(dataset).checkpoint_config(dataset, 1))
    first = load_checkpoint(tmp_path / "first").unet
    more = dataclasses.replace(first.config, attention_up=(True,) * len(first.config.channels))
    attending = dataclasses.replace(plan(dataset), unet=more, init=str(tmp_path / "first"))
    unet = beginning(attending).eval()
    assert len(unet.state_dict()) > len(first.state_dict())
    x, t = torch.randn(2, *dataset.shape, generator=seeded(0)), torch.tensor([3, 700])
    with torch.no_grad():
        torch.testing.assert_close(unet(x, t), first(x, t))
    # What attended cannot be dropped without a word.
    save_checkpoint(tmp_path / "more", unet, attending.checkpoint_config(dataset, 1))
    fewer = dataclasses.replace(plan(dataset), init=str(tmp_path / "more"))
    with pytest.raises(ValueError, match="another shape"):
        beginning(fewer)


def a_step(k, t, losses):
    return TrainStep(
        k, float(np.mean(losses)), torch.tensor(t), torch.tensor(losses), 1e-3, 1.0, 0.5, None, None
    )


def test_progress_tells_the_loss_of_each_timestep_apart():
    progress = TrainingProgress(total=1000, batch_size=4, T=100)
    for k in range(1, 400):
        progress.add(a_step(k, [2, 3, 97, 50], [0.9, 0.7, 0.01, 0.2]))
    assert progress.by_timestep[0] == pytest.approx(0.8)
    assert progress.by_timestep[LOSS_BINS - 1] == pytest.approx(0.01)
    assert progress.by_timestep[10] == pytest.approx(0.2)
    assert progress.by_timestep[5] is None
    assert progress.loss == pytest.approx(0.4525)
    assert progress.images_per_second == 8 and progress.seconds_left == 601 * 0.5


def test_the_first_steps_time_is_no_forecast_of_the_others():
    progress = TrainingProgress(total=1000, batch_size=4, T=100)
    slow = dataclasses.replace(a_step(1, [1], [1.0]), seconds=60.0)  # it warms up
    progress.add(slow)
    for k in (2, 3):
        progress.add(a_step(k, [1], [1.0]))
    assert progress.seconds == 0.5
    progress.add(dataclasses.replace(a_step(4, [1], [1.0]), seconds=2.0))
    assert progress.seconds == pytest.approx(1.0)  # the mean of three
    for k in range(5, 400):
        progress.add(a_step(k, [1], [1.0]))
    assert progress.seconds == pytest.approx(0.5, rel=0.01)


def test_progress_stays_small():
    progress = TrainingProgress(total=10_000, batch_size=1, T=100)
    for k in range(1, 9000):
        progress.add(a_step(k, [1], [1.0]))
    assert len(progress.history) <= 2001 and progress.history[-1][0] == 8999


def test_memory_grows_with_the_batch_by_what_one_image_keeps():
    unet = wake(UNet(TINY))
    weights = sum(p.numel() * 4 for p in unet.parameters())
    one, two, nine = (memory_of_training(unet, b) for b in (1, 2, 9))
    assert one > 5 * weights and nine - two == 7 * (two - one) > 7 * 28 * 28 * 4
