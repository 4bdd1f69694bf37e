"""Other families of generative models, on the same data as diffusion: what is gained and lost.

family             what they have in common: learn, draw, count
perceptron         networks with a given number of parameters
gan                a generator against a discriminator
vae                an encoder and a decoder around a latent
normalizing_flow   couplings that can be run backwards, with an exact density

Diffusion and flow matching stand beside them by `points` and the core's own training.
"""

from __future__ import annotations

from .family import Family, FamilyStep
from .gan import GAN
from .normalizing_flow import NormalizingFlow
from .perceptron import count_parameters, perceptron, width_for
from .vae import VAE

__all__ = [
    "GAN",
    "VAE",
    "Family",
    "FamilyStep",
    "NormalizingFlow",
    "count_parameters",
    "perceptron",
    "width_for",
]
