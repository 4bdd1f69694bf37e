"""The view "Loss" of the Inside tab."""

from __future__ import annotations

from .inside_page import InsidePage


def build_loss(inside: InsidePage) -> None:
    """Lay the view out and wire it.

    Args:
        inside: The tab: its controls, and `follow`, by which a view is computed anew.
    """
