"""The Noise tab: a picture of one's own, noised to any timestep."""

from .layout import build

__all__ = ["build"]
