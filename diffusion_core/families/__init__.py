"""Other families of generative models, on the same data as diffusion: what is gained and lost.

family             what they have in common: learn, draw, count
perceptron         networks with a given number of parameters
gan                a generator against a discriminator
vae                an encoder and a decoder around a latent
normalizing_flow   couplings that can be run backwards, with an exact density
pictures           a GAN and a VAE of convolutions, for pictures of classes
picture_flow       a flow of two scales, for pictures of classes
latent_diffusion   diffusion in the latent of a VAE of pictures
interpolation      what lies between two pictures, in each family's latent
store              families of pictures in folders: trained there, and loaded

Diffusion and flow matching stand beside them by `points` and the core's own training.
"""

from __future__ import annotations

from .family import Family, FamilyStep
from .gan import GAN, GANSettings
from .interpolation import Between, between, between_by_diffusion, slerp
from .latent_diffusion import LatentDiffusion, latent_diffusion_of
from .normalizing_flow import NormalizingFlow
from .perceptron import count_parameters, perceptron, width_for
from .picture_flow import PictureFlow
from .pictures import PictureGAN, PictureShape, PictureVAE, bits_per_dimension, dequantised
from .store import (
    PICTURE_FAMILIES,
    FamilyTraining,
    PictureFamily,
    StoredFamily,
    fit_family,
    kind_of,
    load_family,
    picture_family,
    save_family,
)
from .vae import VAE

__all__ = [
    "GAN",
    "PICTURE_FAMILIES",
    "VAE",
    "Between",
    "Family",
    "FamilyStep",
    "FamilyTraining",
    "GANSettings",
    "LatentDiffusion",
    "NormalizingFlow",
    "PictureFamily",
    "PictureFlow",
    "PictureGAN",
    "PictureShape",
    "PictureVAE",
    "StoredFamily",
    "between",
    "between_by_diffusion",
    "bits_per_dimension",
    "count_parameters",
    "dequantised",
    "fit_family",
    "kind_of",
    "latent_diffusion_of",
    "load_family",
    "perceptron",
    "picture_family",
    "save_family",
    "slerp",
    "width_for",
]
