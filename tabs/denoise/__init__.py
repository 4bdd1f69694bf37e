"""The Denoise tab: the reverse process, live."""

from .handlers import begin
from .layout import build

__all__ = ["begin", "build"]
