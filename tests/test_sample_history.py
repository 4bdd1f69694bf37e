"""Training time and sampling time, and what is kept of both."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import TINY, wake

from diffusion_core.data import ImageDataset, grid, load_dataset, named, to_uint8
from diffusion_core.schedule import make_schedule
from diffusion_core.seeding import draw_noise
from diffusion_core.training import TrainConfig, draw_step
from diffusion_core.training_runs import (
    SampleHistory,
    TrainingPlan,
    TrainingProgress,
    load_history,
    milestones,
    save_history,
    step_seconds,
)
from diffusion_core.training_runs.cost import MEASURED
from diffusion_core.training_runs.history import HISTORY_FILE, MILESTONES, WALK_STEPS
from diffusion_core.unet import UNet, num_parameters

SCHEDULE = make_schedule("cosine", 100)


@pytest.fixture(scope="module")
def dataset():
    whole = load_dataset("fashion-mnist-2000")
    return ImageDataset("some", whole.pictures[:64], whole.labels[:64], whole.class_names)


def test_milestones_begin_with_nothing_learned_and_end_with_the_last_step():
    for total in (1, 5, 8, 9, 100, 1500, 40_000):
        steps = milestones(total)
        assert steps[0] == 0 and steps[-1] == total and steps == sorted(set(steps))
        assert len(steps) <= MILESTONES + 1
    ratios = np.diff(np.log(milestones(40_000)[8:]))
    assert ratios.max() / ratios.min() < 1.05


def test_the_same_noise_is_walked_again_and_the_networks_change_what_comes(dataset):
    growth = SampleHistory.of(dataset, SCHEDULE)
    unet = wake(UNet(TINY)).train()
    end = growth.add(0, unet, dataset, SCHEDULE, "v_prediction")
    assert unet.training
    growth.add(10, wake(unet, 1), dataset, SCHEDULE, "v_prediction")
    assert growth.steps == [0, 10] and len(growth.walks[0]) == WALK_STEPS + 1
    first = draw_noise((16, 1, 28, 28), [torch.Generator().manual_seed(i) for i in range(16)])
    for walk in growth.walks:
        assert (walk[0] == grid(to_uint8(first))).all()
    assert (growth.walks[0][-1] == grid(to_uint8(end))).all()
    assert (growth.walks[0][-1] != growth.walks[1][-1]).mean() > 0.1
    assert (growth.looks[0] != growth.looks[1]).mean() > 0.1
    assert growth.times == sorted(growth.times) and growth.noised.shape == (8, 28, 28, 1)
    far = [np.abs(a.astype(int) - b).mean() for a, b in zip(growth.clean, growth.noised)]  # noqa: B905
    assert far[0] < far[-1]


def test_a_milestone_is_replaced_and_cut(dataset):
    growth, unet = SampleHistory.of(dataset, SCHEDULE), wake(UNet(TINY))
    for step in (0, 5, 9, 9):
        growth.add(step, unet, dataset, SCHEDULE, "v_prediction")
    assert growth.steps == [0, 5, 9]
    growth.cut(5)
    assert growth.steps == [0, 5] and len(growth.walks) == len(growth.looks) == 2


def test_history_comes_back_and_a_broken_one_is_none(dataset, tmp_path):
    growth = SampleHistory.of(dataset, SCHEDULE)
    progress = TrainingProgress(
        50, 8, 100, step=3, loss=0.5, history=[(3, 0.5)], losses=[1.0, 0.7, 0.5]
    )
    save_history(tmp_path, progress, growth)
    assert load_history(tmp_path)[0] == progress and load_history(tmp_path)[1].steps == []
    growth.add(3, wake(UNet(TINY)), dataset, SCHEDULE, "v_prediction")
    save_history(tmp_path, progress, growth)
    _, again = load_history(tmp_path)
    assert again.steps == [3] and again.times == growth.times
    for name in ("clean", "noised"):
        assert (getattr(again, name) == getattr(growth, name)).all()
    for name in ("walks", "looks"):
        assert (getattr(again, name)[0] == getattr(growth, name)[0]).all()
    file = tmp_path / HISTORY_FILE
    file.write_bytes(file.read_bytes()[:1000])
    assert load_history(tmp_path) is None and load_history(tmp_path / "none") is None


def test_progress_forgets_what_a_resumed_run_does_again():
    progress = TrainingProgress(
        50, 8, 100, step=4, history=[(2, 0.9), (4, 0.8)], losses=[4.0, 3.0, 2.0, 1.0]
    )
    progress.cut(2)
    assert progress.step == 2 and progress.history == [(2, 0.9)] and progress.losses == [4.0, 3.0]
    progress.cut(10)
    assert progress.step == 2


def test_flipping_mirrors_half_of_the_pictures_and_changes_nothing_else(dataset):
    config = TrainConfig(batch_size=64)
    plain = draw_step(config, TINY, SCHEDULE, dataset, 3)
    flipped = draw_step(dataclasses.replace(config, flip=True), TINY, SCHEDULE, dataset, 3)
    for a, b in zip(plain[1:], flipped[1:], strict=True):
        assert torch.equal(a, b)
    same = [torch.equal(a, b) for a, b in zip(plain[0], flipped[0], strict=True)]
    other = [torch.equal(a.flip(2), b) for a, b in zip(plain[0], flipped[0], strict=True)]
    assert all(a or b for a, b in zip(same, other, strict=True))
    assert 16 < sum(other) < 48


def test_a_plan_comes_back_from_json(dataset):
    plan = TrainingPlan.for_data(
        dataset, TrainConfig(flip=True), {"name": "cosine"}, (32, 64), init="x/y"
    )
    assert TrainingPlan.from_json(plan.to_json()) == plan
    for text in ("", "[]", "{}", '{"train": {"what": 1}, "unet": {}}'):
        with pytest.raises(ValueError, match="no plan"):
            TrainingPlan.from_json(text)


def test_parameters_are_counted_without_making_the_network():
    assert num_parameters(TINY) == sum(p.numel() for p in UNet(TINY).parameters())
    huge = dataclasses.replace(TINY, channels=(2**16, 2**17))  # terabytes, were it made
    assert num_parameters(huge) > 10**12


def test_a_steps_time_is_measured_for_the_whole_batch():
    one, many = (step_seconds(TINY, b, "fp32", "cpu") for b in (2, 64))
    assert many > one > 0
    large = dataclasses.replace(  # attention would take minutes here
        TINY,
        image_size=(260, 260),
        patch_size=1,
        attention=(False, False),
        mid_attention=False,
    )
    assert MEASURED // 260**2 == 0  # so that one picture is measured
    assert step_seconds(large, 64, "fp32", "cpu") > 2 * many


@pytest.mark.parametrize("name", ["mnist", "kmnist", "cifar10"])
def test_torchvisions_sets_are_taken_in(name, monkeypatch):
    import torchvision.datasets

    colour, asked = name == "cifar10", {}

    class Known:
        def __init__(self, root, train, download):
            asked.update(root=root, train=train, download=download)
            data = np.arange(5 * 12, dtype=np.uint8)
            self.data = (
                data.reshape(5, 2, 2, 3) if colour else torch.tensor(data[:20].reshape(5, 2, 2))
            )
            self.targets = [3, 1, 4, 1, 5] if colour else torch.tensor([3, 1, 4, 1, 5])

    monkeypatch.setattr(torchvision.datasets, named.SETS[name][0], Known)
    d = load_dataset(name, split="test")
    assert d.shape == ((3 if colour else 1), 2, 2) and d.labels.tolist() == [3, 1, 4, 1, 5]
    assert len(d.class_names) == 10 and asked["train"] is False and asked["download"]
    assert d.pictures[1].ravel()[0] == (12 if colour else 4)

    def absent(*args, **options):
        raise RuntimeError("no network")

    monkeypatch.setattr(torchvision.datasets, named.SETS[name][0], absent)
    with pytest.raises(ValueError, match=f"{name} is not on this machine"):
        load_dataset(name)


def test_the_hash_of_a_data_set_tells_equal_names_apart(dataset):
    other = dataclasses.replace(dataset, pictures=dataset.pictures[::-1])
    relabelled = dataclasses.replace(dataset, labels=dataset.labels + 1)
    assert len({d.content for d in (dataset, other, relabelled)}) == 3
    assert dataclasses.replace(dataset, name="else").content == dataset.content
