"""A checkpoint made public: its model card, and the way to the Hugging Face Hub.

Its files:

    card    what a checkpoint is, how it was made, and the measured table
    upload  the files that go to the Hub, in one commit
"""

from __future__ import annotations

from .card import keep_default, write_card
from .upload import TOKENS, Pushed, Tell, push

__all__ = [
    "TOKENS",
    "Pushed",
    "Tell",
    "keep_default",
    "push",
    "write_card",
]
