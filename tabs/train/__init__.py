"""The Train tab: a UNet that learns here."""

from .layout import build

__all__ = ["build"]
