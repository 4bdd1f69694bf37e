"""Imagen on the avatars: words to a small picture, and that to a large one (Saharia et al. 2022).

captions  the vector of a caption, from the frozen text encoder of a CLIP
base      from a caption to a small picture, begun from a UNet with classes on larger ones
enlarger  super-resolution, told the small picture and the level of noise in it
learning  the trainings, each of which can go on
store     both as folders, which name their CLIP
cascade   both walks, one after the other
output    their pictures as files
results   what was measured of both

Schedule, denoiser, guidance, thresholds and samplers are those of classes: a caption is the
condition of both models, and small pictures are bound to the second.
"""

from __future__ import annotations

from .base import BaseConfig, BaseNetwork, base_from, base_shape, patches_read, patches_written
from .captions import CaptionConfig, CaptionVector
from .cascade import (
    LARGE,
    SMALL,
    STAGES,
    Cascade,
    CascadeRecording,
    CascadeRequest,
    clip_of,
    large_seed,
    load_cascade,
    recommended,
)
from .enlarger import (
    BoundEnlarger,
    Enlarger,
    EnlargerConfig,
    augmented,
    enlarged,
    enlarger_from,
    enlarger_shape,
    shrunk,
)
from .learning import (
    WordsStep,
    draw_augmentation,
    imagen_training,
    learn_base,
    learn_enlarger,
    learn_words,
    words_training,
)
from .output import write_cascade
from .results import DrawnLevel, DrawnModel, DrawnThreshold, ImagenResults, imagen_results
from .store import (
    BASE_FOLDER,
    ENLARGER_FOLDER,
    BaseSettings,
    EnlargerModel,
    EnlargerSettings,
    load_base,
    load_enlarger,
    save_base,
    save_enlarger,
)

__all__ = [
    "BASE_FOLDER",
    "ENLARGER_FOLDER",
    "LARGE",
    "SMALL",
    "STAGES",
    "BaseConfig",
    "BaseNetwork",
    "BaseSettings",
    "BoundEnlarger",
    "CaptionConfig",
    "CaptionVector",
    "Cascade",
    "CascadeRecording",
    "CascadeRequest",
    "DrawnLevel",
    "DrawnModel",
    "DrawnThreshold",
    "Enlarger",
    "EnlargerConfig",
    "EnlargerModel",
    "EnlargerSettings",
    "ImagenResults",
    "WordsStep",
    "augmented",
    "base_from",
    "base_shape",
    "clip_of",
    "draw_augmentation",
    "enlarged",
    "enlarger_from",
    "enlarger_shape",
    "imagen_results",
    "imagen_training",
    "large_seed",
    "learn_base",
    "learn_enlarger",
    "learn_words",
    "load_base",
    "load_cascade",
    "load_enlarger",
    "patches_read",
    "patches_written",
    "recommended",
    "save_base",
    "save_enlarger",
    "shrunk",
    "words_training",
    "write_cascade",
]
