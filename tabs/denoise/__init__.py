"""The Denoise tab: the reverse process, live."""

from .layout import build

__all__ = ["build"]
