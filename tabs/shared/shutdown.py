"""The end: computations are stopped, and what was learned is kept, before Python goes.

A thread that is inside torch while the interpreter goes down takes the process with it: an abort
and a core dump, where the person only pressed Ctrl+C. Whoever starts threads that compute registers
here how they are stopped, and whether any is left. SIGTERM, which ends a service or a container,
and SIGHUP, which comes when a terminal is closed, end the page as Ctrl+C does.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from diffusion_core.device import MEASURING
from diffusion_core.files import remove_temporary_folders

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


def heed_signals() -> None:
    """Let SIGTERM and SIGHUP interrupt the main thread as Ctrl+C does, unless they are ignored."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


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
    remove_temporary_folders()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
