"""What lies between two pictures of a class, in the latent of each family.

VAE               the mean of q(z | x), and back by the decoder: its own encoder, with a loss
normalizing flow  z = f(x), and back exactly
diffusion         DDIM inversion to noise, and back by DDIM (Song, Meng and Ermon 2021, section 4.3)
latent diffusion  the VAE's latent, in which DDIM goes to noise and back
GAN               it has no encoder: z is searched by descent on the squared error of G(z)

The way between two latents z_0 and z_1 is spherical, because nearly all of a normal distribution of
many numbers lies at one distance from 0 (Shoemake 1985; White 2016):

    z_s = r_s [sin((1 - s) θ) z_0/|z_0| + sin(s θ) z_1/|z_1|] / sin θ,    θ the angle between them

with the length r_s linear between both, for latents that are not of one length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..denoiser import ScheduledDenoiser
from ..inversion import invert
from ..samplers import sample
from .picture_flow import PictureFlow
from .pictures import PictureGAN, PictureVAE
from .store import PictureFamily

SEARCHES, SEARCH_STEPS = 8, 120  # a picture; and steps of each
SEARCH_RATE = 0.1
STEPS = 25  # of DDIM, each way
REFINE = 1  # of each step of an inversion
NEARLY_ALIKE = 1e-4  # of an angle, below which the way is a line


@dataclass(frozen=True, eq=False)
class Between:
    """The way from one picture to another.

    Attributes:
        pictures: (K, C, H, W) in [-1, 1]; the first and the last are the two as they come back.
        error: Root mean square of what these two differ by from the pictures that were given.
        found: How their latents were found, in a few words.
    """

    pictures: Tensor
    error: float
    found: str


def slerp(z_0: Tensor, z_1: Tensor, shares: Tensor) -> Tensor:
    """Latents on the way between two, (K, ...), at shares (K,) from 0 to 1; see the module.

    Raises:
        ValueError: if the latents differ in shape.
    """
    if z_0.shape != z_1.shape:
        raise ValueError(f"Need two latents of one shape, got {z_0.shape} and {z_1.shape}.")
    a, b = z_0.flatten().double(), z_1.flatten().double()
    s = shares.double()[:, None]
    of_a, of_b = a.norm(), b.norm()
    angle = torch.acos((a @ b / (of_a * of_b)).clamp(-1, 1))
    if angle.sin() > NEARLY_ALIKE:  # of nan, where a latent is 0, this is false
        turned = torch.sin((1 - s) * angle) * a / of_a + torch.sin(s * angle) * b / of_b
        way = ((1 - s) * of_a + s * of_b) * turned / angle.sin()
    else:  # alike, opposite, or one of them 0: no arc is defined
        way = (1 - s) * a + s * b
    return way.to(z_0.dtype).view(-1, *z_0.shape)


def between(
    family: PictureFamily, x: Tensor, label: int, count: int, generator: torch.Generator
) -> Between:
    """The way between two pictures in a family's latent.

    Args:
        family: Any of them.
        x: The two, (2, C, H, W) in [-1, 1].
        label: Their class.
        count: K, pictures of the way with both ends, at least 2.
        generator: Of the search in a GAN's latent.

    Raises:
        ValueError: if there are not two pictures, or fewer than 2 are asked for.
    """
    _check(x, count)
    y = torch.full((2,), label)
    decode: Callable[[Tensor, Tensor], Tensor] = family.decode
    if isinstance(family, PictureGAN):
        z, found = searched(family, x, label, generator), "searched: a GAN has no encoder"
    elif isinstance(family, PictureVAE):
        z, found = encoded(family, x, y), "encoded"
    elif isinstance(family, PictureFlow):
        with torch.no_grad():
            z, found = family.encode(x, y)[0], "exact inverse"
    else:
        denoiser = family.denoiser(y)
        z, found = noise_of(denoiser, encoded(family.vae, x, y)), "encoded, then DDIM inversion"

        def decode(z: Tensor, y: Tensor) -> Tensor:
            return family.vae.decode(drawn(family.denoiser(y), z, 0.0), y)

    return _between(x, z, lambda z: decode(z, torch.full((len(z),), label)), count, found)


def between_by_diffusion(
    denoiser: Callable[[Tensor], ScheduledDenoiser], x: Tensor, label: int, count: int
) -> Between:
    """The way between two pictures in the noise of a model of diffusion; see `between`.

    Args:
        denoiser: From labels (B,) to the denoiser that is told them.
        x: The two, (2, C, H, W) in [-1, 1].
        label: Their class.
        count: K, pictures of the way with both ends, at least 2.
    """
    _check(x, count)
    z = noise_of(denoiser(torch.full((2,), label)), x)

    def decode(z: Tensor) -> Tensor:
        return drawn(denoiser(torch.full((len(z),), label)), z, 1.0)

    return _between(x, z, decode, count, "DDIM inversion")


def _check(x: Tensor, count: int) -> None:
    if len(x) != 2 or count < 2:
        raise ValueError(f"Need two pictures and at least 2 on the way, got {len(x)} and {count}.")


def _between(
    x: Tensor, z: Tensor, decode: Callable[[Tensor], Tensor], count: int, found: str
) -> Between:
    way = decode(slerp(z[0], z[1], torch.linspace(0, 1, count))).clamp(-1, 1)
    error = float((way[[0, -1]] - x).square().mean().sqrt())
    return Between(way, error, found)


@torch.no_grad()
def encoded(vae: PictureVAE, x: Tensor, y: Tensor) -> Tensor:
    """The means (B, L) of q(z | x)."""
    return vae.encode(x, y)[0]


def noise_of(denoiser: ScheduledDenoiser, x0: Tensor) -> Tensor:
    """The noise, as x0, from which DDIM draws what is nearly x0."""
    x = x0
    for step in invert(denoiser, x0, num_steps=STEPS, refine=REFINE):
        x = step.x_next
    return x


def drawn(denoiser: ScheduledDenoiser, noise: Tensor, clip_x0: float) -> Tensor:
    """Where DDIM ends that begins with noise."""
    x = noise
    for step in sample(denoiser, noise, num_steps=STEPS, clip_x0=clip_x0):
        x = step.x_prev
    return x


def searched(gan: PictureGAN, x: Tensor, label: int, generator: torch.Generator) -> Tensor:
    """Latents (B, L) whose samples are near to pictures, by descent from several beginnings.

    The nearest of `SEARCHES` is taken for each (as Creswell and Bharath 2018 invert a generator).
    """
    count = len(x)
    wanted = x.repeat(SEARCHES, 1, 1, 1)
    z = gan.noise(len(wanted), generator).requires_grad_(True)
    y = torch.full((len(wanted),), label)
    optimizer = torch.optim.Adam([z], lr=SEARCH_RATE)
    with torch.enable_grad():
        for _ in range(SEARCH_STEPS):
            far = (gan.averaged(z, y) - wanted).square().flatten(1).mean(1)
            (z.grad,) = torch.autograd.grad(far.sum(), z)
            optimizer.step()
    found = z.detach()
    far = (gan.decode(found, y) - wanted).square().flatten(1).mean(1).view(SEARCHES, count)
    nearest = far.argmin(dim=0)
    return found.view(SEARCHES, count, -1)[nearest, torch.arange(count)]
