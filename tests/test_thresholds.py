"""Clipping x0_hat by each image's own range (Imagen, section 2.3)."""

import dataclasses

import pytest
import torch
from conftest import last

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.denoiser import PERCENTILE, as_denoiser, dynamic_threshold, estimate
from diffusion_core.generation import RunCard, SamplingRequest, walk
from diffusion_core.inpainting import inpaint
from diffusion_core.process import predict_eps
from diffusion_core.samplers import SAMPLERS, sample
from diffusion_core.schedule import make_schedule

SCHEDULE = make_schedule("cosine")


def test_the_hand_computed_case():
    """Of 0, ±1, ±2, ±3, ±4 the 75th percentile of the size is 3: divide by it, then clip."""
    x = torch.tensor([0.0, 1, -1, 2, -2, 3, -3, 4, -4]).reshape(1, 1, 3, 3)
    wanted = torch.tensor([0, 1 / 3, -1 / 3, 2 / 3, -2 / 3, 1, -1, 1, -1]).reshape(1, 1, 3, 3)
    torch.testing.assert_close(dynamic_threshold(x, 0.75), wanted)
    # sizes 0 1 1 2 2 3 3 4 4: rank 0.8 · 8 = 6.4 lies between 3 and 4
    torch.testing.assert_close(dynamic_threshold(x, 0.8).max(), torch.tensor(1.0))
    torch.testing.assert_close(dynamic_threshold(x, 0.8)[0, 0, 0, 1], torch.tensor(1 / 3.4))


def test_an_image_within_the_range_stays_and_one_does_not_touch_the_other():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(3, 3, 8, 8, generator=g)
    x[0] = x[0].clamp(-1, 1) / 2
    x[2] *= 5
    y = dynamic_threshold(x)
    assert torch.equal(y[0], x[0]) and float(y.abs().max()) == 1
    for i in range(3):
        assert torch.equal(dynamic_threshold(x[i : i + 1])[0], y[i])
    assert PERCENTILE == 0.995
    inside = float((y[2].abs() < 1).float().mean())
    assert inside > 0.98  # static clipping leaves a fifth of it
    assert float((x[2].clamp(-1, 1).abs() < 1).float().mean()) < 0.25


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_percentile_is_of_floats_whatever_the_images_are(dtype):
    x = (torch.linspace(-4, 4, 192).reshape(1, 3, 8, 8)).to(dtype)
    y = dynamic_threshold(x)
    assert y.dtype == dtype
    s = torch.quantile(x.double().abs().flatten(), 0.995)
    tight = 1e-12 if dtype == torch.float64 else 2e-2 if dtype == torch.bfloat16 else 1e-6
    wanted = (x.double() / s).clamp(-1, 1)
    torch.testing.assert_close(y.double(), wanted, atol=tight, rtol=tight)


def wild(x_t, t):
    return -8 * torch.ones_like(x_t) + 3 * x_t


def test_eps_is_derived_again_from_what_was_scaled():
    x_t = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    known = as_denoiser(wild, SCHEDULE)
    eps, x0 = estimate(known, x_t, 600, True, "dynamic")
    plain = estimate(known, x_t, 600, False)[1]
    torch.testing.assert_close(x0, dynamic_threshold(plain))
    torch.testing.assert_close(eps, predict_eps(x_t, torch.tensor([600, 600]), x0, SCHEDULE))
    static = estimate(known, x_t, 600, True)[1]
    assert torch.equal(static, plain.clamp(-1, 1)) and not torch.allclose(static, x0)
    free = estimate(known, x_t, 600, False, "dynamic")[1]
    assert torch.equal(free, plain)  # where nothing is clipped, nothing is scaled


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_heeds_it_in_every_evaluation(sampler):
    x = torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(2))

    def steps(threshold):
        generator = torch.Generator().manual_seed(3)
        return list(
            sample(
                wild,
                x,
                SCHEDULE,
                sampler=sampler,
                num_steps=4,
                threshold=threshold,
                generator=generator,
            )
        )

    static, dynamic = steps("static"), steps("dynamic")
    assert not torch.allclose(static[1].x0_hat, dynamic[1].x0_hat)
    for step in dynamic:
        assert float(step.x0_hat.abs().max()) <= 1
    if sampler == "heun":
        first = dynamic[1]
        trial = sample(
            wild, first.x_t, SCHEDULE, timesteps=[first.t, first.t_prev], threshold="dynamic"
        )
        there = [*trial][1].eps_hat
        half = first.weights["eps_there"]
        rest = first.x_prev - first.weights["x_t"] * first.x_t - half * first.eps_hat
        torch.testing.assert_close(rest, half * there, atol=1e-4, rtol=1e-4)


def test_filling_in_heeds_it_too():
    x = torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    ends = []
    for threshold in ("static", "dynamic"):
        steps = inpaint(
            wild,
            x * 0,
            x * 0,
            x,
            SCHEDULE,
            num_steps=3,
            threshold=threshold,
            generator=torch.Generator().manual_seed(0),
        )
        ends.append(last(steps).x_prev)
    assert not torch.allclose(*ends)


def test_a_walk_and_its_card_carry_it_and_others_are_as_they_were(tiny_folder):
    checkpoint = load_checkpoint(tiny_folder)
    static = SamplingRequest(num_images=1, label=3, num_steps=3, guidance_scale=8.0)
    dynamic = dataclasses.replace(static, threshold="dynamic")
    ends = [last(walk(checkpoint, w)).x_prev for w in (static, dynamic)]
    assert not torch.allclose(*ends)
    card = RunCard.of(checkpoint, dynamic, None, ends[1])
    assert RunCard.from_json(card.to_json()).walk == dynamic
    assert "threshold" not in RunCard.of(checkpoint, static, None, ends[0]).to_json()


def test_another_threshold_is_refused_in_one_sentence():
    x = torch.zeros(1, 1, 4, 4)
    with pytest.raises(ValueError, match=r"static or dynamic\.$"):
        next(sample(wild, x, SCHEDULE, num_steps=2, threshold="odd"))
    with pytest.raises(ValueError, match=r"static or dynamic\.$"):
        next(inpaint(wild, x, x, x, SCHEDULE, threshold="odd", generator=torch.Generator()))
    with pytest.raises(ValueError, match=r"static, dynamic\.$"):
        SamplingRequest(threshold="odd")
    with pytest.raises(ValueError, match="static, dynamic"):
        RunCard.from_json(
            '{"format": "diffusion-playground/run-1", "model": "m", "weights": "", "schedule": {},'
            '"walk": {"threshold": "odd"}, "versions": {}, "result": ""}'
        )
