"""Two things timed in turn, and the line that says what came of it."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

__all__ = ["alternate", "report"]


def alternate(
    first: Callable[[], Any], second: Callable[[], Any], rounds: int
) -> tuple[float, float, float]:
    """Run two things in turn.

    Args:
        first: Returns its own seconds as a float, or anything else to have the call timed.
        second: Likewise.
        rounds: How often each runs.

    Returns:
        The median seconds of each, and the median of the rounds' ratios, first to second.
    """
    pairs = []
    for _ in range(rounds):
        took = []
        for run in (first, second):
            start = time.perf_counter()
            given = run()
            took.append(given if isinstance(given, float) else time.perf_counter() - start)
        pairs.append(took)
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), ratio


def report(what: str, first: float, second: float, ratio: float) -> None:
    """Print one line, which a human reads and which is JSON too; seconds become milliseconds."""
    times = [round(1000 * first, 1), round(1000 * second, 1)]
    line = {"what": what, "ratio": round(ratio, 3), "ms": times}
    print(json.dumps(line, ensure_ascii=False), flush=True)
