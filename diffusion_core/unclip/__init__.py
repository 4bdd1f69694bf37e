"""DALL·E 2 on the avatars: words to an embedding, an embedding to pictures (Ramesh et al. 2022).

The paper's name for it is unCLIP: CLIP makes an embedding of a picture, and this goes back.

embeddings  of clean pictures, and ways through them
prior       from a caption to the embedding of a picture, by diffusion
decoder     from an embedding to pictures, a UNet begun from one with classes
learning    both trainings, each of which can go on
store       both as folders, which name their CLIP
drawing     embeddings of captions, and variations of a picture
results     what was measured of a decoder

Schedule, denoiser, guidance and samplers are those of classes: a caption is the condition of the
prior, the number of an embedding that of the decoder.
"""

from __future__ import annotations

from .decoder import BoundDecoder, DecoderConfig, DecoderNetwork, decoder_from
from .drawing import drawn_embeddings, embedding_walk, noise_of, variation
from .embeddings import (
    Components,
    components,
    encode,
    encode_all,
    scaled,
    text_difference,
)
from .learning import (
    CaptionedEmbeddings,
    NumberedPictures,
    ProjectionStep,
    decoder_training,
    learn_decoder,
    learn_prior,
    learn_projection,
    prior_training,
    projection_training,
)
from .prior import PriorConfig, PriorNetwork, better_of_two, fresh_prior
from .results import (
    ChangedAttribute,
    DrawnQuality,
    KeptAttribute,
    ToldAttribute,
    UnclipResults,
    unclip_results,
)
from .store import (
    Decoder,
    DecoderSettings,
    PriorSettings,
    load_decoder,
    load_prior,
    save_decoder,
    save_prior,
)

__all__ = [
    "BoundDecoder",
    "CaptionedEmbeddings",
    "ChangedAttribute",
    "DrawnQuality",
    "Components",
    "Decoder",
    "DecoderConfig",
    "DecoderNetwork",
    "DecoderSettings",
    "KeptAttribute",
    "NumberedPictures",
    "PriorConfig",
    "PriorNetwork",
    "PriorSettings",
    "ProjectionStep",
    "ToldAttribute",
    "UnclipResults",
    "better_of_two",
    "components",
    "decoder_from",
    "decoder_training",
    "drawn_embeddings",
    "embedding_walk",
    "encode",
    "encode_all",
    "fresh_prior",
    "learn_decoder",
    "learn_prior",
    "learn_projection",
    "load_decoder",
    "load_prior",
    "noise_of",
    "prior_training",
    "projection_training",
    "save_decoder",
    "save_prior",
    "scaled",
    "text_difference",
    "unclip_results",
    "variation",
]
