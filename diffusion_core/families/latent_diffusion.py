"""Diffusion in the latent of a VAE: the core's process, denoiser and sampler on 16 numbers.

    z_0 ~ q(z | x),    z_t = alpha_t z_0 + sigma_t eps,    x = decoder(z_0)   (Rombach et al. 2022)

The VAE is trained before and stays as it is. A step of a walk then costs a perceptron instead of a
network of convolutions; what the decoder cannot draw, no walk brings back. Rombach et al. scale the
latent to variance 1 (their section D.1); here the VAE's divergence already holds it there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from ..denoiser import PREDICTIONS, ModelDenoiser
from ..points import PointNetwork, PointNetworkConfig
from ..process import q_sample
from ..samplers import sample
from ..schedule import make_schedule
from ..seeding import seeded
from ..training import TrainingData, ema_update, squared_errors
from .family import Family
from .perceptron import count_parameters
from .pictures import PictureShape, PictureVAE, dequantised

STEPS = 25  # of a walk, by DDIM
WIDTH, BLOCKS = 128, 4
PREDICTION = "v_prediction"
SLICE = 1000  # pictures that are encoded together


@dataclass(frozen=True, eq=False)
class LatentData:
    """Pictures as a VAE encodes them, a `training.TrainingData`.

    Attributes:
        moments: Mean and log variance of q(z | x), float32 (N, 2 L).
        labels: (N,).
    """

    moments: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """N, the number of pictures."""
        return len(self.moments)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Moments (B, 2 L) and labels (B,) by indices."""
        return self.moments[indices], self.labels[indices]


class LatentDiffusion(Family):
    """A VAE of pictures, and a small network that denoises its latent.

    Args:
        shape: What the VAE is made for; None is that of Fashion-MNIST.
        vae: The trained VAE; None is one with random weights, into which stored ones are read.
    """

    name = "latent diffusion"
    paper = "Rombach et al. 2022"
    evaluations = STEPS

    def __init__(self, shape: PictureShape | None = None, vae: PictureVAE | None = None) -> None:
        """Random weights of the network, by torch's own generator."""
        super().__init__()
        self.vae = PictureVAE(shape) if vae is None else vae
        self.vae.requires_grad_(False)
        self.shape, self.num_classes = self.vae.shape, self.vae.num_classes
        self.latent = self.vae.latent
        self.schedule = make_schedule("cosine")
        self.network = PointNetwork(
            PointNetworkConfig(
                dim=self.shape.latent,
                width=WIDTH,
                blocks=BLOCKS,
                frequencies=0,
                num_classes=self.num_classes,
            )
        )
        self.averaged = AveragedModel(self.network, multi_avg_fn=ema_update(0.999))
        self.averaged.requires_grad_(False)
        self.optimizers = [torch.optim.Adam(self.network.parameters(), lr=1e-3, fused=True)]

    @property
    def num_parameters(self) -> int:
        """All numbers that were trained: those of the VAE too."""
        return count_parameters(self.network) + sum(p.numel() for p in self.vae.parameters())

    @torch.no_grad()
    def prepared(self, data: Tensor | TrainingData) -> LatentData:
        """Pictures of classes, encoded once: the VAE learns no more.

        Raises:
            ValueError: if the pictures have no classes.
        """
        means, labels = [], []
        for first in torch.arange(len(data)).split(SLICE):
            x, y = (data[first], None) if isinstance(data, Tensor) else data.batch(first)
            if y is None:
                raise ValueError("This family is told a class: its pictures need labels.")
            spread = dequantised(x, seeded("latent diffusion", int(first[0])))
            means.append(torch.cat(self.vae.encode(spread, y), dim=1))
            labels.append(y)
        return LatentData(torch.cat(means), torch.cat(labels))

    def losses(
        self, x: Tensor, generator: torch.Generator, y: Tensor | None = None
    ) -> dict[str, float]:
        """One step on the squared error of v, at latents drawn from moments (B, 2 L)."""
        mean, log_variance = x.chunk(2, dim=1)
        z = mean + (log_variance / 2).exp() * torch.randn(mean.shape, generator=generator)
        t = torch.randint(len(self.schedule), (len(z),), generator=generator)
        eps = torch.randn(z.shape, generator=generator)
        target = PREDICTIONS[PREDICTION].target(z, t, eps, self.schedule)
        output = self.network(q_sample(z, t, eps, self.schedule), t, y)
        loss = squared_errors(output, target).mean()
        self.optimizers[0].zero_grad()
        loss.backward()
        self.optimizers[0].step()
        self.averaged.update_parameters(self.network)
        return {"loss": float(loss.detach())}

    def denoiser(self, y: Tensor | None) -> ModelDenoiser:
        """The averaged network, told labels (B,), as the denoiser of latents (B, L)."""
        network = self.averaged.module
        assert isinstance(network, PointNetwork)
        return ModelDenoiser(network, self.schedule, PREDICTION, y)

    @torch.no_grad()
    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """The pictures (B, C, H, W) where walks from noise (B, L) end."""
        for step in sample(self.denoiser(y), z, self.schedule, num_steps=STEPS, clip_x0=False):
            z = step.x_prev
        return self.vae.decode(z, y)

    def draw(self, count: int, generator: torch.Generator, y: Tensor | None = None) -> Tensor:
        """New pictures, float32 (count, C, H, W)."""
        return self.decode(torch.randn(count, self.latent or 0, generator=generator), y)


def latent_diffusion_of(vae: PictureVAE, seed: int) -> LatentDiffusion:
    """A latent diffusion around a trained VAE, with the random weights of a seed.

    Args:
        vae: It is held, and no more trained.
        seed: Of the network's weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LatentDiffusion(vae=vae)
