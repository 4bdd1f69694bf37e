"""What holds between steps, between slices of a data set, and of records, at small expense.

Each of these kills mutants of the core that other tests let live; see mutants.py.
"""

import dataclasses
from types import SimpleNamespace

import pytest
import torch

from diffusion_core import denoiser, inpainting, process, samplers
from diffusion_core.samplers import Interval, SamplerStep, sample, step_weights, take_step
from diffusion_core.schedule import NoiseSchedule, make_schedule, rescale_zero_terminal_snr

LINEAR = make_schedule("linear")
HELD = make_schedule("linear", 10_000)  # its ᾱ reaches the smallest number and is held there
ZERO = make_schedule("cosine", zero_terminal_snr=True)


def smooth(x, t):
    return torch.tanh(0.8 * x) * (0.3 + 0.6 * float(t[0]) / 1000)


def start(*shape):
    g = torch.Generator().manual_seed(0)
    return torch.randn(*(shape or (2, 1, 4, 4)), generator=g, dtype=torch.float64)


def seeded():
    return torch.Generator().manual_seed(5)


class Conditional:
    """A network whose output is the condition of each image."""

    config = SimpleNamespace(num_classes=4, null_label=True, time_embedding="positional")

    def __call__(self, x_t, t, y=None):
        return torch.zeros_like(x_t) + y.reshape(-1, 1, 1, 1)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_guidance_takes_one_evaluation_of_twice_as_many_images_apart_in_two(count):
    y = torch.arange(count) % 4
    known = denoiser.ModelDenoiser(Conditional(), LINEAR, "sample", y)
    x, t = start(count, 1, 2, 2), torch.full((count,), 300)
    x0_hat = denoiser.ClassifierFreeGuidance(known, 3.0).predict(x, t)[1]
    assert x0_hat[:, 0, 0, 0].tolist() == [4 + 3 * (k - 4) for k in y.tolist()]


def test_an_image_is_scaled_by_its_own_range_only_where_that_exceeds_1_and_then_clipped():
    level = torch.ones(1, 1, 20, 20, dtype=torch.float64)
    values = torch.cat([0.5 * level, 1.5 * level, 3 * level, -1.5 * level])
    got = denoiser.dynamic_threshold(values)
    assert got[:, 0, 0, 0].tolist() == [0.5, 1.0, 1.0, -1.0]
    for sign in (1, -1):
        far = 0.5 * level.clone()
        far[0, 0, 3, 4] = 10.0 * sign  # beyond the percentile
        got = denoiser.dynamic_threshold(far)
        assert got[0, 0, 3, 4] == sign and got[0, 0, 0, 0] == 0.5


@pytest.mark.parametrize("numbers", [4, 9, 30])  # less than an image, two, seven of ten
def test_a_data_set_taken_by_slices_is_the_set(monkeypatch, numbers):
    images = start(10, 2, 2)
    whole = denoiser.ExactDenoiser(images, LINEAR)
    x, t = start(3, 2, 2).flip(0), torch.tensor([3, 300, 999])
    wanted, near = whole.predict(x, t), whole.nearest(images.flip(0) + 1e-3)
    monkeypatch.setattr(denoiser, "_CHUNK", numbers)
    assert len([*whole._slices(x.reshape(3, 4))]) == {4: 10, 9: 5, 30: 2}[numbers]
    for one, other in zip(whole.predict(x, t), wanted, strict=True):
        torch.testing.assert_close(one, other)
    index, far = whole.nearest(images.flip(0) + 1e-3)
    assert index.tolist() == near[0].tolist() == [*range(9, -1, -1)]
    torch.testing.assert_close(far, near[1])
    monkeypatch.setattr(denoiser, "_CHUNK", 1)
    torch.testing.assert_close(whole.predict(x, t)[1], wanted[1])


def test_slices_of_a_data_set_hold_32_MiB_at_most_and_no_less_than_they_may():
    large = torch.zeros(()).expand(2**21, 2)
    exact = denoiser.ExactDenoiser(large, LINEAR)
    assert [len(part) for part in exact._slices(torch.zeros(1, 2))] == [2**21]
    largest = [len(part) * 4 * 8 for part in exact._slices(torch.zeros(4, 2))]  # with (B, n) too
    assert largest == [2**25, 2**25]


def test_images_of_another_shape_are_told_the_set_s():
    exact = denoiser.ExactDenoiser(start(5, 1, 4, 6), LINEAR)
    with pytest.raises(ValueError, match=r"Images must be float \(B, 1, 4, 6\), got"):
        exact.predict(start(2, 1, 4, 4), 5)


def test_opposite_ends_have_a_way_between_them():
    for a in start(50, 1, 7):  # the cosine of some with themselves is beyond 1, by rounding
        for b in (a, -a, -2 * a):
            way = process.slerp(a, b, 3)
            assert way.isfinite().all()
            torch.testing.assert_close(way[[0]], a)


def test_only_the_last_beta_may_be_1_wherever_another_stands():
    for bad in ([1.0, 0.5, 0.5], [0.5, 1.0, 0.5], [0.5, 1.0, 1.0]):
        with pytest.raises(ValueError, match="only the last may be 1"):
            NoiseSchedule(bad)
    assert NoiseSchedule([0.5, 0.5, 1.0]).alpha_bar(2) == 0


def test_of_several_unknown_parameters_the_first_is_named():
    with pytest.raises(ValueError, match="has no parameter 'a'"):
        make_schedule("linear", zoom=1, a=2)


def test_where_nothing_is_left_no_noise_is_added_before_the_last_step():
    rescaled = rescale_zero_terminal_snr(HELD)
    held = HELD.alphas_cumprod == torch.finfo(torch.float32).tiny
    assert held[-100:].all()
    assert rescaled.betas[-99:-1].tolist() == [torch.finfo(torch.float64).eps] * 98


class Rounded:
    """A schedule whose variances are off by the last bit, as others compute them."""

    def alpha(self, t):
        return LINEAR.alpha(t)

    def sigma(self, t):
        return LINEAR.sigma(t)

    def noise_variance(self, t):
        return torch.tensor(0.9, dtype=torch.float64)

    def posterior_variance(self, t, t_prev):
        return torch.nextafter(self.noise_variance(t), torch.tensor(1.0, dtype=torch.float64))


def test_a_variance_that_is_too_large_by_rounding_leaves_nothing_and_not_nan():
    weights = step_weights("ddim", 999, 500, Rounded(), eta=1.0)
    assert weights["eps_hat"] == 0 and weights["noise"] == pytest.approx(0.9**0.5)


def test_the_first_step_of_dpmpp_2m_is_ddim_s():
    for t, t_prev in ((999, 500), (500, 300), (300, 0), (300, -1)):
        ddim, dpm = (step_weights(s, t, t_prev, LINEAR) for s in ("ddim", "dpmpp_2m"))
        # eps_hat = (x_t - alpha x0_hat) / sigma
        of_x_t = ddim["eps_hat"] / float(LINEAR.sigma(t))
        assert dpm["x_t"] == pytest.approx(of_x_t)
        assert dpm["x0_hat"] == pytest.approx(ddim["x0_hat"] - of_x_t * float(LINEAR.alpha(t)))


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "dpmpp_2m_sde"])
def test_no_line_is_drawn_where_the_log_snr_stands_still(sampler):
    assert HELD.log_snr(9999) == HELD.log_snr(9998)
    for t_prev in (9000, 100):
        alone = step_weights(sampler, 9998, t_prev, HELD)
        assert step_weights(sampler, 9998, t_prev, HELD, t_before=9999) == alone


def test_a_step_s_evaluations_depend_on_its_own_beginning():
    cosine = make_schedule("cosine")
    count = samplers.count_evaluations("heun", [999, 500, 300, -1], cosine)
    one = [bool(samplers.heun_applies(*pair, cosine)) for pair in ((999, 500), (500, 300))]
    assert one == [False, True] and count == 4
    steps = [*sample(smooth, start(), cosine, sampler="heun", timesteps=[999, 500, 300])]
    assert steps[-1].nfe == count


def test_a_step_goes_on_from_the_one_before():
    known, x, x0_before = denoiser.as_denoiser(smooth, LINEAR), start(), start().flip(3)
    step = take_step(known, "dpmpp_2m", x, 500, 300, before=(800, x0_before))
    assert step.weights == step_weights("dpmpp_2m", 500, 300, LINEAR, t_before=800)
    pictures = {"x_t": x, "x0_hat": step.x0_hat, "x0_before": x0_before}
    want = sum(step.weights[name] * picture for name, picture in pictures.items())
    torch.testing.assert_close(step.x_prev, want)


def test_a_walk_from_pure_noise_is_refused_by_what_predicts_noise_alone():
    asked = []
    with pytest.raises(ValueError, match="zero terminal SNR"):
        next(sample(lambda x, t: asked.append(t), start(), ZERO, num_steps=5))
    assert not asked  # before anything is computed
    assert len([*sample(smooth, start(), ZERO, timesteps=[998, 500])]) == 2


def test_a_walk_keeps_no_gradients_and_leaves_the_reader_s_alone():
    weight = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    seen = []

    def learned(x, t):
        seen.append(torch.is_grad_enabled())
        return weight * x

    x0, mask = start(), torch.zeros(2, 1, 4, 4)
    for walk in (
        sample(learned, start(), LINEAR, num_steps=2),
        inpainting.inpaint(learned, x0, mask, start(), LINEAR, num_steps=2, generator=seeded()),
    ):
        for step in walk:
            assert not step.x_prev.requires_grad and torch.is_grad_enabled()
    assert seen == [False] * 4
    exact = denoiser.ExactDenoiser(start(3, 1, 4, 4).requires_grad_(), LINEAR)
    assert not exact.predict(x0, 5)[1].requires_grad
    assert not exact.nearest(x0)[1].requires_grad


def test_records_are_frozen_and_compared_as_objects():
    step = take_step(denoiser.as_denoiser(smooth, LINEAR), "ddim", start(), 500, 300)
    assert isinstance(step, SamplerStep)
    for record, name in (
        (LINEAR, "betas"),
        (Interval(5, 3, LINEAR), "t"),
        (step, "x_prev"),
        (samplers.sampler_named("ddim"), "order"),
        (denoiser.PREDICTIONS["epsilon"], "name"),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, name, None)
    assert Interval(5, 3, LINEAR) != Interval(5, 3, LINEAR)
    assert step != dataclasses.replace(step)  # tensor by tensor, == has no single answer
    assert NoiseSchedule([0.1, 0.2]) != NoiseSchedule([0.1, 0.2])
    assert len({Interval(5, 3, LINEAR), step, LINEAR}) == 3


def test_the_generator_of_a_repeated_step_draws_once_for_it_and_once_for_the_way_back():
    points, none = start(4, 2), torch.zeros(4, 2)
    steps = [
        *inpainting.inpaint(
            smooth, points, none, start(4, 2), LINEAR, num_steps=4, resample=2, generator=seeded()
        )
    ]
    generator = seeded()
    z = [torch.randn(4, 2, generator=generator, dtype=torch.float64) for _ in range(9)]
    drawn = [z[0], z[2], z[3], z[5], z[6], z[8], None]  # z[1], z[4] and z[7] are of the way back
    assert len(steps) == len(drawn)
    for step, noise in zip(steps, drawn, strict=True):
        assert (step.noise is None) if noise is None else torch.equal(step.noise, noise)
