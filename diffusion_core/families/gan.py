"""A generative adversarial network: a generator that is to fool a discriminator.

    L_D = -E log D(x) - E log(1 - D(G(z))),    L_G = -E log D(G(z))

The second is the non-saturating loss (Goodfellow et al. 2014, section 3). Where both are balanced
the discriminator's gradient at the data is punished (R1: Mescheder et al. 2018, eq. 9); without it,
and with a generator that runs ahead, the generator falls upon the modes that fool best at the
moment, one after another: mode collapse, which `collapse` provokes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from .family import Family
from .perceptron import perceptron, width_for

LATENT = 8
R1 = 0.1
AVERAGE = 0.99  # decay of the generator's averaged weights, which draw
BALANCED = ((2e-3, 2e-3), (0.0, 0.99))  # learning rates of both; Adam's betas (Karras et al. 2018)
COLLAPSING = ((5e-3, 5e-4), (0.9, 0.99))


class GAN(Family):
    """A generator and a discriminator of equal width.

    Args:
        parameters: Number of parameters of both together, nearly.
        dim: Numbers of a point.
        collapse: Train it in a way that loses modes: no R1, momentum, and a generator that learns
            ten times as fast as the discriminator.
    """

    name = "GAN"
    paper = "Goodfellow et al. 2014"
    latent = LATENT

    def __init__(self, parameters: int, dim: int = 2, *, collapse: bool = False) -> None:
        """Random weights, by torch's own generator."""
        super().__init__()

        def both(width: int) -> nn.ModuleList:
            return nn.ModuleList([perceptron(LATENT, dim, width), perceptron(dim, 1, width)])

        self.generator, self.discriminator = both(width_for(parameters, both))
        self.r1 = 0.0 if collapse else R1
        rates, betas = COLLAPSING if collapse else BALANCED
        self.averaged = AveragedModel(self.generator, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
        self.averaged.requires_grad_(False)  # it is no part of what is trained
        self._optimizers = [
            torch.optim.Adam(part.parameters(), lr=rate, betas=betas, fused=True)
            for part, rate in zip((self.generator, self.discriminator), rates, strict=True)
        ]

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Latents, standard normal, (count, 8)."""
        return torch.randn(count, LATENT, generator=generator)

    def losses(self, x: Tensor, generator: torch.Generator) -> dict[str, float]:
        """One step of the discriminator, then one of the generator."""
        of_g, of_d = self._optimizers
        real = x.detach().requires_grad_(self.r1 > 0)
        fake = self.generator(self.noise(len(x), generator))
        at_real, at_fake = self.discriminator(real), self.discriminator(fake.detach())
        loss_d = F.softplus(-at_real).mean() + F.softplus(at_fake).mean()
        punished = loss_d
        if self.r1:
            (slope,) = torch.autograd.grad(at_real.sum(), real, create_graph=True)
            punished = loss_d + self.r1 / 2 * slope.square().sum(1).mean()
        of_d.zero_grad()
        punished.backward()
        of_d.step()
        loss_g = F.softplus(-self.discriminator(fake)).mean()
        of_g.zero_grad()
        loss_g.backward()
        of_g.step()
        self.averaged.update_parameters(self.generator)
        return {"discriminator": float(loss_d.detach()), "generator": float(loss_g.detach())}

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """The generator's points (B, D) of latents (B, 8)."""
        return self.averaged(z)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """New points, float32 (count, D)."""
        return self.decode(self.noise(count, generator))

    @torch.no_grad()
    def realness(self, x: Tensor) -> Tensor:
        """D(x), from 0 to 1, (B,): what the discriminator takes for data, as a field to look at."""
        return torch.sigmoid(self.discriminator(x)[:, 0])
