"""The mathematics at its limits: the last value that is taken, the first that is refused, defaults.

Most tests of a formula stay far from its ends. These were written for mutants of the core that the
others let live; see mutants.py.
"""

import inspect
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from diffusion_core import denoiser, inpainting, process, samplers
from diffusion_core.samplers import Interval, sample, step_weights
from diffusion_core.schedule import (
    NoiseSchedule,
    make_schedule,
    schedule_from_log_snr,
    spaced_timesteps,
)

LINEAR = make_schedule("linear")


def refused(words, function, *arguments, **options):
    with pytest.raises(ValueError, match=words):
        function(*arguments, **options)


def smooth(x, t):
    return torch.tanh(0.8 * x + 0.3 * x.roll(1, -1)) * (0.3 + 0.6 * float(t[0]) / 1000)


def start(*shape):
    g = torch.Generator().manual_seed(0)
    return torch.randn(*(shape or (2, 1, 4, 4)), generator=g, dtype=torch.float64)


def walk(*, x=None, on=LINEAR, **options):
    options.setdefault("generator", torch.Generator().manual_seed(5))
    return list(sample(smooth, start() if x is None else x, on, **options))


def test_the_number_of_steps_is_a_whole_number_from_1_to_T():
    assert spaced_timesteps(10, 1) == [9]
    assert spaced_timesteps(10, 10) == spaced_timesteps(10, 10.0) == [*range(9, -1, -1)]
    for bad in (0, 11, 2.5, True, -1):
        refused(f"whole number from 1 to 10, got {bad}", spaced_timesteps, 10, bad)


def test_t_start_is_a_whole_number_from_0_to_T_minus_1():
    assert spaced_timesteps(10, 4, t_start=0) == [0]
    assert spaced_timesteps(10, 4, t_start=9) == spaced_timesteps(10, 4, t_start=9.0)
    assert spaced_timesteps(10, 10, t_start=2) == [2, 1, 0]
    for bad in (-1, 10, 2.5, False, True):
        refused(f"whole number from 0 to 9, got {bad}", spaced_timesteps, 10, 4, t_start=bad)


def test_spacings_of_small_schedules_are_these():
    assert spaced_timesteps(10, 3) == [9, 6, 2]
    assert spaced_timesteps(10, 3, "leading") == [6, 3, 0]
    assert spaced_timesteps(10, 4, "linspace") == [9, 6, 3, 0]
    assert spaced_timesteps(10, 1, "linspace") == [0]
    assert spaced_timesteps(10, 3, "leading", t_start=7) == [7, 2, 0]
    refused("goes by a schedule", spaced_timesteps, 10, 3, "karras")


@pytest.mark.parametrize("N", [1, 2, 7, 1000])
@pytest.mark.parametrize("t_start", [None, 0, 5, 600])
def test_karras_visits_no_timestep_twice_and_takes_the_nearest(N, t_start):
    steps = LINEAR.timesteps(N, "karras", t_start)
    assert len(steps) == min(N, 1000 if t_start is None else t_start + 1)
    assert all(a > b for a, b in zip(steps, [*steps[1:], -1], strict=True))
    if t_start is not None:
        assert steps[0] == t_start
    log_sigma = -LINEAR.log_snr(torch.arange(1000)).numpy() / 2
    if N == 7 and t_start is None:
        lowest, highest = max(0.002, math.exp(log_sigma[0])), min(80, math.exp(log_sigma[-1]))
        wanted = np.linspace(highest ** (1 / 7), lowest ** (1 / 7), 7) ** 7
        assert steps == [int(np.abs(log_sigma - math.log(s)).argmin()) for s in wanted]


def test_betas_are_2_to_10_000_numbers_above_0_and_at_most_1():
    assert len(NoiseSchedule([0.1, 0.2])) == 2 and len(NoiseSchedule([1e-4] * 10_000)) == 10_000
    assert NoiseSchedule([0.5, 1.0]).alpha_bar(1) == 0
    assert NoiseSchedule([0.5, 0.5]).alpha_bar(1) == 0.25
    for bad in ([0.1], [1e-4] * 10_001, [[0.1, 0.2]]):
        refused("a vector of 2 to 10000 numbers", NoiseSchedule, bad)
    for bad in ([0.0, 0.1], [-0.1, 0.1], [0.1, 1.1], [1.0, 1.0], [1.0, 0.5], [math.nan, 0.1]):
        refused("only the last may be 1", NoiseSchedule, bad)
    refused("above 1.2e-16", NoiseSchedule, [1e-17, 0.1])
    for field in (LINEAR.betas, LINEAR.alphas, LINEAR.alphas_cumprod):
        assert field.dtype == torch.float64 and field.device.type == "cpu"
    with pytest.raises(AttributeError):
        LINEAR.betas = None
    assert LINEAR != make_schedule("linear")  # compared as objects, not tensor by tensor
    assert repr(NoiseSchedule([0.1, 0.2])).count("tensor") == 1


def test_a_timestep_is_an_integer_from_minus_1_to_T_minus_1():
    assert LINEAR.alpha_bar(-1) == 1 and LINEAR.alpha_bar(torch.tensor([-1, 999])).shape == (2,)
    assert LINEAR.alpha_bar(torch.zeros(0, dtype=torch.int64)).shape == (0,)
    for bad in (-2, 1000, torch.tensor([0, 1000]), torch.tensor([-2, 5])):
        refused(r"in \[-1, 999\], got", LINEAR.alpha_bar, bad)
    refused("got -2 to 5", LINEAR.alpha_bar, torch.tensor([-2, 5]))
    for bad in (0.0, True, 1j):
        refused("must be an integer", LINEAR.alpha_bar, bad)
    for variance in (LINEAR.transition_variance, LINEAR.posterior_variance):
        refused("t_prev must be less", variance, 5, 5)
        refused("t_prev must be less", variance, torch.tensor([5, 5]), torch.tensor([4, 5]))
    torch.testing.assert_close(LINEAR.transition_variance(5, 4), LINEAR.betas[5])
    assert LINEAR.posterior_variance(5, -1) == 0
    assert LINEAR.log_snr(-1) == math.inf


def test_parameters_of_schedules_end_where_they_end():
    make_schedule("cosine", s=0)
    make_schedule("sigmoid", start=-1e-3, end=0, tau=1e-3)
    make_schedule("scaled_linear", beta_start=1e-12, beta_end=1e-4)
    for bad in (-1e-9, math.inf, math.nan):
        refused("offset s", make_schedule, "cosine", s=bad)
    for bad in (
        {"start": 3.0},
        {"start": 4.0},
        {"tau": 0},
        {"tau": -1.0},
        {"tau": math.inf},
        {"start": -math.inf},
        {"end": math.inf},
    ):
        refused("start < end and tau > 0", make_schedule, "sigmoid", **bad)
    for bad in ({"beta_start": -1e-9}, {"beta_end": -1e-9}):
        refused("between 0 and 1", make_schedule, "scaled_linear", **bad)
    refused("only the last", make_schedule, "scaled_linear", beta_start=0)
    for bad in (1, 10_001):
        refused(f"from 2 to 10000, got {bad}", make_schedule, "linear", bad)
    for bad in (True, 2.5):
        refused("whole number", make_schedule, "linear", bad)
    assert len(make_schedule("linear", 2.0)) == 2 and len(make_schedule("linear", 10_000)) == 10_000
    refused("takes beta_start, beta_end", make_schedule, "linear", s=1)
    refused("has no parameter 'T'", make_schedule, "linear", T=5)


def test_schedules_are_the_formulas_of_their_papers():
    u = torch.arange(51, dtype=torch.float64) / 50
    level = torch.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
    want = (1 - level[1:] / level[:-1]).clamp(max=0.999)
    torch.testing.assert_close(make_schedule("cosine", 50).betas, want)
    assert make_schedule("cosine", 50).betas[-1] == 0.999
    curve = torch.sigmoid(6 * u - 3)
    level = (curve[-1] - curve) / (curve[-1] - curve[0])
    want = (1 - level[1:] / level[:-1]).clamp(max=0.999)
    torch.testing.assert_close(make_schedule("sigmoid", 50).betas, want)
    ramp = torch.linspace(0, 1, 50, dtype=torch.float64)
    torch.testing.assert_close(make_schedule("linear", 50).betas, 1e-4 + ramp * 0.0199)
    root = 0.01 + ramp * (0.02**0.5 - 0.01)
    torch.testing.assert_close(make_schedule("scaled_linear", 50).betas, root**2)
    want = torch.sigmoid(12 * ramp - 6) * 0.0199 + 1e-4
    torch.testing.assert_close(make_schedule("sigmoid_beta", 50).betas, want)
    smallest = torch.finfo(torch.float64).eps
    assert float(make_schedule("sigmoid", 10_000, start=-3000, end=0.0).betas[0]) == smallest


def test_zero_terminal_snr_keeps_the_first_step_and_ends_in_noise():
    zero = make_schedule("linear", zero_terminal_snr=True)
    assert zero.betas[-1] == 1 and zero.alpha_bar(999) == 0 and zero.alpha_bar(998) > 0
    torch.testing.assert_close(zero.betas[0], LINEAR.betas[0])
    root = LINEAR.alphas_cumprod.sqrt()
    want = (root - root[-1]) * root[0] / (root[0] - root[-1])
    torch.testing.assert_close(zero.alphas_cumprod[:-1], want[:-1] ** 2)
    held = make_schedule("linear", 10_000, zero_terminal_snr=True)
    assert float(held.betas[:-1].min()) >= torch.finfo(torch.float64).eps
    assert float(held.betas[:-1].max()) <= 1 - 1e-6


def test_a_drawn_schedule_goes_through_its_points():
    drawn = schedule_from_log_snr([20.0, 2.0, 5.0, -20.0], 100)
    got = drawn.log_snr(torch.arange(100)).numpy()
    want = np.interp(np.arange(100), [0, 33, 66, 99], [20, 2, 2, -20])
    assert np.abs(got[:90] - want[:90]).max() < 1e-5  # then the betas end at 0.999
    assert (np.diff(got) < 0).all()  # level parts fall a little too
    assert len(schedule_from_log_snr([1, -1])) == 1000
    assert float(schedule_from_log_snr([5.0, -20.0], 2).betas[-1]) == 0.999
    refused("at least two points", schedule_from_log_snr, [1.0])
    for bad in (20.001, -20.001, math.nan, math.inf):
        refused(r"in \[-20, 20\]", schedule_from_log_snr, [bad, -20.0])


def test_one_timestep_serves_all_and_a_batch_has_one_each():
    x, eps = start(3, 2), start(3, 2).flip(0)
    one = process.q_sample(x, 5, eps, LINEAR)
    for t in (torch.tensor(5), torch.tensor([5]), torch.tensor([5, 5, 5])):
        assert torch.equal(process.q_sample(x, t, eps, LINEAR), one)
        assert torch.equal(process.q_step(x, t, eps, LINEAR), process.q_step(x, 5, eps, LINEAR))
    beta = LINEAR.betas[5]
    want = (1 - beta).sqrt() * x + beta.sqrt() * eps
    torch.testing.assert_close(process.q_step(x, 5, eps, LINEAR), want)
    process.q_sample(x, 0, eps, LINEAR)
    for bad in (torch.tensor([5, 5]), torch.tensor([[5]])):
        refused("one timestep an image: got .* for 3 images", process.q_sample, x, bad, eps, LINEAR)
    refused("at least 0, got -1", process.q_sample, x, -1, eps, LINEAR)
    refused("at least 0, got -1", process.q_sample, x, torch.tensor([5, -1, 5]), eps, LINEAR)
    refused("floating point", process.q_sample, x.long(), 5, eps.long(), LINEAR)
    empty = x[:0]
    none = torch.zeros(0, dtype=torch.int64)
    assert process.q_sample(empty, none, empty, LINEAR).shape == (0, 2)
    for f in (process.posterior_mean,):
        refused("Shapes", f, x, 5, 4, x[:2], LINEAR)
    for f in (process.x0_from_v, process.eps_from_v, process.predict_eps, process.predict_v):
        refused("Shapes", f, x, 5, x[:2], LINEAR)
    for t, t_prev in ((5, 5), (5, -2), (5, 6)):
        refused(r"t_prev must lie in \[-1, t\)", process.posterior_weights, t, t_prev, LINEAR)
    assert process.posterior_weights(0, -1, LINEAR)[0] == 1


def test_slerp_goes_round_in_equal_angles_and_straight_where_there_is_no_angle():
    a, b = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    angles = torch.tensor([0.0, math.pi / 6, math.pi / 3, math.pi / 2])
    want = 2 * torch.stack([angles.cos(), angles.sin()], 1)
    torch.testing.assert_close(process.slerp(a, b, 4), want)
    torch.testing.assert_close(process.slerp(a, 2 * a, 3)[1], 1.5 * a[0])
    assert process.slerp(a, b, 4).dtype == torch.float32
    beside = torch.tensor([[3**0.5, 1.0]])  # at 30 degrees
    torch.testing.assert_close(process.slerp(a, beside, 3).norm(dim=1), torch.full((3,), 2.0))
    behind = torch.tensor([[-1.0, 3**0.5]])  # at 120 degrees
    torch.testing.assert_close(process.slerp(a, behind, 3)[1], torch.tensor([1.0, 3**0.5]))
    near = torch.tensor([[2.0, 2.4e-4]])  # an angle of 1.2e-4
    torch.testing.assert_close(process.slerp(a, near, 3)[1], (a + near)[0] / 2)
    g = torch.Generator().manual_seed(0)
    for same in torch.randn(50, 1, 7, generator=g, dtype=torch.float64):  # of some the cosine is
        assert process.slerp(same, same, 3).isfinite().all()  # more than 1, by rounding
    images = start(1, 1, 4, 4)
    assert process.slerp(images, images.flip(3), 5).shape == (5, 1, 4, 4)


DEFAULTS = {  # as the design promises them
    sample: {
        "schedule": None,
        "sampler": "ddim",
        "num_steps": 50,
        "eta": 0.0,
        "spacing": "trailing",
        "t_start": None,
        "timesteps": None,
        "before": None,
        "clip_x0": True,
        "threshold": "static",
        "variance": "posterior",
        "generator": None,
    },
    inpainting.inpaint: {
        "schedule": None,
        "sampler": "ddim",
        "num_steps": 50,
        "eta": 1.0,
        "spacing": "trailing",
        "resample": 1,
        "clip_x0": True,
        "threshold": "static",
        "variance": "posterior",
    },
    samplers.take_step: {
        "eta": 0.0,
        "variance": "posterior",
        "before": None,
        "clip_x0": True,
        "threshold": "static",
        "noise": None,
    },
    step_weights: {"eta": 0.0, "variance": "posterior", "t_before": None},
    Interval: {"eta": 0.0, "variance": "posterior", "t_before": None},
    samplers.count_evaluations: {"resample": 1},
    make_schedule: {"num_train_timesteps": 1000, "zero_terminal_snr": False},
    schedule_from_log_snr: {"num_train_timesteps": 1000},
    spaced_timesteps: {"spacing": "trailing", "t_start": None, "log_snr": None},
    NoiseSchedule.timesteps: {"spacing": "trailing", "t_start": None},
    denoiser.estimate: {"threshold": "static"},
    denoiser.dynamic_threshold: {"percentile": 0.995},
    denoiser.as_denoiser: {"schedule": None},
    denoiser.network_output: {"y": None},
    denoiser.ModelDenoiser: {"y": None},
}


@pytest.mark.parametrize("function", DEFAULTS, ids=lambda f: f.__qualname__)
def test_defaults_are_those_that_are_promised(function):
    parameters = inspect.signature(function).parameters.values()
    found = {p.name: p.default for p in parameters if p.default is not p.empty}
    assert found == DEFAULTS[function]
    assert {k: type(v) for k, v in found.items()} == {
        k: type(v) for k, v in DEFAULTS[function].items()
    }


def test_what_a_walk_is_told_beside_its_data_is_told_by_name():
    functions = (sample, inpainting.inpaint, samplers.take_step, step_weights)
    for function in (*functions, samplers.count_evaluations):
        for p in inspect.signature(function).parameters.values():
            assert p.kind is not p.POSITIONAL_ONLY
            if p.default is not p.empty and p.name != "schedule":
                assert p.kind is p.KEYWORD_ONLY, (function, p.name)


@pytest.mark.parametrize("timesteps", [[5, 5], [5, 6], [5, -1], []])
def test_timesteps_of_a_walk_descend_to_0_or_above(timesteps):
    refused("must descend, and end at 0 or above", walk, timesteps=timesteps)
    assert [s.t for s in walk(timesteps=[5, 0])] == [5, 0]


def test_eta_lies_from_0_to_1_and_belongs_to_ddim():
    for eta in (0, 0.5, 1):
        samplers.check_chance("ddim", eta, "beta")
    samplers.check_chance("ddpm", 1, "posterior")
    samplers.check_chance("ddpm", 0, "posterior")
    samplers.check_chance("heun", 0, "posterior")
    for eta in (-0.001, 1.001, math.nan):
        refused("between 0 and 1", samplers.check_chance, "ddim", eta, "posterior")
    refused("always adds all its noise", samplers.check_chance, "ddpm", 0.5, "posterior")
    for sampler in ("heun", "dpmpp_2m"):
        refused("adds no noise, so leave eta", samplers.check_chance, sampler, 1, "posterior")
    refused("no variance 'huge'", samplers.check_chance, "ddim", 0, "huge")
    refused("no threshold 'soft'", samplers.check_threshold, "soft")
    for known in ("static", "dynamic"):
        samplers.check_threshold(known)


def test_data_of_one_dimension_are_walked_with_and_none_is_refused():
    assert walk(x=start(3), num_steps=2)[-1].x_prev.shape == (3,)
    refused(r"must be float \(B, \.\.\.\)", walk, x=torch.zeros((), dtype=torch.float64))
    refused(r"must be float \(B, \.\.\.\)", walk, x=torch.zeros(3, dtype=torch.int64))


def test_a_step_alone_is_the_first_of_a_walk():
    known = denoiser.as_denoiser(smooth, LINEAR)
    for sampler, count in (("ddim", 1), ("heun", 2)):
        step = samplers.take_step(known, sampler, start(), 500, 400)
        assert (step.index, step.t, step.t_prev, step.nfe, step.noise) == (0, 500, 400, count, None)
        first = walk(sampler=sampler, timesteps=[500, 400])[0]
        assert torch.equal(step.x_prev, first.x_prev) and first.nfe == count


class Levels:
    """A schedule of given noise levels, alpha 1."""

    def __init__(self, *levels):
        self.levels = torch.tensor([*levels, 0.0], dtype=torch.float64)

    def alpha(self, t):
        return torch.ones_like(self.sigma(t))

    def sigma(self, t):
        return self.levels[torch.as_tensor(t)]


def test_heun_gives_way_to_euler_where_the_level_falls_more_than_twentyfold_from_above_1():
    levels = Levels(0.01, 0.1, 1.0, 2.0, 2.1)
    pairs = {(2, 0): True, (3, 1): True, (4, 1): False, (4, 2): True, (4, 0): False, (1, -1): False}
    for (t, t_prev), applies in pairs.items():
        assert bool(samplers.heun_applies(t, t_prev, levels)) == applies, (t, t_prev)
    both = samplers.heun_applies(torch.tensor([4, 3]), torch.tensor([1, 1]), levels)
    assert both.tolist() == [False, True]


def test_noise_is_injected_in_every_step_but_the_last():
    for sampler, eta in (("ddpm", 0.0), ("ddim", 0.3), ("dpmpp_2m_sde", 0.0)):
        inside = step_weights(sampler, 10, 0, LINEAR, eta=eta)
        assert inside["noise"] > 0 and "noise" not in step_weights(sampler, 10, -1, LINEAR, eta=eta)
    assert "noise" not in step_weights("ddim", 10, 0, LINEAR)
    small, large = (
        step_weights("ddpm", 10, 0, LINEAR, variance=v)["noise"] for v in ("posterior", "beta")
    )
    assert large == float(LINEAR.transition_variance(10, 0).sqrt()) > small
    assert small == float(LINEAR.posterior_variance(10, 0).sqrt())
    w = step_weights("ddim", 10, 0, LINEAR, eta=0.5)
    assert w["noise"] == pytest.approx(small / 2)
    along = float(LINEAR.noise_variance(0)) - small**2 / 4
    assert w["eps_hat"] == pytest.approx(along**0.5)
    assert w["x0_hat"] == pytest.approx(float(LINEAR.alpha(0)))


def test_the_line_through_two_x0_hat_has_their_distance_in_log_snr():
    for sampler in ("dpmpp_2m", "dpmpp_2m_sde"):
        one = step_weights(sampler, 500, 300, LINEAR)
        two = step_weights(sampler, 500, 300, LINEAR, t_before=800)
        at = {t: float(LINEAR.log_snr(t)) for t in (300, 500, 800)}
        half = (at[300] - at[500]) / (at[500] - at[800]) / 2
        assert two["x0_hat"] == pytest.approx(one["x0_hat"] * (1 + half))
        assert two["x0_before"] == pytest.approx(-one["x0_hat"] * half)
        assert step_weights(sampler, 500, -1, LINEAR, t_before=800) == step_weights(
            sampler, 500, -1, LINEAR
        )
        at_0 = step_weights(sampler, 500, 0, LINEAR, t_before=999)
        assert "x0_before" in at_0 and "x0_before" not in step_weights(sampler, 500, 0, LINEAR)
        assert "x0_before" in step_weights(sampler, 5, 1, LINEAR, t_before=6)
    zero = make_schedule("cosine", zero_terminal_snr=True)
    begun = step_weights("dpmpp_2m", 500, 300, zero, t_before=999)  # from SNR 0
    assert begun == step_weights("dpmpp_2m", 500, 300, zero)


def test_evaluations_of_repeated_steps_are_counted_and_the_last_step_is_not_repeated():
    count = samplers.count_evaluations
    assert count("ddim", [500, 0, -1], LINEAR, resample=3) == 4
    assert count("ddim", [500, 0], LINEAR, resample=3) == 3
    assert count("heun", [500, 300, 200, -1], LINEAR) == 5
    assert count("heun", [999, 0, -1], LINEAR) == 2  # a step of Euler's, and the last
    assert count("dpmpp_2m", [-1], LINEAR) == 0


def test_what_the_registry_says_of_each_sampler():
    said = {
        s: (r.order, r.injects_noise(0), r.injects_noise(0.1), r.injects_noise(1), r.fixed_eta)
        for s in samplers.SAMPLERS
        for r in [samplers.sampler_named(s)]
    }
    assert said == {
        "ddpm": (1, True, True, True, 1.0),
        "ddim": (1, False, True, True, None),
        "heun": (2, False, False, False, 0.0),
        "dpmpp_2m": (2, False, False, False, 0.0),
        "dpmpp_2m_sde": (2, True, True, True, 0.0),
    }
    for name in samplers.SAMPLERS:  # the formulas name the pictures that the weights have
        record = samplers.sampler_named(name)
        eta = 1.0 if name == "ddim" else 0.0
        first = record.weights(Interval(500, 300, LINEAR, eta))
        later = record.weights(Interval(500, 300, LINEAR, eta, t_before=600))
        shown = [set(terms) for terms in record.terms]
        assert set(first) in shown and set(later) in shown
    assert inpainting.INPAINTING_SAMPLERS == ("ddim", "ddpm")
    with pytest.raises(AttributeError):
        samplers.sampler_named("ddim").order = 3


class Both:
    """A denoiser that predicts both, on a schedule of its own where it has one."""

    def __init__(self, own=None):
        if own is not None:
            self.schedule = own

    def predict(self, x_t, t):
        return x_t / 2, x_t / 3


def test_any_denoiser_becomes_one_that_knows_its_schedule():
    other, x, t = make_schedule("cosine"), start(), torch.tensor([300, 300])
    refused("knows no schedule", denoiser.as_denoiser, smooth)
    own = Both(LINEAR)
    assert denoiser.as_denoiser(own) is denoiser.as_denoiser(own, LINEAR) is own
    for known in (denoiser.as_denoiser(own, other), denoiser.as_denoiser(Both(), other)):
        assert known.schedule is other and torch.equal(known(x, t), x / 2)
        assert torch.equal(known.predict(x, t)[1], x / 3)
    eps = denoiser.as_denoiser(smooth, LINEAR)
    moved = denoiser.as_denoiser(eps, other)
    for known, on in ((eps, LINEAR), (moved, other)):
        assert known.schedule is on and torch.equal(known(x, t), smooth(x, t))
        want = process.predict_x0(x, t, smooth(x, t), on)
        torch.testing.assert_close(known.predict(x, t), (smooth(x, t), want))
    zero = make_schedule("cosine", zero_terminal_snr=True)
    blind = denoiser.as_denoiser(smooth, zero)
    refused("zero terminal SNR", denoiser.check_terminal_snr, blind, 999)
    denoiser.check_terminal_snr(blind, 998)
    denoiser.check_terminal_snr(denoiser.as_denoiser(Both(), zero), 999)


def test_x0_hat_is_clipped_to_the_limit_that_is_given():
    x, known = 3 * start(), denoiser.as_denoiser(Both(), LINEAR)
    plain = x / 3
    assert float(plain.abs().max()) > 1
    assert torch.equal(denoiser.estimate(known, x, 300, 0)[1], plain)
    assert torch.equal(denoiser.estimate(known, x, 300, 0)[0], x / 2)
    for limit in (True, 1, 0.5, 2):
        eps_hat, x0_hat = denoiser.estimate(known, x, 300, limit)
        assert torch.equal(x0_hat, plain.clamp(-limit, limit))
        torch.testing.assert_close(eps_hat, process.predict_eps(x, 300, x0_hat, LINEAR))
        scaled = denoiser.estimate(known, x, 300, limit, "dynamic")[1]
        torch.testing.assert_close(scaled, limit * denoiser.dynamic_threshold(plain / limit))


def test_a_condition_is_for_the_batch_or_one_for_each_image():
    def labels(y):
        return denoiser.ModelDenoiser(None, LINEAR, "epsilon", y).labels(torch.tensor([3, 4]))

    assert labels(None) is None and labels(0).tolist() == [0, 0] and labels(7).tolist() == [7, 7]
    assert labels(torch.tensor([1, 2])).tolist() == [1, 2]
    assert labels(torch.tensor([1])).tolist() == [1]
    assert labels(torch.tensor([[1, 5]])).tolist() == [[1, 5], [1, 5]]
    assert labels(torch.tensor([[1, 5], [2, 6]])).tolist() == [[1, 5], [2, 6]]


def test_the_exact_denoiser_takes_floats_of_one_shape_and_a_timestep_for_each():
    images = start(5, 2)
    for bad in (torch.tensor(1.0), images.long(), images[:0], images[:, :0]):
        refused("images must be float|at least one image", denoiser.ExactDenoiser, bad, LINEAR)
    exact, x = denoiser.ExactDenoiser(images, LINEAR), start(3, 2)
    one = exact.predict(x, 5)[1]
    for t in (torch.tensor([5]), torch.tensor([5, 5, 5])):
        assert torch.equal(exact.predict(x, t)[1], one)
    refused("one timestep an image: got", exact.predict, x, torch.tensor([5, 5]))
    refused("one timestep an image: got", exact.predict, x, torch.tensor([[5, 5, 5]]))
    refused("Images must be float", exact.predict, x[:, :1], 5)
    refused("Images must be float", exact.predict, x.long(), 5)
    index, far = exact.nearest(images[[3, 1]] + torch.tensor([0.03, 0.04]))
    assert index.tolist() == [3, 1] and index.dtype == torch.int64
    torch.testing.assert_close(far, torch.full((2,), 0.05 / 2**0.5, dtype=torch.float64))
    assert exact.nearest(images.float())[1].max() < 1e-6
    assert torch.equal(exact.image(index), images[[3, 1]])
    one_image = denoiser.ExactDenoiser(torch.ones(1, dtype=torch.float64), LINEAR)
    assert one_image.predict(torch.zeros(2, dtype=torch.float64), 5)[1].tolist() == [1, 1]


def fill(x0, mask, x=None, **options):
    options.setdefault("generator", torch.Generator().manual_seed(5))
    x = torch.zeros_like(x0) if x is None else x
    return list(inpainting.inpaint(smooth, x0, mask, x, LINEAR, num_steps=2, **options))


def test_a_mask_has_one_channel_for_images_and_the_data_s_own_shape_for_others():
    images, ones = start(2, 3, 4, 4), torch.ones(2, 1, 4, 4)
    for mask in (ones, ones[:1], ones.bool(), ones.long()):
        assert torch.equal(fill(images, mask)[-1].x_prev, images)
    for bad in (torch.ones(2, 3, 4, 4), torch.ones(3, 1, 4, 4), torch.ones(2, 4, 4)):
        refused(r"The mask must be \(1, 1, 4, 4\) or \(2, 1, 4, 4\)", fill, images, bad)
    points = start(4, 2)
    for mask in (torch.ones(4, 2), torch.ones(1, 2)):
        assert torch.equal(fill(points, mask)[-1].x_prev, points)
    refused(r"The mask must be \(1, 2\) or \(4, 2\)", fill, points, torch.ones(4, 1))
    assert torch.equal(fill(points[:, 0], torch.ones(4))[-1].x_prev, points[:, 0])
    for bad in (0.5, 2.0, -1.0, math.nan):
        refused("hold only 1", fill, points, torch.full((4, 2), bad))
    refused("x_start must be float", fill, points, torch.ones(4, 2), points.long())
    refused("x_start must be float", fill, points, torch.ones(4, 2), torch.tensor(0.0))
    refused("one shape, dtype and device", fill, points, torch.ones(4, 2), points[:2])
    refused("one shape, dtype and device", fill, points, torch.ones(4, 2), points.float())


def test_resample_is_a_whole_number_of_at_least_1():
    points, ones = start(4, 2), torch.ones(4, 2)
    assert [len(fill(points, ones, resample=n)) for n in (1, 1.0, 3)] == [2, 2, 4]
    steps = fill(points, torch.zeros(4, 2), x=start(4, 2), spacing="leading", resample=3, eta=0.0)
    assert [(s.index, s.t, s.t_prev, s.nfe) for s in steps] == [
        (0, 500, 0, 1),
        (1, 500, 0, 2),
        (2, 500, 0, 3),
        (3, 0, -1, 4),
    ]
    generator = torch.Generator().manual_seed(5)
    z = [torch.randn(4, 2, generator=generator, dtype=torch.float64) for _ in range(2)][1]
    ratio = LINEAR.alpha(500) / LINEAR.alpha(0)
    back = ratio * steps[0].x_prev + LINEAR.transition_variance(500, 0).sqrt() * z
    torch.testing.assert_close(steps[1].x_t, back)
    assert steps[3].x_t is steps[2].x_prev
    for bad in (0, -1, 1.5, math.inf, math.nan, True, False):
        refused("resample must be a whole number of at least 1", fill, points, ones, resample=bad)
    for bad in ("heun", "euler"):
        refused("Only ddim and ddpm can inpaint", fill, points, ones, sampler=bad)
    refused("no threshold", fill, points, ones, threshold="soft")
    refused("eta must lie", fill, points, ones, eta=1.5)


class Network:
    """Gives the condition of each image, or x_t times what it is told of the time."""

    def __init__(self, **changes):
        known = {"num_classes": 4, "null_label": True, "time_embedding": "positional"}
        self.config = SimpleNamespace(**{**known, **changes})

    def __call__(self, x_t, t, y=None):
        if y is None:
            return x_t * t.reshape(-1, 1, 1, 1)
        return torch.zeros_like(x_t) + y.reshape(-1, 1, 1, 1)


def test_guidance_goes_from_the_null_label_beyond_the_condition():
    x, t = start(), torch.tensor([300, 700])
    conditional = denoiser.ModelDenoiser(Network(), LINEAR, "epsilon", torch.tensor([2, 3]))
    for scale, wanted in ((1.0, (2, 3)), (0.0, (4, 4)), (3.0, (-2, 1))):
        eps = torch.tensor(wanted, dtype=x.dtype).reshape(2, 1, 1, 1).expand_as(x)
        guided = denoiser.ClassifierFreeGuidance(conditional, scale)
        assert guided.schedule is LINEAR and torch.equal(guided(x, t), eps)
        torch.testing.assert_close(guided.predict(x, t)[1], process.predict_x0(x, t, eps, LINEAR))
    for network, y in (
        (Network(), None),
        (Network(num_classes=None), 2),
        (Network(null_label=False), 2),
    ):
        plain = denoiser.ModelDenoiser(network, LINEAR, "epsilon", y)
        refused("Guidance needs a label", denoiser.ClassifierFreeGuidance, plain, 2.0)


def test_a_network_of_noise_levels_is_told_their_logarithm_and_divided_by_them():
    x, t = start(), torch.tensor([3, 700])
    fourier, plain = Network(time_embedding="fourier"), Network()
    seen = denoiser.network_output(fourier, fourier.config, x, t)
    times = t.reshape(2, 1, 1, 1).float()
    torch.testing.assert_close(seen, x * times.log() / times)
    assert torch.equal(
        denoiser.network_output(plain, plain.config, x, t), x * t.reshape(2, 1, 1, 1)
    )
    assert torch.equal(denoiser.ModelDenoiser(plain, LINEAR, "epsilon")(x, t), x * times)
