"""The end: what computes is told to stop, and what was learned is kept, before Python goes.

A thread that is inside torch while the interpreter goes down takes the process with it: an abort
and a core dump, where the person only pressed Ctrl+C.
"""

from __future__ import annotations

import os
import sys
import time

from diffusion_core.resources import MEASURING

from .denoise.runs import STOPS
from .train.lines import LINE

PATIENCE = 30.0  # seconds


def close(patience: float = PATIENCE) -> bool:
    """Stop trainings and walks after the step being computed, and wait for them.

    Args:
        patience: Seconds to wait.

    Returns:
        Whether all came to an end.
    """
    LINE.close()
    STOPS.close()
    end = time.monotonic() + patience
    while LINE.jobs or STOPS.signs or MEASURING.locked():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def leave(code: int) -> int:
    """End what computes and give the exit code; what does not end in time is left where it is."""
    try:
        if LINE.busy:
            print("Keeping what the training has learned …", flush=True)
        if close():
            return code
    except KeyboardInterrupt:
        code = 130
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
