"""Families on small pictures of classes: a GAN and a VAE of convolutions.

Both draw by the same kind of network: a latent and a class become a small map of many channels,
which two transposed convolutions enlarge (Radford et al. 2016, DCGAN, with group norm). The class
enters the discriminator by its projection (Miyato and Koyama 2018, eq. 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .gan import Adversaries, GANSettings
from .vae import Autoencoder

MAX_WIDTH = 256
MAX_SIDE = 128
LEVELS = 256  # of a pixel


@dataclass(frozen=True)
class PictureShape:
    """What the networks of a family on pictures are made for; stored in its config.json.

    Attributes:
        channels: Channels of a picture.
        side: Height and width of a picture, a multiple of 4, at most 128.
        num_classes: Classes that it is told.
        width: Channels of its widest maps, a multiple of 8, at most 256.
        latent: Numbers of the latent; a flow has as many as a picture.

    Raises:
        ValueError: if a number is not in its bounds, in one sentence.
    """

    channels: int = 1
    side: int = 28
    num_classes: int = 10
    width: int = 64
    latent: int = 32

    def __post_init__(self) -> None:
        """Refuse what no network is made of here."""
        for name, least, most, step in (
            ("channels", 1, 4, 1),
            ("side", 4, MAX_SIDE, 4),
            ("num_classes", 1, 1000, 1),
            ("width", 8, MAX_WIDTH, 8),
            ("latent", 1, 1024, 1),
        ):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or not least <= value <= most or value % step:
                of = f", a multiple of {step}" if step > 1 else ""
                raise ValueError(f"{name} must be from {least} to {most}{of}, got {value!r}.")

    @property
    def sample_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one picture."""
        return self.channels, self.side, self.side


def dequantised(x: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures whose 256 levels are spread evenly, so that they have a density (Theis et al. 2016).

    Args:
        x: (B, C, H, W) in [-1, 1], of whole levels.
        generator: Of the noise within a level.

    Returns:
        The same shape, within [-1, 1], each number above the level's lower edge by chance.
    """
    level = (x + 1) * ((LEVELS - 1) / 2)
    return (level.round() + torch.rand(x.shape, generator=generator)) * (2 / LEVELS) - 1


def bits_per_dimension(log_likelihood: Tensor, x: Tensor) -> Tensor:
    """Bits for each number of a picture of 256 levels, (B,), of log densities (B,) in [-1, 1].

    The density is spread over levels of width 2/256, hence the 7 bits (Theis et al. 2016, eq. 3).

    Args:
        log_likelihood: Log p(x), natural, (B,), of `dequantised` pictures; or a bound of it.
        x: The pictures, (B, C, H, W).
    """
    return math.log2(LEVELS / 2) - log_likelihood / (x[0].numel() * math.log(2))


class Drawer(nn.Module):
    """(z (B, latent), y (B,)) -> pictures (B, C, H, W) in [-1, 1].

    Args:
        shape: What it is made for.
    """

    def __init__(self, shape: PictureShape) -> None:
        """Random weights, by torch's own generator."""
        super().__init__()
        width, self.corner = shape.width, shape.side // 4
        self.classes = nn.Embedding(shape.num_classes, shape.latent)
        self.first = nn.Linear(2 * shape.latent, width * self.corner**2)
        self.layers = nn.Sequential(
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.ConvTranspose2d(width, width, 4, 2, 1),
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.ConvTranspose2d(width, width // 2, 4, 2, 1),
            nn.SiLU(),
            nn.Conv2d(width // 2, shape.channels, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """As the class says."""
        h = self.first(torch.cat([z, self.classes(y)], dim=1))
        return self.layers(h.unflatten(1, (-1, self.corner, self.corner)))


class Reader(nn.Module):
    """(x (B, C, H, W), y (B,)) -> (B, outputs): three convolutions, and the class's projection.

    Args:
        shape: What it is made for.
        outputs: Numbers that come out.
        project: The class enters by the product with its vector, as in a discriminator; else the
            vector is added to the features.
    """

    def __init__(self, shape: PictureShape, outputs: int, *, project: bool) -> None:
        """Random weights, by torch's own generator."""
        super().__init__()
        width, self.project = shape.width, project
        self.layers = nn.Sequential(
            nn.Conv2d(shape.channels, width // 2, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width // 2, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, width, 3, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
        )
        corner = (shape.side // 4 + 1) // 2
        features = 2 * width
        self.inner = nn.Linear(width * corner**2, features)
        self.classes = nn.Embedding(shape.num_classes, features)
        self.last = nn.Linear(features, outputs)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """As the class says."""
        h = self.inner(self.layers(x))
        if not self.project:
            return self.last(F.leaky_relu(h + self.classes(y), 0.2))
        h = F.leaky_relu(h, 0.2)
        product = (h * self.classes(y)).sum(1, keepdim=True) / math.sqrt(h.shape[1])
        return self.last(h) + product


class PictureGAN(Adversaries):
    """A generator and a discriminator of pictures.

    Args:
        shape: What it is made for; None is that of Fashion-MNIST.
        settings: How it is trained.
    """

    SETTINGS = GANSettings((5e-4, 5e-4), (0.0, 0.99), r1=0.1, average=0.998)

    def __init__(self, shape: PictureShape | None = None, settings: GANSettings = SETTINGS) -> None:
        """Random weights, by torch's own generator."""
        shape = shape or PictureShape()
        reader = Reader(shape, 1, project=True)
        super().__init__(Drawer(shape), reader, shape.latent, settings)
        self.shape, self.num_classes = shape, shape.num_classes


class PictureVAE(Autoencoder):
    """An encoder and a decoder of pictures; the deviation s of p(x | z) is one for all pixels.

    It learns from `dequantised` pictures, so that its bound is one of a density. `draw` gives the
    mean of p(x | z), as is usual: the noise of s would be seen as grain on every pixel.

    Args:
        shape: What it is made for; None is that of Fashion-MNIST.
    """

    def __init__(self, shape: PictureShape | None = None) -> None:
        """Random weights, by torch's own generator."""
        shape = shape or PictureShape(latent=16)
        reader = Reader(shape, 2 * shape.latent, project=False)
        super().__init__(reader, Drawer(shape), shape.latent, rate=1e-3)
        self.shape, self.num_classes = shape, shape.num_classes

    def losses(
        self, x: Tensor, generator: torch.Generator, y: Tensor | None = None
    ) -> dict[str, float]:
        """One step on -ELBO."""
        return super().losses(dequantised(x, generator), generator, y)

    def draw(self, count: int, generator: torch.Generator, y: Tensor | None = None) -> Tensor:
        """New pictures, the means of p(x | z), float32 (count, C, H, W)."""
        return self.decode(self.noise(count, generator), y)
