"""A checkpoint made public: its model card, and the way to the Hugging Face Hub.

Its files:

    card    what a checkpoint is, how it was made, and the measured table
    family_card  the same of a GAN, a VAE and a flow
    classifier_card  the same of a classifier that guides
    clip_card  the same of a CLIP
    unclip_card  the same of a decoder of its embeddings
    imagen_card  the same of a cascade
    tables  those of a card
    upload  the files that go to the Hub, in one commit
"""

from __future__ import annotations

from .card import keep_default, write_card
from .classifier_card import write_classifier_card
from .clip_card import write_clip_card
from .family_card import write_family_cards
from .imagen_card import write_imagen_card
from .unclip_card import write_unclip_card
from .upload import TOKENS, Pushed, Tell, push

__all__ = [
    "TOKENS",
    "Pushed",
    "Tell",
    "keep_default",
    "push",
    "write_card",
    "write_classifier_card",
    "write_clip_card",
    "write_family_cards",
    "write_imagen_card",
    "write_unclip_card",
]
