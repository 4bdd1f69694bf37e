"""Oracle, parity with diffusers, determinism, and the shape of a walk."""

import math

import diffusers
import pytest
import torch

from diffusion_core.process import predict_x0, q_sample
from diffusion_core.samplers import SAMPLERS, SamplerStep, sample, sampler_named, step_weights
from diffusion_core.schedule import SPACINGS, make_schedule
from diffusion_core.seeding import draw_noise

LINEAR = make_schedule("linear")
DETERMINISTIC = [name for name in SAMPLERS if not sampler_named(name).injects_noise(0)]


class GaussianOracle:
    """The best denoiser of data ~ N(mean, std²), in closed form."""

    def __init__(self, schedule, mean=0.3, std=0.4):
        self.schedule, self.mean, self.std = schedule, mean, std

    def __call__(self, x_t, t):
        a = self.schedule.alpha_bar(t).reshape(-1, 1, 1, 1)
        variance = a * self.std**2 + 1 - a
        return (1 - a).sqrt() * (x_t - a.sqrt() * self.mean) / variance

    def flow(self, x, t, t_end):
        """Where the exact probability flow takes x from t to t_end."""
        a, b = self.schedule.alpha_bar(t), self.schedule.alpha_bar(t_end)
        scale = ((b * self.std**2 + 1 - b) / (a * self.std**2 + 1 - a)).sqrt()
        return b.sqrt() * self.mean + scale * (x - a.sqrt() * self.mean)


def smooth_denoiser(x, t):
    """No model, but a smooth function of all that a denoiser may look at."""
    w = (t.to(x.dtype) / 1000).reshape(-1, 1, 1, 1)
    return torch.tanh(0.8 * x + 0.3 * x.roll(1, 3)) * (0.3 + 0.6 * w) + 0.1 * torch.sin(5 * w)


def walk(denoiser=smooth_denoiser, x=None, schedule=LINEAR, **options) -> list[SamplerStep]:
    if x is None:
        x = torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    options.setdefault("generator", torch.Generator().manual_seed(5))
    return list(sample(denoiser, x, schedule, **options))


@pytest.mark.parametrize(
    ("sampler", "eta", "steps"),
    [
        ("ddpm", 0.0, 1000),
        ("ddim", 1.0, 1000),
        ("ddim", 0.0, 100),
        ("heun", 0.0, 100),
        ("dpmpp_2m", 0.0, 100),
        ("dpmpp_2m_sde", 0.0, 100),
    ],
)
def test_every_sampler_lands_on_the_datas_mean_and_variance(sampler, eta, steps):
    oracle = GaussianOracle(LINEAR)
    g = torch.Generator().manual_seed(0)
    x = torch.randn(20_000, 1, 1, 1, generator=g, dtype=torch.float64)
    end = walk(oracle, x, sampler=sampler, num_steps=steps, eta=eta, clip_x0=False, generator=g)
    result = end[-1].x_prev
    assert abs(float(result.mean()) - 0.3) < 0.015
    assert abs(float(result.std()) - 0.4) < 0.015


@pytest.mark.parametrize("sampler", DETERMINISTIC)
@pytest.mark.parametrize("steps", [10, 25, 50])
@pytest.mark.parametrize("t_start", [None, 998, 989])
def test_few_steps_on_a_cosine_schedule_land_near_the_data(sampler, steps, t_start):
    """It begins at σ = 20,000, which a plain trapezoid in σ does not survive."""
    s = make_schedule("cosine")
    oracle = GaussianOracle(s, mean=0.0, std=0.5)
    x = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0], dtype=torch.float64).reshape(-1, 1, 1, 1)
    end = walk(oracle, x, s, sampler=sampler, num_steps=steps, t_start=t_start, clip_x0=False)
    torch.testing.assert_close(end[-1].x_prev, 0.5 * x, rtol=0.16, atol=1e-6)


def test_where_alpha_bar_is_held_no_sampler_breaks():
    s = make_schedule("linear", 10_000)
    for sampler in SAMPLERS:
        end = walk(GaussianOracle(s), schedule=s, sampler=sampler, num_steps=200)
        assert bool(torch.isfinite(end[-1].x_prev).all())


@pytest.mark.parametrize("sampler", DETERMINISTIC)
def test_error_at_a_fixed_t_falls_at_the_samplers_order(sampler):
    """From T - 1 to 0.1 T, where every one of these walks passes t = 99 exactly."""
    order = sampler_named(sampler).order
    oracle = GaussianOracle(LINEAR)
    x = torch.linspace(-2, 2, 9, dtype=torch.float64).reshape(-1, 1, 1, 1)
    exact, errors = oracle.flow(x, 999, 99), []
    for n in (50, 100, 200):
        steps = walk(oracle, x, sampler=sampler, num_steps=n, clip_x0=False)
        (at,) = [s for s in steps if s.t == 99]
        errors.append(float((at.x_t - exact).abs().max()))
    measured = [math.log2(a / b) for a, b in zip(errors, errors[1:], strict=False)]
    assert all(order - 0.3 < m < order + 0.5 for m in measured), (errors, measured)


def reference(scheduler, timesteps, x):
    """diffusers' own loop with our timesteps."""
    for t in timesteps:
        model_in = scheduler.scale_model_input(x, t) if hasattr(scheduler, "sigmas") else x
        eps = smooth_denoiser(model_in, torch.full((len(x),), int(t)))
        x = scheduler.step(eps, t, x).prev_sample
    return x


def close(ours, theirs):
    assert float((ours - theirs).abs().max()) <= 1e-4 * float(theirs.abs().max())


# Not linspace: there diffusers steps to t - T // N, which is none of its own timesteps.
@pytest.mark.parametrize("spacing", ["trailing", "leading"])
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("eta", [0.0, 0.7])
def test_ddim_agrees_with_diffusers(spacing, clip, eta):
    theirs = diffusers.DDIMScheduler(
        beta_schedule="linear", timestep_spacing=spacing, clip_sample=clip, set_alpha_to_one=True
    )
    theirs.set_timesteps(20)
    x = torch.randn(2, 1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = walk(x=x, num_steps=20, eta=eta, spacing=spacing, clip_x0=clip)
    assert theirs.timesteps.tolist() == [s.t for s in ours]
    y = x
    for t, noise in zip(theirs.timesteps, [s.noise for s in ours], strict=True):
        eps = smooth_denoiser(y, torch.full((2,), int(t)))
        y = theirs.step(
            eps,
            t,
            y,
            eta=eta,
            use_clipped_model_output=clip,
            variance_noise=torch.zeros_like(y) if noise is None else noise,
        ).prev_sample
    close(ours[-1].x_prev, y)


@pytest.mark.parametrize(
    ("variance", "theirs_name"), [("posterior", "fixed_small"), ("beta", "fixed_large")]
)
@pytest.mark.parametrize("steps", [25, 1000])
@pytest.mark.parametrize("clip", [False, True])
def test_ddpm_agrees_with_diffusers(variance, theirs_name, steps, clip, monkeypatch):
    theirs = diffusers.DDPMScheduler(
        beta_schedule="linear",
        variance_type=theirs_name,
        clip_sample=clip,
        timestep_spacing="trailing",
    )
    theirs.set_timesteps(steps)
    x = torch.randn(2, 1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = walk(x=x, sampler="ddpm", num_steps=steps, variance=variance, clip_x0=clip)
    assert theirs.timesteps.tolist() == [s.t for s in ours]
    noises = iter([s.noise for s in ours if s.noise is not None])
    module = "diffusers.schedulers.scheduling_ddpm.randn_tensor"
    monkeypatch.setattr(module, lambda *a, **k: next(noises, torch.zeros_like(x)))
    y = x
    for t in theirs.timesteps:
        if t == 0 or (int(t) - 1000 // steps) < 0:
            # diffusers adds noise wherever t > 0; ours ends at ᾱ = 1 without
            theirs.variance_type = "fixed_small"
        y = theirs.step(smooth_denoiser(y, torch.full((2,), int(t))), t, y).prev_sample
    close(ours[-1].x_prev, y)


@pytest.mark.parametrize("steps", [5, 20, 50])
def test_dpmpp_2m_agrees_with_diffusers(steps):
    theirs = diffusers.DPMSolverMultistepScheduler(
        beta_schedule="linear",
        algorithm_type="dpmsolver++",
        solver_order=2,
        solver_type="midpoint",
        timestep_spacing="trailing",
        final_sigmas_type="zero",
    )
    theirs.set_timesteps(steps)
    x = torch.randn(2, 1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = walk(x=x, sampler="dpmpp_2m", num_steps=steps, clip_x0=False)
    assert theirs.timesteps.tolist() == [s.t for s in ours]
    close(ours[-1].x_prev, reference(theirs, theirs.timesteps, x))


@pytest.mark.parametrize("schedule", ["linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize("steps", [5, 20, 50])
def test_dpmpp_2m_sde_agrees_with_diffusers(steps, schedule):
    theirs = diffusers.DPMSolverMultistepScheduler(
        beta_schedule=schedule,
        algorithm_type="sde-dpmsolver++",
        solver_order=2,
        solver_type="midpoint",
        timestep_spacing="trailing",
        final_sigmas_type="zero",
    )
    theirs.set_timesteps(steps)
    own = LINEAR if schedule == "linear" else make_schedule("cosine")
    x = torch.randn(2, 1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = walk(x=x, schedule=own, sampler="dpmpp_2m_sde", num_steps=steps, clip_x0=False)
    assert theirs.timesteps.tolist() == [s.t for s in ours]
    for t, s in zip(theirs.timesteps, ours, strict=True):
        eps = smooth_denoiser(x, torch.full((2,), int(t)))
        noise = torch.zeros_like(x) if s.noise is None else s.noise
        x = theirs.step(eps, t, x, variance_noise=noise).prev_sample
        close(s.x_prev, x)


def test_with_one_x0_hat_dpmpp_2m_sde_steps_as_ddpm():
    for t, t_prev in ((999, 700), (400, 399), (19, -1)):
        options = {"t": t, "t_prev": t_prev, "schedule": LINEAR}
        assert step_weights("dpmpp_2m_sde", **options) == step_weights("ddpm", **options)


@pytest.mark.parametrize("steps", [5, 20])
def test_heun_agrees_with_diffusers(steps):
    theirs = diffusers.HeunDiscreteScheduler(
        beta_start=1e-4, beta_end=0.02, beta_schedule="linear", timestep_spacing="trailing"
    )
    theirs.set_timesteps(steps)
    x = torch.randn(2, 1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = walk(x=x, sampler="heun", num_steps=steps, clip_x0=False)
    seen = [int(t) for t in theirs.timesteps[::2]]
    assert seen == [s.t for s in ours]
    y = x / float(LINEAR.alpha_bar(999).sqrt())
    close(ours[-1].x_prev, reference(theirs, theirs.timesteps, y))


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("steps", [1, 2, 7, 50])
@pytest.mark.parametrize("t_start", [None, 0, 333, 999])
def test_a_walk_is_a_chain_that_ends_at_the_clean_image(sampler, spacing, steps, t_start):
    w = walk(sampler=sampler, spacing=spacing, num_steps=steps, t_start=t_start)
    assert [s.index for s in w] == list(range(len(w)))
    assert [s.t_prev for s in w] == [*[s.t for s in w[1:]], -1]
    for a, b in zip(w, w[1:], strict=False):
        assert a.x_prev is b.x_t
    assert w[-1].noise is None
    assert all((s.noise is not None) == sampler_named(sampler).injects_noise(0) for s in w[:-1])
    sigma = [float(((1 - a) / a).sqrt()) for a in map(LINEAR.alpha_bar, [s.t for s in w])]
    far = [a > 1 and a > 20 * b for a, b in zip(sigma, sigma[1:], strict=False)]  # Euler's steps
    assert w[-1].nfe == (2 * len(w) - 1 - sum(far) if sampler == "heun" else len(w))
    torch.testing.assert_close(w[-1].x_prev, w[-1].x0_hat)
    for s in w:
        assert float(s.x0_hat.abs().max()) <= 1
        implied = q_sample(s.x0_hat, s.t, s.eps_hat, LINEAR)
        torch.testing.assert_close(implied, s.x_t)


def test_ddim_with_eta_one_is_ddpm_at_any_stride():
    for steps in (10, 1000):
        a = walk(sampler="ddim", eta=1.0, num_steps=steps)
        b = walk(sampler="ddpm", num_steps=steps)
        torch.testing.assert_close(a[-1].x_prev, b[-1].x_prev, rtol=1e-9, atol=1e-9)


def test_the_noise_of_an_image_does_not_depend_on_the_batch():
    def generators(seeds):
        return [torch.Generator().manual_seed(s) for s in seeds]

    def run(seeds):
        g = generators(seeds)
        x = draw_noise((len(seeds), 1, 6, 6), g)
        return x, walk(x=x, sampler="ddpm", num_steps=8, generator=g)

    x3, three = run([4, 5, 6])
    x1, one = run([5])
    assert torch.equal(x3[1], x1[0])
    for a, b in zip(three[:-1], one[:-1], strict=True):
        assert torch.equal(a.noise[1], b.noise[0])
    assert not torch.equal(x3[0], x3[1])


def test_zero_terminal_snr_needs_more_than_noise():
    s = make_schedule("cosine", zero_terminal_snr=True)
    with pytest.raises(ValueError, match="zero terminal SNR"):
        walk(schedule=s, num_steps=4)

    class Mean:
        """Says 0.25 whatever it sees."""

        def predict(self, x_t, t):
            x0 = torch.full_like(x_t, 0.25)
            a = s.alpha_bar(t).reshape(-1, 1, 1, 1)
            return (x_t - a.sqrt() * x0) / (1 - a).sqrt(), x0

    for sampler in SAMPLERS:
        end = walk(Mean(), schedule=s, sampler=sampler, num_steps=6)[-1].x_prev
        torch.testing.assert_close(end, torch.full_like(end, 0.25))


def test_grad_mode_does_not_leak_into_the_consumer():
    x = torch.randn(1, 1, 4, 4)
    for _ in sample(smooth_denoiser, x, LINEAR, num_steps=3):
        assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    "options",
    [
        {"sampler": "euler"},
        {"num_steps": 1001},
        {"num_steps": 0},
        {"eta": 1.5},
        {"eta": float("nan")},
        {"sampler": "heun", "eta": 0.5},
        {"sampler": "ddpm", "eta": 0.5},
        {"sampler": "dpmpp_2m_sde", "eta": 1.0},
        {"sampler": "dpmpp_2m_sde", "generator": None},
        {"spacing": "odd"},
        {"t_start": 1000},
        {"sampler": "ddpm", "generator": None},
        {"sampler": "ddpm", "variance": "huge"},
        {"sampler": "ddpm", "generator": [torch.Generator()]},
        {"x": torch.zeros(())},
        {"x": torch.zeros(2, 1, 6, 6, dtype=torch.int64)},
    ],
)
def test_bad_arguments_say_what_is_wrong(options):
    with pytest.raises(ValueError, match=r"\.$"):
        walk(**options)


def test_x0_hat_is_the_equation_of_the_paper():
    s = walk(num_steps=10, clip_x0=False)[4]
    eps = smooth_denoiser(s.x_t, torch.full((2,), s.t))
    torch.testing.assert_close(s.x0_hat, predict_x0(s.x_t, s.t, eps, LINEAR))
