import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion_core import process
from diffusion_core.schedule import BETA_SCHEDULES, make_schedule


def pair(B=3, dtype=torch.float64, seed=0):
    g = torch.Generator().manual_seed(seed)
    x0 = torch.rand(B, 1, 4, 4, generator=g, dtype=dtype) * 2 - 1
    return x0, torch.randn(B, 1, 4, 4, generator=g, dtype=dtype)


@given(
    name=st.sampled_from(BETA_SCHEDULES), t=st.lists(st.integers(0, 999), min_size=3, max_size=3)
)
@settings(deadline=None, max_examples=40)
def test_conversions_are_each_others_inverse(name, t):
    s, t = make_schedule(name), torch.tensor(t)
    x0, eps = pair()
    x_t = process.q_sample(x0, t, eps, s)
    v = process.predict_v(x0, t, eps, s)
    # Dividing by sqrt(ᾱ) loses as many digits as sqrt(ᾱ) is small.
    atol = 1e-14 / float(s.alpha_bar(t).min().sqrt())
    torch.testing.assert_close(process.predict_x0(x_t, t, eps, s), x0, rtol=0, atol=atol)
    noise = float((1 - s.alpha_bar(t)).min().sqrt())
    torch.testing.assert_close(process.predict_eps(x_t, t, x0, s), eps, rtol=0, atol=1e-14 / noise)
    torch.testing.assert_close(process.x0_from_v(x_t, t, v, s), x0, rtol=0, atol=1e-13)
    torch.testing.assert_close(process.eps_from_v(x_t, t, v, s), eps, rtol=0, atol=1e-13)


def test_single_precision_gives_x0_back_to_the_stated_accuracy():
    s = make_schedule("cosine")
    x0, eps = pair(dtype=torch.float32)
    for t in (0, 300, 900, 990):
        back = process.predict_x0(process.q_sample(x0, t, eps, s), t, eps, s)
        assert float((back - x0).abs().max()) < 1e-6 / float(s.alpha_bar(t).sqrt())


def test_many_single_steps_have_the_mean_and_variance_of_one_jump():
    s, t, n = make_schedule("linear", 50, beta_end=0.2), 49, 40_000
    g = torch.Generator().manual_seed(1)
    x = torch.full((n, 1), 0.7, dtype=torch.float64)
    for k in range(t + 1):
        x = process.q_step(x, k, torch.randn(n, 1, generator=g, dtype=torch.float64), s)
    ab = float(s.alpha_bar(t))
    sd = (1 - ab) ** 0.5
    assert abs(float(x.mean()) - ab**0.5 * 0.7) < 4 * sd / n**0.5
    assert abs(float(x.var()) - (1 - ab)) < 4 * (1 - ab) * (2 / n) ** 0.5


def test_posterior_is_what_bayes_says():
    """Product of the two Gaussians q(x_t | x_prev) and q(x_prev | x0), in x_prev."""
    s, t, t_prev = make_schedule("linear"), 500, 420
    x0, eps = pair()
    x_t = process.q_sample(x0, t, eps, s)
    a_t, a_p = s.alpha_bar(t), s.alpha_bar(t_prev)
    alpha = a_t / a_p
    precision = alpha / (1 - alpha) + 1 / (1 - a_p)
    mean = (alpha.sqrt() * x_t / (1 - alpha) + a_p.sqrt() * x0 / (1 - a_p)) / precision
    torch.testing.assert_close(process.posterior_mean(x_t, t, t_prev, x0, s), mean)
    torch.testing.assert_close(s.posterior_variance(t, t_prev), 1 / precision)
    assert torch.equal(process.posterior_mean(x_t, t, -1, x0, s), x0)


def test_zero_terminal_snr_leaves_v_defined_and_x0_from_eps_not():
    s = make_schedule("cosine", zero_terminal_snr=True)
    x0, eps = pair()
    x_t = process.q_sample(x0, 999, eps, s)
    assert torch.equal(x_t, eps)
    v = process.predict_v(x0, 999, eps, s)
    torch.testing.assert_close(process.x0_from_v(x_t, 999, v, s), x0)
    with pytest.raises(ValueError, match="zero terminal SNR"):
        process.predict_x0(x_t, 999, eps, s)


@pytest.mark.parametrize(
    "function", ["q_sample", "q_step", "predict_x0", "predict_eps", "predict_v", "x0_from_v"]
)
def test_bad_shapes_and_timesteps_are_refused(function):
    s, f = make_schedule("linear"), getattr(process, function)
    x0, eps = pair()
    for bad in (1000, -1, torch.tensor([0, 1]), torch.tensor([0, 1, 1000])):
        with pytest.raises(ValueError, match=r"\.$"):
            f(x0, bad, eps, s)
    with pytest.raises(ValueError, match=r"\.$"):
        f(x0, 5, eps[:2], s)
