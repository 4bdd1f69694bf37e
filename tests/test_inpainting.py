"""What is known stays, what is filled fits, and every number drawn is accounted for."""

import math

import pytest
import torch
from conftest import last

from diffusion_core.inpainting import INPAINTING_SAMPLERS, inpaint
from diffusion_core.process import q_sample
from diffusion_core.samplers import sample
from diffusion_core.schedule import make_schedule
from diffusion_core.seeding import draw_noise

LINEAR = make_schedule("linear")
ZERO_SNR = make_schedule("cosine", zero_terminal_snr=True)
HALF = torch.cat([torch.ones(1, 1, 6, 3), torch.zeros(1, 1, 6, 3)], dim=3)


class TwoPixels:
    """The best denoiser of two pixels of one correlated Gaussian, in closed form."""

    mean = torch.tensor([0.2, -0.1], dtype=torch.float64)
    std, rho = 0.5, 0.9

    def __call__(self, x_t, t):
        a = LINEAR.alpha_bar(int(t[0]))
        data = self.std**2 * torch.tensor([[1, self.rho], [self.rho, 1]], dtype=torch.float64)
        covariance = a * data + (1 - a) * torch.eye(2, dtype=torch.float64)
        away = x_t.flatten(1) - a.sqrt() * self.mean
        return ((1 - a).sqrt() * torch.linalg.solve(covariance, away.T).T).reshape(x_t.shape)

    def given(self, first):
        """Mean and standard deviation of the second pixel, where the first is known."""
        mean = float(self.mean[1] + self.rho * (first - self.mean[0]))
        return mean, self.std * math.sqrt(1 - self.rho**2)


class Counting:
    """No model, but smooth, and it mixes neighbours; it remembers when it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, x_t, t):
        self.asked.append(int(t[0]))
        return torch.tanh(0.8 * x_t + 0.3 * x_t.roll(1, 3)) * (0.3 + 0.6 * float(t[0]) / 1000)


def noise(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def picture(n=2, dtype=torch.float32):
    g = torch.Generator().manual_seed(1)
    return torch.rand(n, 3, 6, 6, generator=g, dtype=dtype) * 2 - 1


def fill(x0=None, mask=HALF, x=None, denoiser=None, schedule=LINEAR, **options):
    x0 = picture() if x0 is None else x0
    x = noise(*x0.shape, dtype=x0.dtype) if x is None else x
    options.setdefault("num_steps", 8)
    options.setdefault("generator", torch.Generator().manual_seed(5))
    return list(inpaint(denoiser or Counting(), x0, mask, x, schedule, **options))


@pytest.mark.parametrize("sampler", INPAINTING_SAMPLERS)
@pytest.mark.parametrize("resample", [1, 3])
def test_known_pixels_are_the_pictures_own_at_the_end(sampler, resample):
    end = fill(sampler=sampler, resample=resample)[-1].x_prev
    assert torch.equal(end[..., :3], picture()[..., :3])
    assert not torch.isclose(end[..., 3:], picture()[..., 3:]).any()


def test_a_mask_of_ones_gives_the_picture_back():
    ones = torch.ones(1, 1, 6, 6)
    assert torch.equal(fill(mask=ones, resample=2)[-1].x_prev, picture())


@pytest.mark.parametrize(
    ("sampler", "eta", "variance"),
    [
        ("ddim", 1.0, "posterior"),
        ("ddim", 0.4, "posterior"),
        ("ddim", 0.0, "posterior"),
        ("ddpm", 1.0, "posterior"),
        ("ddpm", 1.0, "beta"),
    ],
)
def test_a_mask_of_zeros_is_the_samplers_own_walk_to_the_bit(sampler, eta, variance):
    options = {"sampler": sampler, "eta": eta, "variance": variance, "num_steps": 8}
    w = fill(mask=torch.zeros(1, 1, 6, 6), **options)
    g = torch.Generator().manual_seed(5)
    plain = list(sample(Counting(), noise(2, 3, 6, 6), LINEAR, generator=g, **options))
    for a, b in zip(w, plain, strict=True):
        assert (a.index, a.t, a.t_prev, a.nfe) == (b.index, b.t, b.t_prev, b.nfe)
        for name in ("x_t", "eps_hat", "x0_hat", "x_prev"):
            assert torch.equal(getattr(a, name), getattr(b, name))


def test_what_is_filled_in_does_not_matter():
    hidden = picture()
    hidden[..., 3:] = torch.nan
    for a, b in zip(fill(resample=2), fill(hidden, resample=2), strict=True):
        assert torch.equal(a.x_prev, b.x_prev)


@pytest.mark.parametrize("mask", [HALF.bool(), HALF.long(), HALF.expand(2, 1, 6, 6)])
def test_masks_of_any_kind_are_the_same(mask):
    assert torch.equal(fill(mask=mask)[-1].x_prev, fill()[-1].x_prev)


def test_each_image_may_have_its_own_mask():
    end = fill(mask=torch.cat([HALF, 1 - HALF]))[-1].x_prev
    assert torch.equal(end[0, ..., :3], picture()[0, ..., :3])
    assert torch.equal(end[1, ..., 3:], picture()[1, ..., 3:])
    assert not torch.isclose(end[1, ..., :3], picture()[1, ..., :3]).any()


def filled(resample, sampler="ddim", first=0.9, n=2000):
    """Mean and standard deviation of many fillings of the second of two pixels."""
    x0 = torch.tensor([first, 0.0], dtype=torch.float64).expand(n, 1, 1, 2)
    mask = torch.tensor([1, 0]).reshape(1, 1, 1, 2)
    end = last(
        inpaint(
            TwoPixels(),
            x0,
            mask,
            noise(n, 1, 1, 2, dtype=torch.float64),
            LINEAR,
            num_steps=50,
            sampler=sampler,
            resample=resample,
            clip_x0=False,
            generator=torch.Generator().manual_seed(3),
        )
    ).x_prev[..., 1]
    return float(end.mean()), float(end.std())


@pytest.mark.parametrize("sampler", INPAINTING_SAMPLERS)
@pytest.mark.parametrize("first", [0.9, -0.6])
def test_resampling_fits_the_filling_to_what_is_known(sampler, first):
    """The mean is off by 0.22 without, as much as the spread, and by 0.05 with resample 10."""
    mean, std = TwoPixels().given(first)
    (once, _), (often, spread) = (filled(r, sampler, first) for r in (1, 10))
    assert abs(often - mean) < 0.07
    assert abs(often - mean) < abs(once - mean) / 3
    assert abs(spread - std) < 0.04


@pytest.mark.parametrize("num_steps", [1, 2, 8])
@pytest.mark.parametrize("resample", [1, 2, 5])
def test_every_evaluation_is_a_step_and_the_last_is_not_repeated(num_steps, resample):
    denoiser = Counting()
    w = fill(denoiser=denoiser, num_steps=num_steps, resample=resample)
    assert len(w) == len(denoiser.asked) == 1 + resample * (num_steps - 1)
    assert [s.nfe for s in w] == [s.index + 1 for s in w] == list(range(1, len(w) + 1))
    assert [s.t for s in w] == denoiser.asked
    once = [(s.t, s.t_prev) for s in fill(num_steps=num_steps)]
    repeated = [pair for pair in once[:-1] for _ in range(resample)] + once[-1:]
    assert [(s.t, s.t_prev) for s in w] == repeated
    assert w[-1].t_prev == -1 and w[-1].noise is None


@pytest.mark.parametrize("sampler", INPAINTING_SAMPLERS)
def test_every_number_is_drawn_in_the_order_that_is_written_down(sampler):
    """Replays the walk from the generators alone, by the equations."""
    seeds = [7, 8]
    x0, known = picture(dtype=torch.float64), HALF.bool()
    own = [torch.Generator().manual_seed(s) for s in seeds]
    w = fill(x0, sampler=sampler, resample=3, generator=own)
    replay = [torch.Generator().manual_seed(s) for s in seeds]
    for s, after in zip(w, w[1:], strict=False):
        z = draw_noise(x0.shape, replay, torch.float64)
        assert torch.equal(s.noise, z)
        a, b = LINEAR.alpha_bar(s.t), LINEAR.alpha_bar(s.t_prev)
        mixed = torch.where(known, q_sample(x0, s.t_prev, z, LINEAR), s.x_prev)
        torch.testing.assert_close(s.x_prev, mixed)
        terms = {"x_t": s.x_t, "x0_hat": s.x0_hat, "eps_hat": s.eps_hat, "noise": z}
        unknown = sum(w * terms[name] for name, w in s.weights.items())
        torch.testing.assert_close(s.x_prev, torch.where(known, s.x_prev, unknown))
        if after.t == s.t:  # the walk went back
            z = draw_noise(x0.shape, replay, torch.float64)
            back = (a / b).sqrt() * s.x_prev + (1 - a / b).sqrt() * z
            torch.testing.assert_close(after.x_t, back)
        else:
            assert after.x_t is s.x_prev
    for g, r in zip(own, replay, strict=True):
        assert torch.equal(g.get_state(), r.get_state())


def test_the_noise_of_an_image_does_not_depend_on_the_batch():
    def run(seeds, start):
        g = [torch.Generator().manual_seed(s) for s in seeds]
        return fill(picture(3)[start], x=noise(3, 3, 6, 6)[start], resample=2, generator=g)

    three, one = run([4, 5, 6], slice(None)), run([5], slice(1, 2))
    for a, b in zip(three, one, strict=True):
        if a.noise is not None:
            assert torch.equal(a.noise[1], b.noise[0])
        torch.testing.assert_close(a.x_prev[1], b.x_prev[0])


def test_zero_terminal_snr_needs_more_than_noise():
    with pytest.raises(ValueError, match="zero terminal SNR"):
        fill(schedule=ZERO_SNR)

    class Mean:
        """Says 0.25 whatever it sees."""

        def predict(self, x_t, t):
            x0 = torch.full_like(x_t, 0.25)
            a = ZERO_SNR.alpha_bar(t).reshape(-1, 1, 1, 1).float()
            return (x_t - a.sqrt() * x0) / (1 - a).sqrt(), x0

    for sampler in INPAINTING_SAMPLERS:
        w = fill(schedule=ZERO_SNR, denoiser=Mean(), sampler=sampler, resample=3)
        torch.testing.assert_close(w[-1].x_prev[..., 3:], torch.full((2, 3, 6, 3), 0.25))


def test_grad_mode_does_not_leak_into_the_consumer():
    x, g = noise(2, 3, 6, 6).requires_grad_(), torch.Generator()
    for s in inpaint(Counting(), picture(), HALF, x, LINEAR, num_steps=3, generator=g):
        assert torch.is_grad_enabled()
        assert not s.x_prev.requires_grad


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sampler": "heun"}, "Only ddim and ddpm"),
        ({"sampler": "euler"}, "Only ddim and ddpm"),
        ({"num_steps": 0}, "number of steps"),
        ({"spacing": "odd"}, "spacing"),
        ({"eta": 1.5}, "eta"),
        ({"eta": math.nan}, "eta"),
        ({"sampler": "ddpm", "eta": 0.5}, "eta"),
        ({"variance": "huge"}, "variance"),
        ({"resample": 0}, "resample"),
        ({"resample": 1.5}, "resample"),
        ({"resample": math.inf}, "resample"),
        ({"mask": HALF[0]}, "mask"),
        ({"mask": HALF.expand(3, 1, 6, 6)}, "mask"),
        ({"mask": HALF.expand(1, 3, 6, 6)}, "mask"),
        ({"mask": HALF[..., :5]}, "mask"),
        ({"mask": HALF / 2}, "mask"),
        ({"mask": HALF * math.nan}, "mask"),
        ({"x0": torch.zeros(2, 3, 6, 5), "x": torch.zeros(2, 3, 6, 6)}, "x0"),
        ({"x0": torch.zeros(2, 3, 6, 6).double(), "x": torch.zeros(2, 3, 6, 6)}, "x0"),
        ({"x0": torch.zeros(2, 6, 6)}, "mask"),
        ({"x0": torch.zeros(2, 3, 6, 6), "x": torch.zeros(2, 3, 6, 6).long()}, "x_start"),
        ({"generator": [torch.Generator()]}, "generators"),
    ],
)
def test_bad_arguments_say_what_is_wrong(options, words):
    with pytest.raises(ValueError, match=rf"{words}.*\.$"):
        fill(**options)
