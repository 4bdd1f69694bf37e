"""There and back again: what is lost, at which order, and what refinement gives back."""

import math

import diffusers
import pytest
import torch
from conftest import last

from diffusion_core.inversion import invert
from diffusion_core.process import q_sample
from diffusion_core.samplers import sample
from diffusion_core.schedule import SPACINGS, make_schedule

LINEAR = make_schedule("linear")
COSINE = make_schedule("cosine")
ZERO_SNR = make_schedule("cosine", zero_terminal_snr=True)
MEAN, STD = 0.3, 0.4


class GaussianOracle:
    """The best denoiser of data ~ N(0.3, 0.4²), in closed form; it counts how often it is asked."""

    def __init__(self, schedule):
        self.schedule, self.asked = schedule, []

    def predict(self, x_t, t):
        self.asked.append(int(t[0]))
        a = self.schedule.alpha_bar(t).reshape(-1, 1, 1, 1).to(x_t.dtype)
        away = (x_t - a.sqrt() * MEAN) / (a * STD**2 + 1 - a)
        return (1 - a).sqrt() * away, MEAN + a.sqrt() * STD**2 * away


class EpsOnly:
    def __call__(self, x_t, t):
        return x_t / 2


def values(dtype=torch.float64):
    return (MEAN + STD * torch.linspace(-2, 2, 9, dtype=dtype)).reshape(-1, 1, 1, 1)


def up(schedule=LINEAR, x0=None, **options):
    return list(
        invert(GaussianOracle(schedule), values() if x0 is None else x0, schedule, **options)
    )


def missed(schedule, num_steps, refine, t_end=None, spacing="trailing"):
    """The largest error after the way up and back."""
    walk = {"num_steps": num_steps, "spacing": spacing}
    x = up(schedule, refine=refine, t_end=t_end, **walk)[-1].x_next
    back = sample(GaussianOracle(schedule), x, schedule, t_start=t_end, clip_x0=False, **walk)
    return float((last(back).x_prev - values()).abs().max())


@pytest.mark.parametrize("schedule", [LINEAR, COSINE], ids=["linear", "cosine"])
@pytest.mark.parametrize("refine", [0, 1, 2])
def test_the_round_trip_is_of_first_order_and_each_refinement_adds_one(schedule, refine):
    errors = [missed(schedule, n, refine) for n in (50, 100, 200)]
    measured = [math.log2(a / b) for a, b in zip(errors, errors[1:], strict=False)]
    order = refine + 1
    assert all(order - 0.25 < m < order + 0.25 for m in measured), (errors, measured)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("t_end", [None, 600])
@pytest.mark.parametrize("schedule", [LINEAR, COSINE, ZERO_SNR], ids=["linear", "cosine", "zero"])
def test_with_refinement_the_way_back_is_exact(schedule, spacing, t_end):
    coarse = missed(schedule, 50, 0, t_end, spacing)
    assert missed(schedule, 50, 1, t_end, spacing) < coarse / 10
    assert missed(schedule, 50, 12, t_end, spacing) < 1e-9 < 1e-3 < coarse


def test_the_noise_of_gaussian_data_is_standard_normal():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(2_000, 1, 1, 1, generator=g, dtype=torch.float64)
    x = (x - x.mean()) / x.std()  # so that only the walk's own error is left
    noise = up(x0=MEAN + STD * x, num_steps=200)[-1].x_next
    assert abs(float(noise.mean())) < 0.005
    assert abs(float(noise.var()) - 1) < 0.04


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("num_steps", [1, 2, 7, 50])
@pytest.mark.parametrize("t_end", [None, 0, 333, 999])
@pytest.mark.parametrize("refine", [0, 3])
def test_it_is_a_chain_over_the_walks_own_timesteps(spacing, num_steps, t_end, refine):
    oracle = GaussianOracle(LINEAR)
    w = list(
        invert(
            oracle,
            values(),
            LINEAR,
            num_steps=num_steps,
            spacing=spacing,
            t_end=t_end,
            refine=refine,
        )
    )
    ascending = LINEAR.timesteps(num_steps, spacing, t_end)[::-1]
    assert [s.t_next for s in w] == ascending
    assert [s.t for s in w] == [-1, *ascending[:-1]]
    assert [s.index for s in w] == list(range(len(w)))
    for a, b in zip(w, w[1:], strict=False):
        assert a.x_next is b.x_t
    assert [s.nfe for s in w] == [(1 + refine) * (i + 1) for i in range(len(w))]
    asked = [[max(s.t, ascending[0])] + [s.t_next] * refine for s in w]
    assert oracle.asked == sum(asked, [])


def test_a_step_is_the_equation_of_the_paper():
    first, *rest = up(num_steps=10)
    assert torch.equal(first.x0_hat, values())  # ᾱ is 1 there
    eps, _ = GaussianOracle(LINEAR).predict(values(), torch.tensor([99]))
    torch.testing.assert_close(first.eps_hat, eps)
    torch.testing.assert_close(first.x_next, q_sample(values(), 99, eps, LINEAR))
    for s in rest:
        eps, x0_hat = GaussianOracle(LINEAR).predict(s.x_t, torch.tensor([s.t]))
        torch.testing.assert_close((s.eps_hat, s.x0_hat), (eps, x0_hat))
        torch.testing.assert_close(s.x_next, q_sample(x0_hat, s.t_next, eps, LINEAR))


def test_a_refined_step_is_undone_by_ddim():
    for s in up(num_steps=50, refine=20):
        eps, x0_hat = GaussianOracle(LINEAR).predict(s.x_next, torch.tensor([s.t_next]))
        a = LINEAR.alpha_bar(s.t)
        torch.testing.assert_close(a.sqrt() * x0_hat + (1 - a).sqrt() * eps, s.x_t)


@pytest.mark.parametrize("spacing", ["trailing", "leading"])
def test_steps_agree_with_diffusers(spacing):
    """Told the same noise; the two differ in where they ask for it."""
    theirs = diffusers.DDIMInverseScheduler(
        beta_schedule="linear", timestep_spacing=spacing, clip_sample=False, set_alpha_to_one=True
    )
    theirs.set_timesteps(20)
    w = up(num_steps=20, spacing=spacing)
    assert theirs.timesteps.tolist() == [s.t_next for s in w]
    for s in w:
        their_next = theirs.step(s.eps_hat, s.t_next, s.x_t).prev_sample
        torch.testing.assert_close(s.x_next, their_next, rtol=1e-5, atol=1e-5)


def test_clipping_bounds_x0_hat():
    x0 = 3 * values()
    assert max(float(s.x0_hat.abs().max()) for s in up(x0=x0, num_steps=5)[1:]) > 1
    for s in up(x0=x0, num_steps=5, clip_x0=True)[1:]:
        assert float(s.x0_hat.abs().max()) <= 1
        torch.testing.assert_close(q_sample(s.x0_hat, s.t, s.eps_hat, LINEAR), s.x_t)


def test_an_image_does_not_depend_on_its_batch():
    together = up(num_steps=10, refine=2)[-1].x_next
    alone = torch.cat([up(x0=x[None], num_steps=10, refine=2)[-1].x_next for x in values()])
    assert torch.equal(together, alone)
    assert up(x0=values(torch.float32), num_steps=3)[-1].x_next.dtype == torch.float32


def test_grad_mode_does_not_leak_into_the_consumer():
    for s in invert(GaussianOracle(LINEAR), values().requires_grad_(), LINEAR, num_steps=3):
        assert torch.is_grad_enabled()
        assert not s.x_next.requires_grad


def test_zero_terminal_snr_needs_more_than_noise():
    with pytest.raises(ValueError, match="zero terminal SNR"):
        next(invert(EpsOnly(), values(), ZERO_SNR))
    assert last(invert(EpsOnly(), values(), ZERO_SNR, t_end=998)).t_next == 998


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_steps": 0}, "number of steps"),
        ({"num_steps": 1001}, "number of steps"),
        ({"spacing": "odd"}, "spacing"),
        ({"t_end": 1000}, "t_end"),
        ({"t_end": -1}, "t_end"),
        ({"t_end": 2.5}, "t_end"),
        ({"refine": -1}, "refine"),
        ({"refine": 0.5}, "refine"),
        ({"refine": math.inf}, "refine"),
        ({"x0": torch.zeros(())}, "x0"),
        ({"x0": torch.zeros(1, 1, 4, 4, dtype=torch.uint8)}, "x0"),
    ],
)
def test_bad_arguments_say_what_is_wrong(options, words):
    with pytest.raises(ValueError, match=rf"{words}.*\.$"):
        up(**options)
