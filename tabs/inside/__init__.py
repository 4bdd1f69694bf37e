"""The Inside tab: the network laid open at one timestep, on one picture."""

from .layout import build

__all__ = ["build"]
