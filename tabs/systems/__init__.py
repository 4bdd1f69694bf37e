"""The Systems tab: famous systems, each with the idea that it added, small and real."""

from .layout import build

__all__ = ["build"]
