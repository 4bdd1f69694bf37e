"""Walks on a borrowed GPU, with a stand-in that forks and pickles as ZeroGPU does."""

import dataclasses
import threading

import pytest
import torch
from conftest import last, save_tiny
from fakespaces import Spaces

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.generation import InitialImage, Recording, SamplingRequest, SamplingRun
from tabs.shared import gpu, models
from tabs.shared.pace import TimedRun

SLOW = 1.0  # seconds of one evaluation, as if
SETTINGS = SamplingRequest(num_images=2, label="Bag", num_steps=6, seed=3)


@pytest.fixture
def spaces(monkeypatch):
    stand_in = Spaces()
    monkeypatch.setattr(gpu, "spaces", stand_in)
    monkeypatch.setattr(gpu, "BORROWED", True)
    monkeypatch.setattr(gpu, "computed", gpu.borrowed(gpu.computed))
    monkeypatch.setattr(models, "evaluation_seconds_of", lambda checkpoint, pictures=1: SLOW)
    monkeypatch.setattr(gpu, "_PACES", {})
    yield stand_in
    assert not any(process.is_alive() for process in stand_in.processes)


def recorded(checkpoint, walk, given=None, **options):
    record = Recording(checkpoint, walk, given, walker=models.walker(checkpoint), **options)
    frames = list(record.run())
    return record, frames


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sampler": "ddpm"},
        {"sampler": "heun"},
        {"sampler": "dpmpp_2m"},
        {"guidance_scale": 3.0},
        {"seed_to": 9},
    ],
    ids=str,
)
def test_the_same_walk_comes_over_as_arrays(spaces, tiny_folder, changes):
    checkpoint = load_checkpoint(tiny_folder)
    walk = dataclasses.replace(SETTINGS, **changes)
    record, frames = recorded(checkpoint, walk)
    assert len(spaces.processes) == 1 and len(spaces.yielded) == 6
    here = Recording(checkpoint, walk)
    for frame, other in zip(frames, here.run(), strict=True):
        assert (frame.index, frame.t, frame.nfe, frame.weights) == (
            other.index,
            other.t,
            other.nfe,
            other.weights,
        )
        assert frame.pictures.keys() == other.pictures.keys()
    torch.testing.assert_close(record.result, here.result, atol=1e-3, rtol=0)
    # What is kept is what a branch goes on from.
    for index, moment in here.moments.items():
        torch.testing.assert_close(record.moments[index].x_t, moment.x_t, atol=1e-3, rtol=0)
        for ours, theirs in zip(record.moments[index].states, moment.states, strict=True):
            assert torch.equal(ours, theirs)


def test_pictures_and_holes_go_over_too(spaces, tiny_folder):
    checkpoint = load_checkpoint(tiny_folder)
    picture, mask = torch.linspace(-1, 1, 784).reshape(1, 1, 28, 28), torch.ones(1, 1, 28, 28)
    mask[..., :14] = 0
    for walk, given in (
        (dataclasses.replace(SETTINGS, t_start=600), InitialImage(picture)),
        (dataclasses.replace(SETTINGS, resample=2), InitialImage(picture, mask)),
    ):
        record, _ = recorded(checkpoint, walk, given)
        here = last(SamplingRun(checkpoint, walk, given)).x_prev
        torch.testing.assert_close(record.result, here, atol=1e-3, rtol=0)
    assert len(spaces.processes) == 2


def test_a_branch_goes_on_over_there(spaces, tiny_folder):
    checkpoint = load_checkpoint(tiny_folder)
    parent, _ = recorded(checkpoint, SETTINGS)
    branch = dataclasses.replace(
        SETTINGS, parent=SETTINGS, branch_step=3, sampler="dpmpp_2m", num_images=2
    )
    record, _ = recorded(checkpoint, branch, parent=parent)
    here = last(SamplingRun(checkpoint, branch)).x_prev
    torch.testing.assert_close(record.result, here, atol=1e-3, rtol=0)


def test_a_stop_ends_the_other_process(spaces, tiny_folder):
    checkpoint = load_checkpoint(tiny_folder)
    walk = dataclasses.replace(SETTINGS, num_steps=800)
    record = Recording(checkpoint, walk, walker=models.walker(checkpoint))
    sign = threading.Event()
    frames = record.run(sign.is_set)
    next(frames)
    assert spaces.processes[0].is_alive()
    sign.set()
    assert list(frames) == [] and record.result is None
    assert not spaces.processes[0].is_alive() and len(spaces.yielded) < 100


def test_the_time_asked_for_follows_from_the_steps_and_the_measured_pace(spaces, tiny_folder):
    checkpoint = load_checkpoint(tiny_folder)
    recorded(checkpoint, dataclasses.replace(SETTINGS, num_steps=100))
    guessed = gpu.START + 200 * gpu.GUESS * SLOW
    assert spaces.durations == [pytest.approx(guessed)]
    pace = gpu._PACES[str(tiny_folder)]
    assert 0 < pace < 1
    recorded(checkpoint, SETTINGS)
    assert spaces.durations[1] == pytest.approx(gpu.START + 12 * pace)
    long = dataclasses.replace(SETTINGS, num_images=16, num_steps=1000)
    assert models.walker(checkpoint)(checkpoint, long)._seconds <= gpu.MOST


def test_what_is_soon_done_is_computed_here(spaces, tiny_folder, monkeypatch):
    monkeypatch.setattr(models, "evaluation_seconds_of", lambda checkpoint, pictures=1: 0.01)
    checkpoint = load_checkpoint(tiny_folder)
    recorded(checkpoint, SETTINGS)
    assert spaces.processes == [] and gpu.home() == torch.device("cpu")


def test_a_model_that_was_trained_meanwhile_is_read_from_its_files(spaces, tmp_path):
    folder = save_tiny(tmp_path / "mine", seed=1)
    first, _ = recorded(load_checkpoint(folder), SETTINGS)
    save_tiny(folder, seed=2)
    second, _ = recorded(load_checkpoint(folder), SETTINGS)
    assert (first.result - second.result).abs().max() > 0.01


def test_without_the_package_nothing_is_borrowed():
    def function():
        pass

    assert gpu.borrowed(function) is function and not gpu.BORROWED
    assert models.walker(None) is TimedRun


@pytest.mark.parametrize("what", ["network", "tensor", "lock"])
def test_what_is_no_name_nor_array_could_not_go_over(tiny_folder, what):
    def takes(value):
        yield what

    thing = {
        "network": load_checkpoint(tiny_folder),
        "tensor": torch.zeros(1),
        "lock": threading.Lock(),
    }[what]
    with pytest.raises(TypeError, match="pickle"):
        list(Spaces().GPU(duration=lambda *_: 1)(takes)(thing))
