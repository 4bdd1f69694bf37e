"""The Schedules tab: beta, alpha-bar and log-SNR curves, compared."""

from .layout import build, from_address

__all__ = ["build", "from_address"]
