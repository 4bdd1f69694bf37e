"""CLIP on the avatars: pictures and captions in one space (Radford et al. 2021).

It reads pictures at every level of noise, so that its gradient guides walks (Nichol et al. 2021,
GLIDE, section 2.4: `denoiser.ClipGuidance`), and clean ones, whose embeddings stand for them.

network   both encoders
matching  which captions are true of which pictures, and the contrast
learning  its training, which can go on
measures  how well it retrieves, and names without having been trained to
zero_shot a classifier by captions
store     the CLIP as a folder
settings  what the folders of models that stand on a CLIP have in common
"""

from __future__ import annotations

from .learning import ClipStep, ClipTraining, draw_pairs, learn_clip
from .matching import FactTable, Single, contrast, naming, single_captions, true_of
from .measures import LEVELS, ClipAccuracy, Named, clip_accuracy, value_prompts
from .network import (
    MAX_PARAMETERS,
    Clip,
    ClipConfig,
    PictureEncoder,
    fresh_clip,
)
from .settings import InWordsSettings, OnClipSettings
from .store import (
    ClipSettings,
    clip_folders,
    find_clip,
    load_clip,
    read_clip,
    read_clip_settings,
    save_clip,
)
from .zero_shot import ZeroShotClassifier, zero_shot_classifier

__all__ = [
    "LEVELS",
    "MAX_PARAMETERS",
    "Clip",
    "ClipAccuracy",
    "ClipConfig",
    "ClipSettings",
    "ClipStep",
    "ClipTraining",
    "FactTable",
    "InWordsSettings",
    "Named",
    "OnClipSettings",
    "PictureEncoder",
    "Single",
    "ZeroShotClassifier",
    "clip_accuracy",
    "clip_folders",
    "contrast",
    "draw_pairs",
    "find_clip",
    "fresh_clip",
    "learn_clip",
    "load_clip",
    "naming",
    "read_clip",
    "read_clip_settings",
    "save_clip",
    "single_captions",
    "true_of",
    "value_prompts",
    "zero_shot_classifier",
]
