"""A generative adversarial network: a generator that is to fool a discriminator.

    L_D = -E log D(x) - E log(1 - D(G(z))),    L_G = -E log D(G(z))

The second is the non-saturating loss (Goodfellow et al. 2014, section 3). Where both are balanced
the discriminator's gradient at the data is punished (R1: Mescheder et al. 2018, eq. 9); without it,
and with a generator that runs ahead, the generator falls upon the modes that fool best at the
moment, one after another: mode collapse, which `collapse` provokes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from .family import Family
from .perceptron import perceptron, width_for

LATENT = 8


@dataclass(frozen=True)
class GANSettings:
    """How generator and discriminator are trained.

    Attributes:
        rates: Learning rates of the generator and the discriminator.
        betas: Adam's betas, of both.
        r1: The weight γ of the gradient penalty at the data, γ/2 E |∇D(x)|²; 0 leaves it out.
        average: Decay of the generator's averaged weights, which draw.
    """

    rates: tuple[float, float] = (2e-3, 2e-3)
    betas: tuple[float, float] = (0.0, 0.99)  # Karras et al. 2018
    r1: float = 0.1
    average: float = 0.99


BALANCED = GANSettings()
COLLAPSING = GANSettings((5e-3, 5e-4), (0.9, 0.99), r1=0.0)


class Adversaries(Family):
    """A generator and a discriminator, whatever their networks.

    Args:
        generator: (z (B, L)[, y (B,)]) -> (B, ...).
        discriminator: (x (B, ...)[, y (B,)]) -> logits (B, 1).
        latent: L, numbers of the generator's noise.
        settings: How they are trained.
    """

    name = "GAN"
    paper = "Goodfellow et al. 2014"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent: int,
        settings: GANSettings = BALANCED,
    ) -> None:
        """Make the optimisers and the average."""
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.latent, self.r1 = latent, settings.r1
        self.averaged = AveragedModel(
            generator, multi_avg_fn=get_ema_multi_avg_fn(settings.average)
        )
        self.averaged.requires_grad_(False)  # it is no part of what is trained
        self.optimizers = [
            torch.optim.Adam(part.parameters(), lr=rate, betas=settings.betas, fused=True)
            for part, rate in zip((generator, discriminator), settings.rates, strict=True)
        ]

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Latents, standard normal, (count, latent)."""
        return torch.randn(count, self.latent or 0, generator=generator)

    def losses(
        self, x: Tensor, generator: torch.Generator, y: Tensor | None = None
    ) -> dict[str, float]:
        """One step of the discriminator, then one of the generator."""
        of_g, of_d = self.optimizers
        told = () if y is None else (y,)
        real = x.detach().requires_grad_(self.r1 > 0)
        fake = self.generator(self.noise(len(x), generator), *told)
        at_real = self.discriminator(real, *told)
        at_fake = self.discriminator(fake.detach(), *told)
        loss_d = F.softplus(-at_real).mean() + F.softplus(at_fake).mean()
        punished = loss_d
        if self.r1:
            (slope,) = torch.autograd.grad(at_real.sum(), real, create_graph=True)
            punished = loss_d + self.r1 / 2 * slope.square().flatten(1).sum(1).mean()
        of_d.zero_grad()
        punished.backward()
        of_d.step()
        self.discriminator.requires_grad_(False)  # it passes the gradient on, and needs none itself
        loss_g = F.softplus(-self.discriminator(fake, *told)).mean()
        self.discriminator.requires_grad_(True)
        of_g.zero_grad()
        loss_g.backward()
        of_g.step()
        self.averaged.update_parameters(self.generator)
        return {"discriminator": float(loss_d.detach()), "generator": float(loss_g.detach())}

    @torch.no_grad()
    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """The averaged generator's samples (B, ...) of latents (B, latent)."""
        return self.averaged(z) if y is None else self.averaged(z, y)

    def draw(self, count: int, generator: torch.Generator, y: Tensor | None = None) -> Tensor:
        """New samples, float32 (count, ...)."""
        return self.decode(self.noise(count, generator), y)

    @torch.no_grad()
    def realness(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """D(x), from 0 to 1, (B,): what the discriminator takes for data, as a field to look at."""
        logits = self.discriminator(x) if y is None else self.discriminator(x, y)
        return torch.sigmoid(logits[:, 0])


class GAN(Adversaries):
    """A generator and a discriminator of points, perceptrons of equal width.

    Args:
        parameters: Number of parameters of both together, nearly.
        dim: Numbers of a point.
        collapse: Train it in a way that loses modes: no R1, momentum, and a generator that learns
            ten times as fast as the discriminator.
        settings: How it is trained; None is as `collapse` says.
    """

    def __init__(
        self,
        parameters: int,
        dim: int = 2,
        *,
        collapse: bool = False,
        settings: GANSettings | None = None,
    ) -> None:
        """Random weights, by torch's own generator."""

        def both(width: int) -> nn.ModuleList:
            return nn.ModuleList([perceptron(LATENT, dim, width), perceptron(dim, 1, width)])

        generator, discriminator = both(width_for(parameters, both))
        chosen = settings or (COLLAPSING if collapse else BALANCED)
        super().__init__(generator, discriminator, LATENT, chosen)
