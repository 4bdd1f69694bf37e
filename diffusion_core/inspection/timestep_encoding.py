"""How a network is told its timestep, and what it does when it is told the wrong one.

    e(t) = W_2 silu(W_1 s(t) + b_1) + b_2

s(t) are sines and cosines of t at many frequencies (Vaswani et al. 2017, section 3.5; Ho et al.
2020, appendix B), or Fourier features of a noise level (Song et al. 2021); e(t) is the learnt
embedding that every residual block gets. Both are computed by the network's own modules.

A network that is told t' for a picture noised to t computes f(x_t, e(t')). What its output means
still depends on the true t: x0_hat follows from it with alpha_t and sigma_t, and an output that is
scaled by the noise level is scaled by that of t. So only the encoding is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..denoiser import ModelDenoiser, Network, NetworkConfig, noise_condition
from ..unet import UNet


@dataclass(frozen=True, eq=False)
class TimestepEncoding:
    """The encodings of a network's timesteps, a row a timestep.

    Attributes:
        t: The timesteps, int64, (N,).
        features: Sines and cosines, as the network computes them, float32, (N, D).
        embedding: What the network has learnt to make of them, float32, (N, E).
    """

    t: Tensor
    features: Tensor
    embedding: Tensor

    def similarity(self) -> Tensor:
        """Cosine of the angle between the learnt embeddings of every two timesteps, (N, N)."""
        return cosine_similarity(self.embedding)


def timestep_encoding(unet: UNet, t: Tensor) -> TimestepEncoding:
    """The encodings of timesteps; takes milliseconds, since no picture is looked at.

    Args:
        unet: The network.
        t: Timesteps, int64, (N,). Fourier features have none of t = 0, where the logarithm of the
            noise level is undefined: that row is NaN.
    """
    where = next(unet.parameters())
    with torch.inference_mode():
        features = unet.timestep_features(noise_condition(unet.config, t.to(where.device)))
        embedding = unet.time_embedding(features.to(where.dtype))
    return TimestepEncoding(t.cpu(), features.float().cpu(), embedding.float().cpu())


def cosine_similarity(rows: Tensor) -> Tensor:
    """Cosine of the angle between every two rows: (N, D) to (N, N), in [-1, 1]."""
    unit = F.normalize(rows, dim=1)
    return (unit @ unit.T).clamp(-1, 1)


class ToldTimestep:
    """A network that is told timesteps of our choice, whatever timesteps it is called with.

    It has the form of `denoiser.Network`, so that a `ModelDenoiser` of it, guided or not, converts
    by the true timesteps what the network predicts at the told ones.

    Args:
        network: The network; it is shared, and not changed.
        told: The timestep t' for all pictures, or one each, int64, (B,). Guidance evaluates 2B
            pictures, which repeats them.
    """

    def __init__(self, network: Network, told: int | Tensor) -> None:
        """Hold the parts; nothing is computed."""
        self.network, self.told = network, torch.as_tensor(told).reshape(-1)

    @property
    def config(self) -> NetworkConfig:
        """The network's shape."""
        return self.network.config

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """What the network predicts from x_t (B, ...) at the told timesteps; t is not looked at."""
        told = self.told.to(x_t.device).repeat(len(x_t) // len(self.told))
        return self.network(x_t, noise_condition(self.config, told), y)

    def parameters(self) -> Iterator[nn.Parameter]:
        """The network's weights."""
        return self.network.parameters()

    def to(self, device: torch.device) -> Any:
        """Move the network to a device, in place."""
        return self.network.to(device)


def told_denoiser(denoiser: ModelDenoiser, told: int | Tensor) -> ModelDenoiser:
    """The denoiser with its network told t', int or (B,), in place of the true timestep."""
    network = ToldTimestep(denoiser.network, told)
    return ModelDenoiser(network, denoiser.schedule, denoiser.prediction_type, denoiser.y)


def wrong_time_curve(
    denoiser: ModelDenoiser,
    x0: Tensor,
    x_t: Tensor,
    t: int,
    told: Sequence[int],
    *,
    clip_x0: float = 0.0,
    batch_size: int = 32,
) -> Tensor:
    """Error of x0_hat against the truth for every t' that the network is told.

    Args:
        denoiser: The network with its schedule, and a condition for all pictures or one each.
        x0: The clean pictures, (B, ...).
        x_t: The same, noised to t.
        t: The true timestep.
        told: The timesteps t', at least one.
        clip_x0: x0_hat is clipped to [-clip_x0, clip_x0]; 0 leaves it.
        batch_size: Most pictures that are evaluated at once; a whole number of the B are.

    Returns:
        Mean squared error over all pictures, float64, (len(told),).
    """
    B, device = len(x0), x_t.device
    every = torch.tensor([*told], device=device)
    labels = denoiser.labels(torch.full((B,), t, device=device))
    errors = []
    with torch.inference_mode():
        for part in every.split(max(1, batch_size // B)):
            n = len(part)
            y = None if labels is None else labels.repeat(n, *(1,) * (labels.ndim - 1))
            each = ModelDenoiser(
                ToldTimestep(denoiser.network, part.repeat_interleave(B)),
                denoiser.schedule,
                denoiser.prediction_type,
                y,
            )
            many = x_t.repeat(n, *(1,) * (x_t.ndim - 1))
            _, x0_hat = each.predict(many, torch.full((n * B,), t, device=device))
            if clip_x0:
                x0_hat = x0_hat.clamp(-clip_x0, clip_x0)
            apart = x0_hat.reshape(n, *x0.shape) - x0.to(device)
            errors.append(apart.double().square().flatten(1).mean(dim=1).cpu())
    return torch.cat(errors)
