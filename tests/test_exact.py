"""The posterior mean of a finite data set: by hand, at both ends of the noise, and as a walk."""

import math

import pytest
import torch
from conftest import last
from torch.utils._python_dispatch import TorchDispatchMode

from diffusion_core import denoiser as denoiser_module
from diffusion_core.denoiser import ExactDenoiser
from diffusion_core.process import predict_eps
from diffusion_core.samplers import sample
from diffusion_core.schedule import NoiseSchedule, make_schedule

LINEAR = make_schedule("linear")
ZERO_SNR = make_schedule("cosine", zero_terminal_snr=True)


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def pictures(n, size=8, channels=1, seed=0, dtype=torch.float32):
    g = torch.Generator().manual_seed(seed)
    return torch.rand(n, channels, size, size, generator=g, dtype=dtype) * 2 - 1


def by_hand(x_t, alpha_bar, images):
    """The equation as it is printed, for one image, a number at a time."""
    signal, two_variance = math.sqrt(alpha_bar), 2 * (1 - alpha_bar)
    far = [float(((x_t - signal * x) ** 2).sum()) / two_variance for x in images]
    weights = [math.exp(min(far) - f) for f in far]
    return sum(w * x for w, x in zip(weights, images, strict=True)) / sum(weights)


@pytest.mark.parametrize("schedule", [LINEAR, ZERO_SNR], ids=["linear", "zero snr"])
def test_of_one_image_it_says_that_image_at_every_t(schedule):
    image = pictures(1, channels=3)
    t = torch.arange(len(schedule))
    _, x0_hat = ExactDenoiser(image, schedule).predict(
        normal(len(t), 3, 8, 8, dtype=torch.float32), t
    )
    torch.testing.assert_close(x0_hat, image.expand_as(x0_hat))


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize("t", [0, 10, 100, 500, 999])
def test_it_is_the_equation_of_the_paper(n, t):
    images = pictures(n, size=2, dtype=torch.float64)
    alpha_bar = float(LINEAR.alpha_bar(t))
    # Between the images, so that no single weight is all.
    x_t = math.sqrt(alpha_bar) * images.mean(0) + 0.3 * math.sqrt(1 - alpha_bar) * normal(
        3, 1, 2, 2
    )
    _, x0_hat = ExactDenoiser(images, LINEAR).predict(x_t, torch.full((3,), t))
    expected = torch.stack([by_hand(x, alpha_bar, images) for x in x_t])
    torch.testing.assert_close(x0_hat, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("beta", [1e-4, 1e-7, 1e-15])
def test_with_little_noise_it_says_the_nearest_image(beta):
    s = NoiseSchedule(torch.tensor([beta, 0.02]))
    images = pictures(30)
    x_t = images[[3, 17, 29]] + 1e-3 * normal(3, 1, 8, 8, dtype=torch.float32)
    eps_hat, x0_hat = ExactDenoiser(images, s).predict(x_t, torch.zeros(3, dtype=torch.int64))
    torch.testing.assert_close(x0_hat, images[[3, 17, 29]])
    assert bool(torch.isfinite(eps_hat).all())


@pytest.mark.parametrize("weight", [0.2, 0.5, 0.9])
def test_two_near_images_are_weighed_exactly_where_float32_would_guess(weight):
    """784 pixels and 1 - ᾱ = 1e-8: the weights hang on the ninth digit of a distance."""
    s = NoiseSchedule(torch.tensor([1e-8, 0.02], dtype=torch.float64))
    a_bar = s.alpha_bar(0)
    a = pictures(1, size=28, dtype=torch.float64)
    b = a.clone()
    b[0, 0, 14, 14] += 0.1
    # At a share u of the way from a to b the logits differ by ᾱ |b - a|² (2u - 1) / (2 (1 - ᾱ)).
    u = 0.5 - math.log(weight / (1 - weight)) * (1 - float(a_bar)) / (float(a_bar) * 0.01)
    x_t = a_bar.sqrt() * (a + u * (b - a))
    _, x0_hat = ExactDenoiser(torch.cat([a, b]), s).predict(x_t, 0)
    assert float((x0_hat - b)[0, 0, 14, 14] / (a - b)[0, 0, 14, 14]) == pytest.approx(
        weight, abs=1e-3
    )


def test_where_no_signal_is_left_it_says_the_mean():
    images, x_t = pictures(7), normal(4, 1, 8, 8, dtype=torch.float32)
    eps_hat, x0_hat = ExactDenoiser(images, ZERO_SNR).predict(x_t, torch.full((4,), 999))
    torch.testing.assert_close(x0_hat, images.mean(0).expand_as(x0_hat))
    assert torch.equal(eps_hat, x_t)


def test_noise_and_image_agree():
    denoiser, t = ExactDenoiser(pictures(7), LINEAR), torch.tensor([5, 400, 999])
    x_t = normal(3, 1, 8, 8, dtype=torch.float32)
    eps_hat, x0_hat = denoiser.predict(x_t, t)
    torch.testing.assert_close(eps_hat, predict_eps(x_t, t, x0_hat, LINEAR))
    assert torch.equal(denoiser(x_t, t), eps_hat)
    assert eps_hat.dtype == x0_hat.dtype == torch.float32


def noised(images, t):
    a = LINEAR.alpha_bar(t).reshape(-1, 1, 1, 1)
    return (a.sqrt() * images + (1 - a).sqrt() * normal(*images.shape)).float()


def test_an_image_does_not_depend_on_its_batch():
    images, t = pictures(40), torch.tensor([0, 3, 250, 600, 999])
    denoiser, x_t = ExactDenoiser(images, LINEAR), noised(images[:5], t)
    together = denoiser.predict(x_t, t)[1]
    alone = torch.cat([denoiser.predict(x_t[i : i + 1], t[i])[1] for i in range(5)])
    torch.testing.assert_close(together, alone, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("at_a_time", [1, 7, 40])
def test_nor_on_how_many_images_are_read_at_a_time(at_a_time, monkeypatch):
    images, t = pictures(40), torch.tensor([0, 3, 250, 600, 999])
    denoiser, x_t = ExactDenoiser(images, LINEAR), noised(images[20:25], t)
    at_once, near = denoiser.predict(x_t, t)[1], denoiser.nearest(x_t)
    monkeypatch.setattr(denoiser_module, "_CHUNK", at_a_time * 64)
    torch.testing.assert_close(denoiser.predict(x_t, t)[1], at_once, rtol=1e-6, atol=1e-6)
    for a, b in zip(denoiser.nearest(x_t), near, strict=True):
        torch.testing.assert_close(a, b)


def test_memory_is_bounded(monkeypatch):
    class Largest(TorchDispatchMode):
        numel = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            for y in out if isinstance(out, tuple | list) else (out,):
                if isinstance(y, torch.Tensor) and y.dtype == torch.float64:
                    self.numel = max(self.numel, y.numel())
            return out

    monkeypatch.setattr(denoiser_module, "_CHUNK", 1000)
    denoiser, x_t = ExactDenoiser(pictures(500), LINEAR), pictures(9, seed=1)
    with Largest() as largest:
        denoiser.predict(x_t, 500)
        denoiser.nearest(x_t)
    # 1001 is the schedule's own; the images are 32,000 numbers, and 288,000 one against another.
    assert 500 < largest.numel <= 1001


@pytest.mark.parametrize("schedule", [LINEAR, ZERO_SNR], ids=["linear", "zero snr"])
def test_a_walk_ends_on_images_of_the_set(schedule):
    images = pictures(20)
    denoiser = ExactDenoiser(images, schedule)
    x = normal(16, 1, 8, 8, dtype=torch.float32)
    end = last(sample(denoiser, x, schedule, num_steps=50)).x_prev
    index, distance = denoiser.nearest(end)
    assert float(distance.max()) < 1e-3
    torch.testing.assert_close(end, images[index], rtol=0, atol=1e-3)
    assert len(index.unique()) > 3


@pytest.mark.parametrize("t", [100, 300, 600])
def test_many_draws_of_a_gaussian_have_its_posterior_mean(t):
    mean, std = 0.3, 0.4
    denoiser = ExactDenoiser(mean + std * normal(50_000, 1, 1, 2), LINEAR)
    a = LINEAR.alpha_bar(t)
    spread = (a * std**2 + 1 - a).sqrt()
    x_t = a.sqrt() * mean + spread * torch.linspace(-1.5, 1.5, 7).double().reshape(-1, 1, 1, 1)
    x_t = torch.cat([x_t, x_t.flip(0)], dim=3)
    expected = mean + a.sqrt() * std**2 / spread**2 * (x_t - a.sqrt() * mean)
    torch.testing.assert_close(denoiser.predict(x_t, t)[1], expected, rtol=0, atol=0.02)


def test_nearest_is_exact_for_a_copy_and_measures_the_rest():
    images = pictures(50, size=28)
    index, rms = ExactDenoiser(images, LINEAR).nearest(images[[41, 7, 7]])
    assert index.tolist() == [41, 7, 7]
    assert rms.tolist() == [0, 0, 0]
    moved = images[[3, 30]] + torch.tensor([0.01, -0.2]).reshape(2, 1, 1, 1)
    index, rms = ExactDenoiser(images, LINEAR).nearest(moved)
    assert index.tolist() == [3, 30]
    torch.testing.assert_close(rms, torch.tensor([0.01, 0.2]), rtol=1e-5, atol=1e-6)


def test_nearest_is_the_least_of_all_distances():
    images = pictures(50) * torch.linspace(0.1, 1, 50).reshape(-1, 1, 1, 1)  # of many lengths
    x = pictures(20, seed=1) * 0.6
    far = (x[:, None] - images).square().flatten(2).mean(2).sqrt()
    index, rms = ExactDenoiser(images, LINEAR).nearest(x)
    assert torch.equal(index, far.argmin(1))
    torch.testing.assert_close(rms, far.amin(1))


@pytest.mark.parametrize(
    "images",
    [torch.zeros(()), torch.zeros(0, 1, 4, 4), torch.zeros(2, 1, 4, 4, dtype=torch.uint8)],
)
def test_a_set_must_be_images(images):
    with pytest.raises(ValueError, match=r"\.$"):
        ExactDenoiser(images, LINEAR)


@pytest.mark.parametrize(
    ("x", "t"),
    [
        (torch.zeros(2, 1, 4, 5), 3),
        (torch.zeros(1, 4, 4), 3),
        (torch.zeros(2, 1, 4, 4, dtype=torch.int64), 3),
        (torch.zeros(2, 1, 4, 4), torch.tensor([1, 2, 3])),
        (torch.zeros(2, 1, 4, 4), 1000),
        (torch.zeros(2, 1, 4, 4), -1),
    ],
)
def test_bad_arguments_say_what_is_wrong(x, t):
    with pytest.raises(ValueError, match=r"\.$"):
        ExactDenoiser(torch.zeros(2, 1, 4, 4), LINEAR).predict(x, t)


@pytest.mark.parametrize("x", [torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4, dtype=torch.uint8)])
def test_nearest_wants_images_of_the_sets_shape(x):
    with pytest.raises(ValueError, match=r"\.$"):
        ExactDenoiser(torch.zeros(2, 1, 4, 4), LINEAR).nearest(x)
