"""The encoding of timesteps as the network computes it, and what a wrong one does."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from conftest import TINY, wake

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.data import load_dataset
from diffusion_core.denoiser import ClassifierFreeGuidance, ModelDenoiser, network_output
from diffusion_core.inspection import (
    ToldTimestep,
    timestep_encoding,
    told_denoiser,
    wrong_time_curve,
)
from diffusion_core.process import q_sample
from diffusion_core.schedule import make_schedule
from diffusion_core.unet import UNet

ROOT = Path(__file__).parents[1] / "pretrained"
DATA = {"fashion-mnist": "fashion-mnist-2000", "avatars": "avatars-3000"}
FOURIER = dataclasses.replace(TINY, time_embedding="fourier", num_classes=None)
TIMES = (300, 500, 800)


def seen_by(unet, t, x=None):
    """What goes into the two linear layers and what comes out, in a whole forward pass."""
    seen = {}

    def look(module, inputs, output):
        seen.update(features=inputs[0], embedding=output)

    hook = unet.time_embedding.register_forward_hook(look)
    x = torch.zeros(len(t), *unet.config.sample_shape) if x is None else x
    with torch.inference_mode():
        network_output(unet, unet.config, x, t)
    hook.remove()
    return seen


@pytest.mark.parametrize("config", [TINY, FOURIER], ids=["positional", "fourier"])
def test_the_encoding_is_that_of_a_forward_pass(config):
    unet, t = wake(UNet(config)).eval(), torch.tensor([1, 7, 400, 999])
    found, seen = timestep_encoding(unet, t), seen_by(unet, t)
    assert torch.equal(found.features, seen["features"])
    assert torch.equal(found.embedding, seen["embedding"])
    same = found.similarity()
    torch.testing.assert_close(same.diagonal(), torch.ones(4))
    torch.testing.assert_close(same, same.T)
    cos = torch.nn.functional.cosine_similarity(found.embedding[0], found.embedding[2], dim=0)
    torch.testing.assert_close(same[0, 2], cos)


@pytest.mark.parametrize("config", [TINY, FOURIER], ids=["positional", "fourier"])
def test_only_the_encoding_is_told_the_wrong_time(config):
    """What the network gets is t'; what its output is taken to mean, and its scale, is of t."""
    unet, schedule = wake(UNet(config)).eval(), make_schedule("cosine")
    x_t, t = torch.randn(2, 1, 28, 28), torch.tensor([300, 300])
    honest = ModelDenoiser(unet, schedule, "v_prediction")
    wrong = told_denoiser(honest, 900)
    given = []
    hook = unet.register_forward_hook(lambda module, inputs, output: given.append(inputs[1]))
    with torch.inference_mode():
        _, x0_hat = wrong.predict(x_t, t)
    hook.remove()
    fourier = config.time_embedding == "fourier"
    told = torch.full((2,), 900)
    assert torch.equal(given[0], torch.log(told.float()) if fourier else told)
    with torch.inference_mode():
        output = unet(x_t, given[0]) / (300 if fourier else 1)
    alpha, sigma = schedule.alpha(300), schedule.sigma(300)
    torch.testing.assert_close(x0_hat, (alpha * x_t - sigma * output).float())
    with torch.inference_mode():
        for mine, its in zip(
            told_denoiser(honest, 300).predict(x_t, t), honest.predict(x_t, t), strict=True
        ):
            assert torch.equal(mine, its)


def test_a_guided_network_is_told_the_same_for_both_halves():
    unet, schedule = wake(UNet(TINY)).eval(), make_schedule("cosine")
    x_t, t = torch.randn(3, 1, 28, 28), torch.full((3,), 100)
    told = torch.tensor([5, 500, 950])
    guided = ClassifierFreeGuidance(
        ModelDenoiser(ToldTimestep(unet, told), schedule, "sample", 4), 2.0
    )
    with torch.inference_mode():
        both = guided.predict(x_t, t)[1]
        for i, each in enumerate(told.tolist()):
            alone = ClassifierFreeGuidance(
                ModelDenoiser(ToldTimestep(unet, each), schedule, "sample", 4), 2.0
            ).predict(x_t[i : i + 1], t[:1])[1]
            torch.testing.assert_close(both[i : i + 1], alone)


def test_the_curve_in_batches_is_that_of_single_evaluations():
    unet, schedule = wake(UNet(TINY)).eval(), make_schedule("cosine")
    x0, eps = torch.rand(3, 1, 28, 28) * 2 - 1, torch.randn(3, 1, 28, 28)
    x_t, told = q_sample(x0, 400, eps, schedule), [0, 200, 400, 777, 999]
    denoiser = ModelDenoiser(unet, schedule, "v_prediction", torch.tensor([1, 2, 3]))
    found = wrong_time_curve(denoiser, x0, x_t, 400, told, batch_size=7, clip_x0=1)
    with torch.inference_mode():
        for each, error in zip(told, found, strict=True):
            x0_hat = told_denoiser(denoiser, each).predict(x_t, torch.full((3,), 400))[1]
            torch.testing.assert_close(error, (x0_hat.clamp(-1, 1) - x0).double().square().mean())


def shipped_curve(name, t, pictures, count):
    """(t', error, distance in log-SNR) of a shipped model, over its own pictures."""
    checkpoint, data = load_checkpoint(ROOT / name), load_dataset(DATA[name])
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(data), generator=generator)[:pictures]
    x0 = data.batch(chosen)[0]
    x_t = q_sample(x0, t, torch.randn(x0.shape, generator=generator), checkpoint.schedule)
    told = sorted({*torch.linspace(0, 999, count).round().int().tolist(), t})
    denoiser = checkpoint.denoiser(data.conditions(chosen))
    errors = wrong_time_curve(denoiser, x0, x_t, t, told)
    at = torch.tensor(told)
    return at, errors, (checkpoint.schedule.log_snr(at) - checkpoint.schedule.log_snr(t)).abs()


def check_lowest_at(name, t, pictures, count):
    told, errors, apart = shipped_curve(name, t, pictures, count)
    at = errors[told == t]
    assert at <= 1.02 * errors.min()
    assert bool((errors[apart >= 4] > 1.3 * at).all()) and bool((apart >= 4).any())


@pytest.mark.parametrize("t", TIMES)
@pytest.mark.parametrize("name", [*DATA])
def test_a_shipped_model_does_best_when_it_is_told_the_truth(name, t):
    check_lowest_at(name, t, pictures=8, count=7)


@pytest.mark.long
@pytest.mark.parametrize("t", TIMES)
@pytest.mark.parametrize("name", [*DATA])
def test_a_shipped_model_does_best_when_it_is_told_the_truth_at_length(name, t):
    check_lowest_at(name, t, pictures=32, count=25)


def test_little_noise_is_seen_without_being_told_where_x0_is_predicted():
    """Told 0 at t = 100, 6.6 in log-SNR away: 5 times the error with v, nearly the same with x0."""
    for name, least, most in (("fashion-mnist", 3.0, 10.0), ("avatars", 0.9, 1.2)):
        told, errors, apart = shipped_curve(name, 100, 8, 2)
        assert apart[0] > 6 and least < errors[0] / errors[told == 100] < most
