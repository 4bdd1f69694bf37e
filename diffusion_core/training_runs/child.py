"""The training's own process: `python -m diffusion_core.training_runs.child FOLDER BYTES`.

`process` starts it. It trains what the folder's plan says, writes a report a line to stdout, and
ends, with all saved, when a byte or the end of the file comes on stdin: the other side says stop,
or is no more.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import BinaryIO

from .recorded import kept_run, record
from .reports import EndReport, Report, to_line

PATIENCE = 120.0  # seconds for the last step and the last save, where nobody waits any more
# Of all that the machine runs, the system ends this first where memory is short: not the page.
KILL_FIRST = 500


def main(folder: str, most: int) -> None:
    """Train until it is over or stopped, then leave the process.

    Args:
        folder: The folder of the run.
        most: Bytes of memory that it may take; 0 is without bound.
    """
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no report
    _bound(most)
    stop = threading.Event()
    threading.Thread(target=_listen, args=(stop,), daemon=True).start()
    end = EndReport()
    try:
        plan, dataset = kept_run(Path(folder))
        reports = record(plan, dataset, Path(folder), stop.is_set)
        with contextlib.closing(reports):
            for report in reports:
                if not _send(out, report):
                    break  # nobody listens: closing the generator saves
    except Exception as error:
        end = EndReport.of(error)
    _send(out, end)
    sys.stderr.flush()
    os._exit(0)  # a thread that is inside torch does not outlive Python's own end


def _send(out: BinaryIO, report: Report | EndReport) -> bool:
    """Write a report; whether somebody still reads."""
    try:
        out.write(to_line(report))
        out.flush()
    except OSError:
        return False
    return True


def _listen(stop: threading.Event) -> None:
    """Wait for the other side's word, or for its end."""
    alone = not os.read(0, 1)
    stop.set()
    if not alone:
        alone = not os.read(0, 1)
    if alone:
        threading.Event().wait(PATIENCE)
        os._exit(1)


def _bound(most: int) -> None:
    """Bound the memory, and be the first that the system ends, as far as the system can do that."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(KILL_FIRST))
    try:
        import resource
    except ImportError:  # on Windows
        return
    if most:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
