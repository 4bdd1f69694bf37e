"""The Points tab: data, noise, field and walks in the plane, where all of it can be seen."""

from .layout import build

__all__ = ["build"]
