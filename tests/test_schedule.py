import math

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_ddpm import rescale_zero_terminal_snr as diffusers_rescale
from hypothesis import example, given, settings
from hypothesis import strategies as st

from diffusion_core.schedule import (
    FLOW,
    SCHEDULES,
    SPACINGS,
    NoiseSchedule,
    make_schedule,
    spaced_timesteps,
)

names = st.sampled_from(SCHEDULES)
lengths = st.integers(2, 10_000)


@given(name=names, T=lengths, zero=st.booleans())
@example(name="linear", T=10_000, zero=True)
@example(name="sigmoid_beta", T=10_000, zero=True)
@settings(deadline=None, max_examples=60)
def test_alpha_bar_falls_and_every_number_is_usable(name, T, zero):
    s = make_schedule(name, T, zero_terminal_snr=zero)
    assert len(s) == T and s.betas.dtype == torch.float64
    ab = s.alphas_cumprod
    tiny = torch.finfo(torch.float32).tiny
    falls = ab[1:] < ab[:-1]
    held = ab[1:] == tiny  # held at float32's smallest normal number
    assert bool((falls | held).all())
    assert bool(((ab > 0) & (ab < 1))[:-1].all())
    assert bool((ab[:-1].float() > 0).all())
    assert (ab[-1] == 0) if zero or name == FLOW else (ab[-1] >= tiny)
    snr = s.log_snr(torch.arange(T - 1))
    assert bool(torch.isfinite(snr).all())


def test_alpha_bar_at_the_ends_and_of_tensors():
    s = make_schedule("cosine")
    assert s.alpha_bar(-1) == 1.0
    assert s.log_snr(-1) == math.inf
    t = torch.tensor([[0, 999], [-1, 5]])
    torch.testing.assert_close(
        s.alpha_bar(t),
        torch.tensor([[s.alphas_cumprod[0], s.alphas_cumprod[999]], [1.0, s.alphas_cumprod[5]]]),
        rtol=0,
        atol=0,
    )
    for bad in (-2, 1000, torch.tensor([3, 1000]), 1.5, True):
        with pytest.raises(ValueError):
            s.alpha_bar(bad)


def test_long_schedule_is_held_at_the_smallest_float32():
    s = make_schedule("linear", 10_000, beta_end=0.5)
    assert s.alphas_cumprod[-1] == torch.finfo(torch.float32).tiny
    assert float(s.alphas_cumprod[-1].float().rsqrt()) < math.inf


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("linear", "linear"),
        ("scaled_linear", "scaled_linear"),
        ("cosine", "squaredcos_cap_v2"),
        ("sigmoid_beta", "sigmoid"),
    ],
)
@pytest.mark.parametrize("T", [10, 1000])
def test_betas_agree_with_diffusers(ours, theirs, T):
    reference = DDPMScheduler(num_train_timesteps=T, beta_schedule=theirs)
    s = make_schedule(ours, T)
    torch.testing.assert_close(s.betas.float(), reference.betas, rtol=0, atol=1e-6)
    torch.testing.assert_close(
        s.alphas_cumprod.float(), reference.alphas_cumprod, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("name", ["linear", "scaled_linear", "cosine"])
def test_zero_terminal_snr_agrees_with_diffusers(name):
    plain, ours = make_schedule(name), make_schedule(name, zero_terminal_snr=True)
    theirs = diffusers_rescale(plain.betas)
    torch.testing.assert_close(ours.betas, theirs, rtol=0, atol=1e-6)
    assert ours.alphas_cumprod[-1] == 0
    torch.testing.assert_close(ours.alphas_cumprod[0], plain.alphas_cumprod[0])


def test_sigmoid_is_the_published_curve():
    """Jabri et al.: ᾱ from the unit-time curve, at (t + 1) / T."""
    T, start, end, tau = 50, -3.0, 3.0, 0.7
    s = make_schedule("sigmoid", T, start=start, end=end, tau=tau)

    def curve(u):
        return 1 / (1 + np.exp(-(u * (end - start) + start) / tau))

    u = (np.arange(T - 1) + 1) / T
    expected = (curve(1) - curve(u)) / (curve(1) - curve(0))
    np.testing.assert_allclose(s.alphas_cumprod[:-1].numpy(), expected, rtol=1e-9)


def test_posterior_variance_of_single_steps_and_strides():
    s = make_schedule("linear")
    t = torch.arange(1, 1000)
    ab, prev = s.alphas_cumprod[1:], s.alphas_cumprod[:-1]
    expected = (1 - prev) / (1 - ab) * s.betas[1:]
    torch.testing.assert_close(s.posterior_variance(t, t - 1), expected, rtol=1e-9, atol=1e-15)
    assert s.posterior_variance(10, -1) == 0
    assert s.posterior_variance(500, 100) > s.posterior_variance(101, 100)
    with pytest.raises(ValueError):
        s.posterior_variance(5, 5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_schedule("nope"),
        lambda: make_schedule("linear", 1),
        lambda: make_schedule("linear", 10_001),
        lambda: make_schedule("linear", 10.5),
        lambda: make_schedule("linear", s=1.0),
        lambda: make_schedule("linear", beta_end=1.5),
        lambda: make_schedule("linear", beta_start=float("nan")),
        lambda: make_schedule("cosine", s=-1.0),
        lambda: make_schedule("sigmoid", start=1.0, end=-1.0),
        lambda: NoiseSchedule(torch.tensor([0.1])),
        lambda: NoiseSchedule(torch.tensor([1.0, 0.5])),
        lambda: NoiseSchedule(torch.zeros(3, 3)),
        lambda: NoiseSchedule(torch.tensor([1e-17, 0.5])),
    ],
)
def test_bad_schedules_say_what_is_wrong(make):
    with pytest.raises(ValueError, match=r"\.$"):
        make()


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="linear, scaled_linear, cosine, sigmoid, sigmoid_beta"):
        make_schedule("quadratic")


@given(
    T=st.integers(2, 3000),
    data=st.data(),
    spacing=st.sampled_from(SPACINGS),
    name=st.sampled_from(SCHEDULES),
    zero=st.booleans(),
)
@settings(deadline=None)
def test_timesteps_descend_within_range_and_start_where_asked(T, data, spacing, name, zero):
    schedule = make_schedule(name, T, zero_terminal_snr=zero)
    N = data.draw(st.integers(1, T))
    t_start = data.draw(st.none() | st.integers(0, T - 1))
    steps = schedule.timesteps(N, spacing, t_start)
    assert len(steps) == (N if t_start is None else min(N, t_start + 1))
    assert all(a > b for a, b in zip(steps, steps[1:], strict=False))
    assert 0 <= steps[-1] and steps[0] <= T - 1
    if t_start is not None:
        assert steps[0] == t_start
    elif spacing == "trailing":
        assert steps[0] == T - 1
    elif spacing == "leading":
        assert steps[-1] == 0


def test_timesteps_follow_the_published_formulas():
    T, N = 1000, 7
    trailing = np.round(np.arange(T, 0, -T / N))[:N] - 1
    assert spaced_timesteps(T, N, "trailing") == trailing.astype(int).tolist()
    assert spaced_timesteps(T, N, "leading") == (np.arange(N) * (T // N))[::-1].tolist()
    linspace = np.round(np.linspace(0, T - 1, N))[::-1]
    assert spaced_timesteps(T, N, "linspace") == linspace.astype(int).tolist()


@pytest.mark.parametrize("name", ["cosine", "linear"])
def test_karras_timesteps_lie_evenly_in_the_seventh_root_of_sigma(name):
    schedule = make_schedule(name)
    sigma = (-schedule.log_snr(torch.arange(1000)) / 2).exp()
    steps = schedule.timesteps(10, "karras")
    lowest, highest = max(0.002, float(sigma[0])), min(80.0, float(sigma[-1]))
    wanted = np.linspace(highest ** (1 / 7), lowest ** (1 / 7), 10) ** 7
    for t, value in zip(steps, wanted, strict=True):
        there = (sigma.log() - np.log(value)).abs()
        assert there[t] == there.min()
    assert schedule.timesteps(1000, "karras") == list(range(999, -1, -1))
    with pytest.raises(ValueError, match="NoiseSchedule.timesteps"):
        spaced_timesteps(1000, 10, "karras")


def test_karras_timesteps_are_those_of_diffusers():
    schedule = make_schedule("linear")
    theirs = DPMSolverMultistepScheduler(beta_schedule="linear", use_karras_sigmas=True)
    sigma = (-schedule.log_snr(torch.arange(1000)) / 2).exp()
    last = int((sigma < 80).sum()) - 1  # diffusers begins at the noisiest of all, whatever it is
    wanted = theirs._convert_to_karras(sigma[: last + 1].flip(0), 20)
    timesteps = theirs._sigma_to_t(wanted, sigma.log().numpy()).round().astype(int)
    assert schedule.timesteps(20, "karras", last) == timesteps.tolist()


@pytest.mark.parametrize(
    "args", [(1000, 1001), (1000, 0), (1000, 2.5), (1000, 5, "odd"), (1000, 5, "trailing", 1000)]
)
def test_bad_spacings_say_what_is_wrong(args):
    with pytest.raises(ValueError, match=r"\.$"):
        spaced_timesteps(*args)
