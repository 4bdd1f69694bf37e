"""The Denoise tab: the reverse process, live."""

from .handlers import branch, denoise, forget, opening, replay, stop
from .layout import build, menu

__all__ = ["branch", "build", "denoise", "forget", "menu", "opening", "replay", "stop"]
