"""A generative adversarial network: a generator that is to fool a discriminator.

    L_D = -E log D(x) - E log(1 - D(G(z))),    L_G = -E log D(G(z))

The second is the non-saturating loss (Goodfellow et al. 2014, section 3). Where both are balanced
the discriminator's gradient at the data is punished (R1: Mescheder et al. 2018, eq. 9), on points
that at the samples too (R2), with a relativistic loss (Huang et al. 2024). Without,
and with a generator that runs ahead, the generator falls upon the modes that fool best at the
moment, one after another: mode collapse, which `collapse` provokes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

from ..training import ema_update
from .family import Family
from .perceptron import Waves, perceptron, width_for


@dataclass(frozen=True)
class GANSettings:
    """How generator and discriminator are trained.

    Attributes:
        rates: Learning rates of the generator and the discriminator.
        betas: Adam's betas, of both.
        r1: The weight γ of the gradient penalty at the data, γ/2 E |∇D(x)|²; 0 leaves it out.
        r2: The same at the generated samples.
        relativistic: A sample is judged against a sample of the other side,
            L_D = E softplus(D(G(z)) - D(x)), and L_G the reverse (Jolicoeur-Martineau 2019); with
            both penalties it converges to the data, where the usual loss may drop modes (Huang et
            al. 2024, R3GAN).
        average: Decay of the generator's averaged weights, which draw; it begins low.
        frequencies: Of a GAN of points: each coordinate also enters the discriminator by so many
            sines and cosines, as in `points.PointNetwork`.
        latent: Of a GAN of points: numbers of the generator's noise.
    """

    rates: tuple[float, float] = (2e-3, 2e-3)
    betas: tuple[float, float] = (0.0, 0.99)  # Karras et al. 2018
    r1: float = 0.1
    r2: float = 0.0
    relativistic: bool = False
    average: float = 0.998
    frequencies: int = 0
    latent: int = 8


BALANCED = GANSettings(  # of points; chosen by the trials in docs/bench.md
    (1e-3, 1e-3), r1=0.1, r2=0.1, relativistic=True, frequencies=1
)
COLLAPSING = GANSettings((5e-3, 5e-4), (0.9, 0.99), r1=0.0, average=0.99, frequencies=0)


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
        self.latent, self.settings = latent, settings
        self.averaged = AveragedModel(generator, multi_avg_fn=ema_update(settings.average))
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
        chosen = self.settings
        real = x.detach().requires_grad_(chosen.r1 > 0)
        fake = self.generator(self.noise(len(x), generator), *told)
        made = fake.detach().requires_grad_(chosen.r2 > 0)
        at_real, at_made = self.discriminator(real, *told), self.discriminator(made, *told)
        if chosen.relativistic:
            loss_d = F.softplus(at_made - at_real).mean()
        else:
            loss_d = F.softplus(-at_real).mean() + F.softplus(at_made).mean()
        punished = loss_d
        for weight, at, where in ((chosen.r1, at_real, real), (chosen.r2, at_made, made)):
            if weight:
                (slope,) = torch.autograd.grad(at.sum(), where, create_graph=True)
                punished = punished + weight / 2 * slope.square().flatten(1).sum(1).mean()
        of_d.zero_grad()
        punished.backward()
        of_d.step()
        self.discriminator.requires_grad_(False)  # it passes the gradient on, and needs none itself
        at_fake = self.discriminator(fake, *told)
        if chosen.relativistic:
            loss_g = F.softplus(self.discriminator(x, *told) - at_fake).mean()
        else:
            loss_g = F.softplus(-at_fake).mean()
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

    batch = 256  # a step of a GAN costs two of others

    def __init__(
        self,
        parameters: int,
        dim: int = 2,
        *,
        collapse: bool = False,
        settings: GANSettings | None = None,
    ) -> None:
        """Random weights, by torch's own generator."""
        chosen = settings or (COLLAPSING if collapse else BALANCED)
        waves = Waves(dim, chosen.frequencies)

        def both(width: int) -> nn.ModuleList:
            generator = perceptron(chosen.latent, dim, width)
            return nn.ModuleList([generator, perceptron(waves.outputs, 1, width)])

        generator, discriminator = both(width_for(parameters, both))
        told = nn.Sequential(waves, discriminator)
        super().__init__(generator, told, chosen.latent, chosen)
