"""The Schedules tab: beta, alpha-bar and log-SNR curves, compared."""

from .layout import build

__all__ = ["build"]
