"""What `health` judges a training run by, measured cheaply: on a few pictures, once."""

from __future__ import annotations

import torch
from torch import Tensor

from .draws import seeded
from .image_dataset import ImageDataset
from .process import q_sample
from .schedule import NoiseSchedule
from .training import training_target
from .unet import UNet

_CHUNK = 2**22  # numbers held at a time


def saturation(x: Tensor) -> float:
    """The share of values that are shown as fully black or white: |x| >= 1 - 1/255.

    Args:
        x: Images in [-1, 1] or beyond, at least one.
    """
    return float((x.abs() >= 1 - 1 / 255).float().mean())


@torch.no_grad()
def ema_gap(
    raw: UNet,
    averaged: UNet,
    dataset: ImageDataset,
    schedule: NoiseSchedule,
    prediction_type: str,
    *,
    num: int = 64,
) -> float:
    """How much larger the averaged network's error is than the raw one's: their quotient less 1.

    Of the same pictures and noise, at timesteps spread over all. Above 0 the average lags; later
    it lies below. The distance of the weights cannot tell: 0.17 was measured in a healthy run at
    its full learning rate, 0.02 to 0.36 where the average lagged.

    Args:
        raw: The network in training.
        averaged: Its average.
        dataset: Of the training.
        schedule: Of the training.
        prediction_type: Of the network.
        num: Pictures; each network sees them once.
    """
    generator = seeded("ema gap")
    chosen = torch.randint(len(dataset), (num,), generator=generator)
    x0, y = dataset.batch(chosen)
    t = (torch.arange(num) * len(schedule) + len(schedule) // 2) // num
    eps = torch.randn(x0.shape, generator=generator)
    target = training_target(prediction_type, x0, t, eps, schedule)
    x_t = q_sample(x0, t, eps, schedule)
    if raw.config.attributes:
        y = dataset.conditions(chosen)
    y = None if raw.config.num_classes is None else y
    errors = []
    for unet in (raw, averaged):
        device, training = next(unet.parameters()).device, unet.training
        unet.eval()
        try:
            output = unet(x_t.to(device), t.to(device), None if y is None else y.to(device))
        finally:
            unet.train(training)
        errors.append(float((output.float().cpu() - target).square().mean()))
    return errors[1] / errors[0] - 1


@torch.no_grad()
def nearest_ratio(
    samples: Tensor, dataset: ImageDataset, *, num_real: int = 256
) -> tuple[float, float]:
    """Median distance to the nearest training picture: of samples, and of training pictures.

    Root mean square over pixels, 2 is black against white. A training picture is compared with all
    others but itself.

    Args:
        samples: Images, (B, C, H, W) in [-1, 1].
        dataset: At least two pictures; they are made floats a slice at a time.
        num_real: At most so many training pictures are measured.

    Raises:
        ValueError: if the samples are not of the data's shape, or there are too few of either.
    """
    N = len(dataset)
    if samples.shape[1:] != dataset.shape or not len(samples) or N < 2:
        raise ValueError(
            f"There must be samples of the shape (B, {', '.join(map(str, dataset.shape))}), got "
            f"{tuple(samples.shape)}, and at least two pictures, got {N}."
        )
    own = torch.randperm(N, generator=seeded("nearest", N))[:num_real]
    x = torch.cat([samples.float().cpu(), dataset.batch(own)[0]]).flatten(1)  # (B', D)
    best = torch.full((len(x),), torch.inf)
    index = torch.zeros(len(x), dtype=torch.int64)
    for part in torch.arange(N).split(max(1, _CHUNK // max(x.shape))):
        images = dataset.batch(part)[0].flatten(1)  # (n, D)
        far = images.square().sum(1) - 2 * x @ images.T  # + |x|²
        mine = ((own >= part[0]) & (own <= part[-1])).nonzero()[:, 0]
        far[len(samples) + mine, own[mine] - part[0]] = torch.inf
        near, at = far.min(1)
        index = torch.where(near < best, at + part[0], index)
        best = torch.minimum(best, near)
    # From the difference, since |x|² - 2xy + |y|² of equal images is not exactly 0.
    rms = (x - dataset.batch(index)[0].flatten(1)).square().mean(1).sqrt()
    return float(rms[: len(samples)].median()), float(rms[len(samples) :].median())
