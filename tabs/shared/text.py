"""Numbers as words that one reads in passing."""

from __future__ import annotations


def span(ms: float) -> str:
    """A measured time, in milliseconds, to two digits in the unit that reads best."""
    if ms < 99.5:
        return f"{ms:.2g} ms"
    if ms < 119_500:
        return f"{ms / 1000:.2g} s" if ms < 99_500 else f"{ms / 1000:.0f} s"
    return f"{ms / 60_000:.2g} min" if ms < 99.5 * 60_000 else f"{ms / 3_600_000:.2g} h"


def rough_duration(seconds: float) -> str:
    """A time to wait, in seconds, to the second, the minute or two digits of hours."""
    if seconds < 90:
        return f"{max(1, seconds):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} hours" if hours < 10 else f"{hours:,.0f} hours"


def times(count: int) -> str:
    """So many evaluations, in words."""
    return f"{count:,} evaluation{'' if count == 1 else 's'}"
