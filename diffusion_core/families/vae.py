"""A variational autoencoder: an encoder and a decoder around a latent that is nearly normal.

    -ELBO = E_q(z|x) [-log p(x | z)] + KL(q(z | x) || N(0, I))    (Kingma and Welling 2014, eq. 3)

with q(z | x) = N(mu(x), diag sigma(x)²), and p(x | z) = N(decoder(z), s² I), where s is learnt too.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .family import Family
from .perceptron import perceptron, width_for

LATENT = 2  # so that it can be shown as a plane


class Autoencoder(Family):
    """An encoder and a decoder around a latent, whatever their networks.

    Args:
        encoder: (x (B, ...)[, y (B,)]) -> (B, 2 L), mean and log variance of q(z | x).
        decoder: (z (B, L)[, y (B,)]) -> (B, ...), the mean of p(x | z).
        latent: L, numbers of the latent.
        rate: Adam's learning rate.
    """

    name = "VAE"
    paper = "Kingma and Welling 2014"

    def __init__(self, encoder: nn.Module, decoder: nn.Module, latent: int, rate: float) -> None:
        """Make the optimiser."""
        super().__init__()
        self.encoder, self.decoder, self.latent = encoder, decoder, latent
        self.log_s = nn.Parameter(torch.tensor(-1.0))
        self.optimizers = [torch.optim.Adam(self.parameters(), lr=rate, fused=True)]

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | x), each (B, latent)."""
        out = self.encoder(x) if y is None else self.encoder(x, y)
        mean, log_variance = out.chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)

    def bound(self, x: Tensor, noise: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """-log p(x | z) at one z an x, and the KL divergence, each (B,); their sum is -ELBO.

        Args:
            x: Samples, (B, ...).
            noise: Standard normal, (B, latent).
            y: Labels, (B,), where it has classes.
        """
        mean, log_variance = self.encode(x, y)
        z = mean + (log_variance / 2).exp() * noise
        log_s = self.log_s.clamp(-5, 2)
        decoded = self.decoder(z) if y is None else self.decoder(z, y)
        far = (x - decoded).square().flatten(1).sum(1)
        D = x[0].numel()
        missing = far / (2 * (2 * log_s).exp()) + D * (log_s + math.log(2 * math.pi) / 2)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
        return missing, divergence

    def losses(
        self, x: Tensor, generator: torch.Generator, y: Tensor | None = None
    ) -> dict[str, float]:
        """One step on -ELBO."""
        missing, divergence = self.bound(x, self.noise(len(x), generator), y)
        loss = (missing + divergence).mean()
        self.optimizers[0].zero_grad()
        loss.backward()
        self.optimizers[0].step()
        return {
            "reconstruction": float(missing.detach().mean()),
            "divergence": float(divergence.detach().mean()),
        }

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Latents, standard normal, (count, latent)."""
        return torch.randn(count, self.latent or 0, generator=generator)

    @torch.no_grad()
    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """The mean (B, ...) of p(x | z), for latents (B, latent)."""
        return self.decoder(z) if y is None else self.decoder(z, y)

    @torch.no_grad()
    def draw(self, count: int, generator: torch.Generator, y: Tensor | None = None) -> Tensor:
        """New samples, float32 (count, ...), of p(x | z) with its noise."""
        mean = self.decode(self.noise(count, generator), y)
        noise = torch.randn(mean.shape, generator=generator)
        return mean + self.log_s.clamp(-5, 2).exp() * noise


class VAE(Autoencoder):
    """An encoder and a decoder of points, perceptrons of equal width.

    Args:
        parameters: Number of parameters of both together, nearly.
        dim: Numbers of a point.
    """

    def __init__(self, parameters: int, dim: int = 2) -> None:
        """Random weights, by torch's own generator."""

        def both(width: int) -> nn.ModuleList:
            encoder = perceptron(dim, 2 * LATENT, width)
            return nn.ModuleList([encoder, perceptron(LATENT, dim, width)])

        encoder, decoder = both(width_for(parameters, both))
        super().__init__(encoder, decoder, LATENT, rate=2e-3)
