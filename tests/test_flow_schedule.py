"""The straight path of flow matching beside the schedules of diffusion, and its velocity."""

from __future__ import annotations

import pytest
import torch

from diffusion_core.denoiser import PREDICTIONS, ExactDenoiser
from diffusion_core.process import posterior_mean, q_sample
from diffusion_core.samplers import SAMPLERS, sample, sampler_named
from diffusion_core.schedule import FlowSchedule, NoiseSchedule, make_schedule

T = 100
FLOW = FlowSchedule(T)
POINTS = torch.randn(20, 2, generator=torch.Generator().manual_seed(3)) * 0.5


def test_it_is_the_straight_line_from_data_to_noise():
    t = torch.arange(-1, T)
    u = torch.linspace(0, 1, T + 1, dtype=torch.float64)
    assert torch.allclose(FLOW.alpha(t), 1 - u) and torch.allclose(FLOW.sigma(t), u)
    assert FLOW.alpha(-1) == 1 and FLOW.sigma(-1) == 0 and FLOW.alpha(T - 1) == 0
    assert torch.equal(FLOW.noise_variance(t), FLOW.sigma(t) ** 2)
    assert FLOW.log_snr(-1) == torch.inf and FLOW.log_snr(T - 1) == -torch.inf
    assert FLOW.log_snr(49) == pytest.approx(0)
    x0, eps = POINTS[:4], POINTS[4:8]
    middle = q_sample(x0, 49, eps, FLOW)
    assert torch.allclose(middle, (x0 + eps) / 2)


def test_single_steps_compose_to_the_jump():
    for t, s, r in ((80, 50, 10), (99, 98, 97), (5, 1, -1)):
        across = FLOW.transition_variance(s, r) * (FLOW.alpha(t) / FLOW.alpha(s)) ** 2
        assert FLOW.transition_variance(t, s) + across == pytest.approx(
            float(FLOW.transition_variance(t, r))
        )
    # Bayes: 1 / posterior variance is the sum of the precisions of both neighbours.
    t, s = 60, 20
    ratio = FLOW.alpha(t) / FLOW.alpha(s)
    precision = ratio**2 / FLOW.transition_variance(t, s) + 1 / FLOW.noise_variance(s)
    assert FLOW.posterior_variance(t, s) == pytest.approx(float(1 / precision))


@pytest.mark.parametrize("bad", [-2, T, 1.0, True])
def test_it_refuses_other_timesteps(bad):
    for method in (FLOW.alpha, FLOW.sigma, FLOW.log_snr):
        with pytest.raises(ValueError, match="timestep must"):
            method(bad)


@pytest.mark.parametrize("bad", [1, 10_001, 2.5])
def test_it_refuses_other_numbers_of_timesteps(bad):
    with pytest.raises(ValueError, match="num_train_timesteps must"):
        FlowSchedule(bad)
    with pytest.raises(ValueError, match="t_prev must be less"):
        FLOW.transition_variance(3, 3)


def test_the_walk_starts_and_ends_where_it_should():
    assert FLOW.timesteps(4) == [99, 74, 49, 24]
    # There sigma / alpha is 99, nearest to the 80 it begins with; at 99 it is infinite.
    karras = FLOW.timesteps(10, "karras")
    assert karras[0] == 98 and karras == sorted(set(karras), reverse=True)


class Scaled:
    """The exact denoiser of the flow's path, told x / sqrt(alpha² + sigma²) in place of x."""

    def __init__(self, schedule):
        self.schedule, self.exact = schedule, ExactDenoiser(POINTS.double(), FLOW)

    def predict(self, x_t, t):
        return self.exact.predict(x_t * scale(t)[:, None], t)


def scale(t):
    return (FLOW.noise_variance(t) + FLOW.alpha(t) ** 2).sqrt()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_walk_divided_by_its_scale_is_that_of_a_variance_preserving_schedule(sampler):
    preserving = FLOW.variance_preserving()
    assert isinstance(preserving, NoiseSchedule) and len(preserving) == T
    t = torch.arange(T - 1)
    assert torch.allclose(preserving.log_snr(t), FLOW.log_snr(t), atol=1e-9)
    start = torch.randn(6, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    eta = sampler_named(sampler).fixed_eta or 0.5 * (sampler == "ddim")
    walks = [
        list(
            sample(
                denoiser,
                start,
                sampler=sampler,
                eta=eta,
                num_steps=12,
                clip_x0=False,
                generator=torch.Generator().manual_seed(2),
            )
        )
        for denoiser in (ExactDenoiser(POINTS.double(), FLOW), Scaled(preserving))
    ]
    for flow, kept in zip(*walks, strict=True):
        assert torch.allclose(flow.x0_hat, kept.x0_hat, atol=1e-6)
        root = scale(torch.tensor(flow.t_prev)) if flow.t_prev >= 0 else 1.0
        assert torch.allclose(flow.x_prev / root, kept.x_prev, atol=1e-6)


def test_a_step_of_ddim_on_it_is_eulers_step_of_the_velocity():
    exact = ExactDenoiser(POINTS, FLOW)
    start = torch.randn(5, 2, generator=torch.Generator().manual_seed(4))
    for step in sample(exact, start, num_steps=5, clip_x0=False):
        u = FLOW.sigma(step.t), FLOW.sigma(step.t_prev)
        euler = step.x_t + float(u[1] - u[0]) * (step.eps_hat - step.x0_hat)
        assert torch.allclose(step.x_prev, euler, atol=1e-5)


@pytest.mark.parametrize("schedule", [FLOW, make_schedule("cosine", T)], ids=["flow", "cosine"])
def test_both_estimates_follow_from_the_velocity(schedule):
    x0, eps = POINTS[:10], POINTS[10:]
    t = torch.arange(0, T, T // 10)
    x_t, kind = q_sample(x0, t, eps, schedule), PREDICTIONS["velocity"]
    eps_hat, x0_hat = kind.estimates(x_t, t, kind.target(x0, t, eps, schedule), schedule)
    assert torch.allclose(eps_hat, eps, atol=1e-5) and torch.allclose(x0_hat, x0, atol=1e-5)


def test_the_posterior_of_the_path_is_between_its_ends():
    x_t = q_sample(POINTS[:3], 80, POINTS[3:6], FLOW)
    assert torch.allclose(posterior_mean(x_t, 80, -1, POINTS[:3], FLOW), POINTS[:3])
