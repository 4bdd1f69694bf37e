"""The Train tab: a UNet that learns here."""

from .layout import build, forget

__all__ = ["build", "forget"]
