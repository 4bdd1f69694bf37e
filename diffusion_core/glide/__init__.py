"""GLIDE on the avatars: pictures asked for in words (Nichol et al. 2021).

phrases          what is recorded of an avatar, in words
captions         captions by a grammar, and captions as numbers
reading          what a caption tells, read from its words
records          the facts that captions are written of; pictures with captions
text_encoder     a transformer over the words
network          the UNet that is asked in words, begun from one with classes
inpainting       the network that fills holes by words, begun from that
learning         their trainings, each of which can go on
in_words         the loop of training on pictures with captions
store            both networks as folders, and as a `Checkpoint`
results          what was measured of the first
filling_results  the same of the second

Schedule, denoiser, guidance, samplers and run cards are those of classes: a caption is a condition.
"""

from __future__ import annotations

from .captions import (
    MAX_TOKENS,
    VOCABULARY,
    Caption,
    Tokenizer,
    describe,
    meaning,
    told_condition,
    words_of,
)
from .filling_results import FilledPart, FillingResults, filling_results
from .in_words import train_in_words, training_in_words
from .inpainting import (
    BoundInpainter,
    Inpainter,
    InpainterShape,
    draw_known,
    inpainter_from,
)
from .learning import (
    MenuTargets,
    TextStep,
    draw_captions,
    glide_training,
    learn_glide,
    learn_inpainter,
    learn_text,
    text_training,
)
from .network import GlideNetwork, GlideNetworkConfig, WordAttention, begun_from, glide_shape
from .phrases import STYLES, phrase_of
from .reading import facts_in
from .records import AvatarRecords, CaptionedPictures, Records, caption_of
from .results import AskedInWords, GlideResults, glide_results
from .store import (
    GlideConfig,
    InpainterConfig,
    InpainterModel,
    is_glide,
    load_glide,
    load_inpainter,
    load_model,
    read_glide_settings,
    reads_words,
    save_glide,
    save_inpainter,
)
from .text_encoder import TextEncoder, TextEncoderConfig

__all__ = [
    "MAX_TOKENS",
    "STYLES",
    "VOCABULARY",
    "AskedInWords",
    "AvatarRecords",
    "BoundInpainter",
    "Caption",
    "CaptionedPictures",
    "FilledPart",
    "FillingResults",
    "GlideConfig",
    "GlideNetwork",
    "GlideNetworkConfig",
    "GlideResults",
    "Inpainter",
    "InpainterConfig",
    "InpainterModel",
    "InpainterShape",
    "MenuTargets",
    "Records",
    "TextEncoder",
    "TextEncoderConfig",
    "TextStep",
    "Tokenizer",
    "WordAttention",
    "begun_from",
    "caption_of",
    "describe",
    "draw_captions",
    "draw_known",
    "facts_in",
    "filling_results",
    "glide_results",
    "glide_shape",
    "glide_training",
    "inpainter_from",
    "is_glide",
    "learn_glide",
    "learn_inpainter",
    "learn_text",
    "load_glide",
    "load_inpainter",
    "load_model",
    "meaning",
    "phrase_of",
    "read_glide_settings",
    "reads_words",
    "save_glide",
    "save_inpainter",
    "text_training",
    "told_condition",
    "train_in_words",
    "training_in_words",
    "words_of",
]
