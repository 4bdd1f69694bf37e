"""The end: computations are stopped, and what was learned is kept, before Python goes.

A thread that is inside torch while the interpreter goes down takes the process with it: an abort
and a core dump, where the person only pressed Ctrl+C. Whoever starts threads that compute registers
here how they are stopped, and whether any is left.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from diffusion_core.device import MEASURING

PATIENCE = 30.0  # seconds to wait for what computes


class Worker(NamedTuple):
    """A kind of work that computes in threads.

    Attributes:
        stop: Ends it after the step being computed.
        busy: Reports whether any of it is left.
        words: Printed where there is something to wait for; may be empty.
    """

    stop: Callable[[], None]
    busy: Callable[[], bool]
    words: str = ""


WORKERS = [Worker(lambda: None, MEASURING.locked)]


def close(patience: float = PATIENCE) -> bool:
    """Stop trainings and walks after the step being computed, and wait for them.

    Args:
        patience: Seconds to wait.

    Returns:
        Whether all came to an end.
    """
    for worker in WORKERS:
        worker.stop()
    end = time.monotonic() + patience
    while any(worker.busy() for worker in WORKERS):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def leave(code: int) -> int:
    """End what computes and return the exit code; what does not end in time is left where it is."""
    try:
        for worker in WORKERS:
            if worker.words and worker.busy():
                print(worker.words, flush=True)
        if close():
            return code
    except KeyboardInterrupt:
        code = 130
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
