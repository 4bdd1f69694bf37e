"""A normalizing flow of small pictures in two scales, with an exact likelihood.

    logit -> [fold 2 × 2 pixels into channels -> couplings] twice, half taken out after the first

Each step is an invertible 1 × 1 convolution and an affine coupling whose network is told the class
(Dinh et al. 2017, sections 3.6 and 3.7; Kingma and Dhariwal 2018, Glow). The logit keeps pictures
within their range: without it half of the density would lie beyond black (Dinh et al. 2017, 4.1).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .normalizing_flow import LARGEST, Flow
from .pictures import PictureShape, dequantised

FIRST, SECOND = 6, 8  # steps of each scale
EDGE = 0.05  # a pixel in [0, 1] becomes EDGE to 1 - EDGE before the logit


class Mixing(nn.Module):
    """An invertible 1 × 1 convolution of C channels, begun as a rotation, with a shift."""

    def __init__(self, channels: int) -> None:
        """Random rotation, by torch's own generator."""
        super().__init__()
        self.weight = nn.Parameter(torch.linalg.qr(torch.randn(channels, channels))[0].contiguous())
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Towards the noise, and log |det|, one number for all pictures."""
        mixed = F.conv2d(x, self.weight[:, :, None, None], self.bias)
        return mixed, torch.linalg.slogdet(self.weight)[1] * x[0, 0].numel()

    def inverse(self, x: Tensor, y: Tensor) -> Tensor:
        """Towards the data."""
        back = torch.linalg.inv(self.weight.double()).to(x.dtype)
        return F.conv2d(x - self.bias[:, None, None], back[:, :, None, None])


class PictureCoupling(nn.Module):
    """An affine coupling: the first half of the channels scales and shifts the second.

    Args:
        channels: Channels of the map; even.
        shape: What the flow is made for.
    """

    def __init__(self, channels: int, shape: PictureShape) -> None:
        """Begin as the identity."""
        super().__init__()
        width = shape.width
        self.told = nn.Embedding(shape.num_classes, width)
        self.first = nn.Conv2d(channels // 2, width, 3, padding=1)
        self.middle = nn.Conv2d(width, width, 1)
        self.last = nn.Conv2d(width, channels, 3, padding=1)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def _scale_and_shift(self, a: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        h = F.silu(self.first(a) + self.told(y)[:, :, None, None])
        s, t = self.last(F.silu(self.middle(h))).chunk(2, dim=1)
        return LARGEST * torch.tanh(s / LARGEST), t

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Towards the noise, and log |det|, (B,)."""
        a, b = x.chunk(2, dim=1)
        s, t = self._scale_and_shift(a, y)
        return torch.cat([a, b * s.exp() + t], dim=1), s.flatten(1).sum(1)

    def inverse(self, x: Tensor, y: Tensor) -> Tensor:
        """Towards the data."""
        a, b = x.chunk(2, dim=1)
        s, t = self._scale_and_shift(a, y)
        return torch.cat([a, (b - t) * (-s).exp()], dim=1)


class PictureFlow(Flow):
    """Two scales of couplings between pictures and a normal distribution of as many numbers.

    Args:
        shape: What it is made for; its `latent` is not used. None is that of Fashion-MNIST.
    """

    grad_clip = 500.0  # a likelihood of 784 numbers

    def __init__(self, shape: PictureShape | None = None) -> None:
        """Begin as a rotation of the logits."""
        super().__init__()
        self.shape = shape = shape or PictureShape()
        self.num_classes, self.latent = shape.num_classes, math.prod(shape.sample_shape)
        self.scales = nn.ModuleList()
        for channels, steps in ((4 * shape.channels, FIRST), (8 * shape.channels, SECOND)):
            parts = [(Mixing(channels), PictureCoupling(channels, shape)) for _ in range(steps)]
            self.scales.append(nn.ModuleList(part for pair in parts for part in pair))
        self.optimizers = [torch.optim.Adam(self.parameters(), lr=1e-3, fused=True)]

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Z = f(x), (B, C·H·W), and log |det dz/dx|, (B,), of pictures (B, C, H, W) in [-1, 1]."""
        told = self._told(y, len(x))
        inner = (1 - 2 * EDGE) / 2
        share = EDGE + inner * (x + 1)
        change = math.log(inner) - share.log() - (1 - share).log()
        h, total = torch.logit(share), change.flatten(1).sum(1)
        out = []
        for k, scale in enumerate(self.scales):
            h = F.pixel_unshuffle(h, 2)
            assert isinstance(scale, nn.ModuleList)
            for part in scale:
                h, change = part(h, told)
                total = total + change
            if k == 0:
                h, taken = h.chunk(2, dim=1)
                out.append(taken.flatten(1))
        return torch.cat([*out, h.flatten(1)], dim=1), total

    @torch.no_grad()
    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """The pictures (B, C, H, W) of noise (B, C·H·W): the inverse of `encode`."""
        told = self._told(y, len(z))
        C, side = self.shape.channels, self.shape.side
        taken, h = z.chunk(2, dim=1)
        taken = taken.unflatten(1, (2 * C, side // 2, side // 2))
        h = h.unflatten(1, (8 * C, side // 4, side // 4))
        for k in (1, 0):
            h = torch.cat([h, taken], dim=1) if k == 0 else h
            scale = self.scales[k]
            assert isinstance(scale, nn.ModuleList)
            for part in reversed(list(scale)):
                assert isinstance(part, Mixing | PictureCoupling)
                h = part.inverse(h, told)
            h = F.pixel_shuffle(h, 2)
        return (torch.sigmoid(h) - EDGE) * (2 / (1 - 2 * EDGE)) - 1

    def _told(self, y: Tensor | None, count: int) -> Tensor:
        """The labels.

        Raises:
            ValueError: if there are none.
        """
        if y is None or len(y) != count:
            raise ValueError("This flow is told a class: give a label for each picture.")
        return y

    def losses(
        self, x: Tensor, generator: torch.Generator, y: Tensor | None = None
    ) -> dict[str, float]:
        """One step on the negative log-likelihood of `dequantised` pictures."""
        return super().losses(dequantised(x, generator), generator, y)
