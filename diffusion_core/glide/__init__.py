"""GLIDE on the avatars: pictures asked for in words (Nichol et al. 2021).

phrases       what is recorded of an avatar, in words
captions      captions by a grammar, and captions as numbers
reading       what a caption tells, read from its words
records       the facts that captions are written of; pictures with captions
text_encoder  a transformer over the words
network       the UNet that is asked in words, begun from one with classes
learning      its training in two stages, each of which can go on
store         the network as a folder, and as a `Checkpoint`
results       what was measured of it

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
from .learning import (
    MenuTargets,
    TextStep,
    draw_captions,
    glide_training,
    learn_glide,
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
    is_glide,
    load_glide,
    load_model,
    read_glide_settings,
    reads_words,
    save_glide,
)
from .text_encoder import TextEncoder, TextEncoderConfig

__all__ = [
    "MAX_TOKENS",
    "STYLES",
    "VOCABULARY",
    "AskedInWords",
    "AvatarRecords",
    "Caption",
    "CaptionedPictures",
    "GlideConfig",
    "GlideNetwork",
    "GlideNetworkConfig",
    "GlideResults",
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
    "facts_in",
    "glide_results",
    "glide_shape",
    "glide_training",
    "is_glide",
    "learn_glide",
    "learn_text",
    "load_glide",
    "load_model",
    "meaning",
    "phrase_of",
    "read_glide_settings",
    "reads_words",
    "save_glide",
    "text_training",
    "told_condition",
    "words_of",
]
