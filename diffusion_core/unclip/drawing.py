"""What prior and decoder draw: embeddings of captions, and variations of a picture."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checkpoint import Checkpoint
from ..denoiser import ScheduledDenoiser
from ..inversion import invert
from ..samplers import SamplerStep, sample
from ..seeding import Generators, draw_noise
from .embeddings import encode
from .prior import PriorNetwork, better_of_two
from .store import Decoder

STEPS = 25  # of DDIM
TRIES = 2  # samples of the prior, of which the better is taken
REFINE = 1  # of each step of an inversion


def embedding_walk(
    prior: Checkpoint,
    y: Tensor,
    generator: torch.Generator,
    *,
    guidance_scale: float = 1.0,
    num_steps: int = STEPS,
    tries: int = TRIES,
) -> Iterator[SamplerStep]:
    """Walk from noise to sqrt(D) z_i (tries · B, D) of captions, by DDIM: all first tries first.

    Args:
        prior: As `load_prior` gave it.
        y: Captions as conditions, int64 (B, L).
        generator: Of the noise, on the CPU.
        guidance_scale: Scale of guidance; 1.0 is off.
        num_steps: Steps of each walk.
        tries: Samples of each caption, at least 1.

    Raises:
        ValueError: if the model is no prior, or a caption or a number does not fit.
    """
    if not isinstance(prior.network, PriorNetwork):
        raise ValueError(f"{prior.name} is no prior; open a folder that holds one.")
    if tries < 1:
        raise ValueError("At least one sample of each caption is drawn.")
    x_T = draw_noise((tries * len(y), *prior.sample_shape), generator).to(prior.device)
    denoiser = prior.denoiser(y.repeat(tries, 1), guidance_scale)
    return sample(denoiser, x_T, num_steps=num_steps, clip_x0=False)


def drawn_embeddings(
    prior: Checkpoint,
    y: Tensor,
    generator: torch.Generator,
    *,
    guidance_scale: float = 1.0,
    num_steps: int = STEPS,
    tries: int = TRIES,
) -> Tensor:
    """z_i (B, D) of length 1 for captions: the better of two samples of the prior.

    Arguments and errors are those of `embedding_walk`.
    """
    walk = embedding_walk(
        prior, y, generator, guidance_scale=guidance_scale, num_steps=num_steps, tries=tries
    )
    x = deque(walk, maxlen=1)[0].x_prev
    network = prior.network
    assert isinstance(network, PriorNetwork)
    with torch.no_grad():
        g = network.clip.encode_captions(y.to(prior.device))
    return better_of_two(F.normalize(x, dim=1).view(tries, len(y), -1), g)


def noise_of(decoder: Decoder, x0: Tensor, z: Tensor, num_steps: int = STEPS) -> Tensor:
    """x_T, as x0 (B, C, H, W), from which DDIM without guidance nearly draws x0 (section 3.1).

    Args:
        decoder: The decoder.
        x0: Pictures in [-1, 1].
        z: Their embeddings, (B, D).
        num_steps: Steps of the walk, each with one refinement; see `inversion`.
    """
    walk = invert(decoder.denoiser(z), x0.to(decoder.device), num_steps=num_steps, refine=REFINE)
    return deque(walk, maxlen=1)[0].x_next


def variation(
    decoder: Decoder,
    x0: Tensor,
    generator: Generators,
    *,
    eta: float = 1.0,
    inverted: bool = True,
    guidance_scale: float = 1.0,
    num_steps: int = STEPS,
) -> Tensor:
    """Pictures with the embeddings of pictures, (B, C, H, W) in [-1, 1], by DDIM.

    (Ramesh et al. 2022, section 3.1.) A picture is z_i and x_T together. From its own x_T with eta
    0 it nearly comes back; the larger eta, the less of x_T is left, and z_i alone decides.

    Args:
        decoder: The decoder.
        x0: Pictures in [-1, 1].
        generator: Of all noise, on the CPU.
        eta: DDIM's stochasticity, from 0 to 1.
        inverted: Begin with the noise of the pictures themselves; else with fresh noise.
        guidance_scale: Scale of guidance; 1.0 is off.
        num_steps: Steps of the walk, and of the way to the noise.

    Raises:
        ValueError: if a number does not fit.
    """
    z = encode(decoder.clip, x0)
    if inverted:
        x_T = noise_of(decoder, x0, z, num_steps)
    else:
        x_T = draw_noise(x0.shape, generator).to(decoder.device)
    denoiser: ScheduledDenoiser = decoder.denoiser(z, guidance_scale)
    walk = sample(denoiser, x_T, num_steps=num_steps, eta=eta, generator=generator)
    return deque(walk, maxlen=1)[0].x_prev.clamp(-1, 1)
