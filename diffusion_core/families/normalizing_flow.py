"""A normalizing flow of affine couplings: a map from noise to data that can be run backwards.

    y_a = x_a,   y_b = x_b · exp(s(x_a)) + t(x_a)        (Dinh et al. 2017, RealNVP, eq. 7 and 8)

A coupling leaves one half as it is and scales and shifts the other by it; halves take turns. Its
inverse is as cheap, and log |det| of its Jacobian is the sum of s, so that the density of every
point is known exactly:  log p(x) = log N(z; 0, I) + Σ log |det|,  z = f(x).
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from .family import Family
from .perceptron import perceptron, width_for

COUPLINGS = 10
LARGEST = 2.0  # of |s|: e² is 7.4


class Coupling(nn.Module):
    """One affine coupling of points of even dimension.

    Args:
        dim: Numbers of a point.
        width: Of the hidden layers of its network.
        first: Whether the first half is left as it is, or the second.
    """

    def __init__(self, dim: int, width: int, first: bool) -> None:
        """Begin as the identity."""
        super().__init__()
        self.first, half = first, dim // 2
        self.network = perceptron(half, 2 * half, width, layers=2)
        last = self.network[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a, b = x.chunk(2, dim=1)
        return (a, b) if self.first else (b, a)

    def _joined(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.cat((a, b) if self.first else (b, a), dim=1)

    def _scale_and_shift(self, a: Tensor) -> tuple[Tensor, Tensor]:
        s, t = self.network(a).chunk(2, dim=1)
        return LARGEST * torch.tanh(s / LARGEST), t

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Towards the noise: y (B, D) and log |det dy/dx| (B,)."""
        a, b = self._parts(x)
        s, t = self._scale_and_shift(a)
        return self._joined(a, b * s.exp() + t), s.sum(1)

    def inverse(self, y: Tensor) -> Tensor:
        """Towards the data: x (B, D)."""
        a, b = self._parts(y)
        s, t = self._scale_and_shift(a)
        return self._joined(a, (b - t) * (-s).exp())


class Flow(Family):
    """A map between samples and a normal distribution of as many numbers, that can be inverted."""

    name = "normalizing flow"
    paper = "Dinh et al. 2017"
    grad_clip = 5.0  # largest norm of the gradient

    @abstractmethod
    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Z = f(x), (B, latent), and log |det dz/dx|, (B,), of samples (B, ...)."""

    @abstractmethod
    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """The samples (B, ...) of noise (B, latent): the inverse of `encode`."""

    def _log_likelihood(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        z, change = self.encode(x, y)
        return change - z.square().sum(1) / 2 - z.shape[1] / 2 * math.log(2 * math.pi)

    def losses(
        self, x: Tensor, generator: torch.Generator, y: Tensor | None = None
    ) -> dict[str, float]:
        """One step on the negative log-likelihood."""
        loss = -self._log_likelihood(x, y).mean()
        self.optimizers[0].zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), self.grad_clip)
        self.optimizers[0].step()
        return {"negative log-likelihood": float(loss.detach())}

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Latents, standard normal, (count, latent)."""
        return torch.randn(count, self.latent or 0, generator=generator)

    def draw(self, count: int, generator: torch.Generator, y: Tensor | None = None) -> Tensor:
        """New samples, float32 (count, ...)."""
        return self.decode(self.noise(count, generator), y)

    @torch.no_grad()
    def log_likelihood(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Log p(x), natural, exact, (B,), of samples (B, ...)."""
        return self._log_likelihood(x, y)


class NormalizingFlow(Flow):
    """Ten couplings between points and a normal distribution.

    Args:
        parameters: Number of parameters, nearly.
        dim: Numbers of a point; even.

    Raises:
        ValueError: if dim is odd.
    """

    def __init__(self, parameters: int, dim: int = 2) -> None:
        """Begin as the identity."""
        super().__init__()
        if dim % 2:
            raise ValueError(f"A coupling halves its points, so their numbers must be even: {dim}.")

        def all_(width: int) -> nn.ModuleList:
            return nn.ModuleList(Coupling(dim, width, k % 2 == 0) for k in range(COUPLINGS))

        self.latent = dim
        self.couplings = all_(width_for(parameters, all_))
        self.optimizers = [torch.optim.Adam(self.parameters(), lr=1e-3, fused=True)]

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Z = f(x), (B, D), and log |det dz/dx|, (B,)."""
        total = torch.zeros(len(x))
        for coupling in self.couplings:
            x, change = coupling(x)
            total = total + change
        return x, total

    @torch.no_grad()
    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """The points (B, D) of noise (B, D): the inverse of `encode`."""
        for coupling in reversed(list(self.couplings)):
            assert isinstance(coupling, Coupling)
            z = coupling.inverse(z)
        return z
