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


class VAE(Family):
    """An encoder and a decoder of equal width.

    Args:
        parameters: Number of parameters of both together, nearly.
        dim: Numbers of a point.
    """

    name = "VAE"
    paper = "Kingma and Welling 2014"
    latent = LATENT

    def __init__(self, parameters: int, dim: int = 2) -> None:
        """Random weights, by torch's own generator."""
        super().__init__()

        def both(width: int) -> nn.ModuleList:
            encoder = perceptron(dim, 2 * LATENT, width)
            return nn.ModuleList([encoder, perceptron(LATENT, dim, width)])

        self.encoder, self.decoder = both(width_for(parameters, both))
        self.log_s = nn.Parameter(torch.tensor(-1.0))
        self._optimizer = torch.optim.Adam(self.parameters(), lr=2e-3, fused=True)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | x), each (B, 2)."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)

    def bound(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """-log p(x | z) at one z an x, and the KL divergence, each (B,); their sum is -ELBO.

        Args:
            x: Points, (B, D).
            noise: Standard normal, (B, 2).
        """
        mean, log_variance = self.encode(x)
        z = mean + (log_variance / 2).exp() * noise
        log_s = self.log_s.clamp(-5, 2)
        far = (x - self.decoder(z)).square().sum(1)
        D = x.shape[1]
        missing = far / (2 * (2 * log_s).exp()) + D * (log_s + math.log(2 * math.pi) / 2)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
        return missing, divergence

    def losses(self, x: Tensor, generator: torch.Generator) -> dict[str, float]:
        """One step on -ELBO."""
        missing, divergence = self.bound(x, torch.randn(len(x), LATENT, generator=generator))
        loss = (missing + divergence).mean()
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return {
            "reconstruction": float(missing.detach().mean()),
            "divergence": float(divergence.detach().mean()),
        }

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """The decoder's mean points (B, D) of latents (B, 2)."""
        return self.decoder(z)

    @torch.no_grad()
    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """New points, float32 (count, D), of p(x | z) with its noise."""
        mean = self.decoder(torch.randn(count, LATENT, generator=generator))
        noise = torch.randn(mean.shape, generator=generator)
        return mean + self.log_s.clamp(-5, 2).exp() * noise
