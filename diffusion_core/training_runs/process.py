"""A training in a process of its own, so that neither its memory nor its end is the caller's.

The folder carries all that is needed: the plan, the pictures, the state. The other process is
started anew, never forked, for a process with threads or with CUDA cannot be; it ends by itself
when this one does. See `child` for its side.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from .reports import EndReport, Report, from_line

PATIENCE = 60.0  # seconds from the last report to the end of the process
_ROOT = Path(__file__).parents[2]


class TrainingEnded(RuntimeError):
    """The process of a training ended without a word; the text is a sentence for its user."""

    def __init__(self, code: int) -> None:
        """The sentence for an exit code.

        Args:
            code: The code of the process: below 0, the number of the signal that ended it.
        """
        if code == -getattr(signal, "SIGKILL", 9):
            super().__init__(
                "The system ended the training, most likely because memory ran out. Its last save "
                "is kept: go on from there, or train with a smaller batch or fewer channels."
            )
        else:
            super().__init__(
                f"The training's process broke off (exit code {code}). Its last save is kept: go "
                "on from there; the reason is in the server's log."
            )


def record_apart(
    folder: Path,
    stop: threading.Event,
    *,
    most: int = 0,
    environment: Mapping[str, str] | None = None,
) -> Generator[Report, None, None]:
    """`record` of what a folder keeps, in a process of its own; yield its reports.

    When the generator ends, or is left, the process has ended, and nothing is written any more.

    Args:
        folder: The folder of the run, with its plan and its pictures.
        stop: Ends the training after the step being computed; what was learned is kept.
        most: Bytes of memory that the process may take where the system can bound it; 0 is without
            bound.
        environment: Variables of the process that differ from those of this one.

    Raises:
        TrainingEnded: if the process ended without saying why.
        ValueError, FloatingPointError, OSError, MemoryError, RuntimeError: what `record` raised
            there.
    """
    process = _start(folder, most, environment or {})
    assert process.stdin is not None and process.stdout is not None
    over = threading.Event()
    passing = threading.Thread(
        target=_pass_on, args=(stop, over, process.stdin), name="stopping", daemon=True
    )
    passing.start()
    end: EndReport | None = None
    try:
        for line in process.stdout:
            try:
                report = from_line(line)
            except ValueError:  # printed before the process had its own way to print
                logging.warning("training: %s", line.decode(errors="replace").rstrip())
                continue
            if isinstance(report, EndReport):
                end = report
            else:
                yield report
    finally:
        over.set()
        passing.join()
        with contextlib.suppress(OSError):
            process.stdin.close()  # which ends it, where it has not ended
        process.stdout.close()
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
    if end is None:
        raise TrainingEnded(code)
    if (error := end.error) is not None:
        raise error


def _start(folder: Path, most: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", f"{__package__}.child", str(folder.absolute()), str(most)]
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment}
    # Ctrl+C in a terminal goes to every process of a group, and is for the page, which then asks
    # for the end by itself.
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        apart = {"creationflags": flags}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(line, env=env, bufsize=-1, **pipes, **apart)


def _pass_on(stop: threading.Event, over: threading.Event, to: Any) -> None:
    """Tell the process to stop, as soon as that is asked for, until it is over."""
    while not over.is_set():
        if stop.wait(0.1):
            with contextlib.suppress(OSError, ValueError):  # it has ended by itself
                to.write(b"s")
                to.flush()
            return
