"""Commands as processes of their own, forked from one that has imported what they import.

To start Python and import torch takes seconds, a fork hardly a tenth of one. What a process has to
itself it has here too: arguments, environment, folder, output, signals, exit code. The tests that
are about the start itself start Python.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# Nothing of tabs, of which some read the environment as they are imported.
PRELOADED = [
    "torch",
    "torch._dynamo",  # which the first step of an optimiser imports
    "torchvision",
    "accelerate",
    "gradio",
    "imageio.v3",
    "diffusion_core.cli",
    "diffusion_core.evaluation",
    "diffusion_core.generation",
    "diffusion_core.publishing",
    "diffusion_core.training_runs",
]
_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}  # as it was before any test changed it
_STARTING = threading.Lock()
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(PRELOADED)


class Started:
    """A process that runs, and the files that it writes to."""

    def __init__(self, words: list[str], process: Any, place: Path) -> None:
        self.words, self.process, self._place = words, process, place

    @property
    def stdout(self) -> str:
        """What it has written so far; so `stderr`."""
        return self._read("stdout")

    @property
    def stderr(self) -> str:
        return self._read("stderr")

    def _read(self, name: str) -> str:
        file = self._place / name
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def send_signal(self, number: int) -> None:
        if self.process.exitcode is None:
            os.kill(self.process.pid, number)

    def wait(self, timeout: float = 60) -> int:
        """Its exit code, which is minus a signal's number where one ended it.

        Raises:
            subprocess.TimeoutExpired: if it does not end; it is then killed.
        """
        self.process.join(timeout)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
            raise subprocess.TimeoutExpired(self.words, timeout, self.stdout, self.stderr)
        return self.process.exitcode


@contextlib.contextmanager
def started_python(
    code_or_module: str, arguments: Iterable[object] = (), *, folder: Path = ROOT
) -> Iterator[Started]:
    """Start what `run_python` runs; at the end of the block it is killed, if it still runs."""
    words = [str(word) for word in arguments]
    with _STARTING:
        _start_server()
        environment = dict(os.environ)
    with tempfile.TemporaryDirectory() as place:
        files = (f"{place}/stdout", f"{place}/stderr")
        given = (code_or_module, words, str(folder), environment, *files)
        process = _FORKS.Process(target=_begin, args=given)
        process.start()
        try:
            yield Started(words, process, Path(place))
        finally:
            if process.exitcode is None:
                process.kill()
            process.join()


def run_python(
    code_or_module: str,
    arguments: Iterable[object] = (),
    *,
    folder: Path = ROOT,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m MODULE arguments`, or `python -c CODE arguments`, which has several lines.

    Raises:
        subprocess.TimeoutExpired: if it does not end; it is then killed.
    """
    with started_python(code_or_module, arguments, folder=folder) as run:
        code = run.wait(timeout)
        return subprocess.CompletedProcess(run.words, code, run.stdout, run.stderr)


def _start_server() -> None:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(_ENVIRONMENT)
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _begin(
    code_or_module: str,
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    stdout: str,
    stderr: str,
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, file in ((1, stdout), (2, stderr)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.stdin, sys.stdout, sys.stderr = (
        open(os.devnull),
        *(os.fdopen(number, "w", buffering=1, encoding="utf-8") for number in (1, 2)),
    )
    if "\n" in code_or_module:
        sys.argv = ["-c", *arguments]
        main = {"__name__": "__main__"}
        exec(compile(code_or_module, "<code>", "exec"), main)
    else:
        sys.argv = [code_or_module, *arguments]
        runpy.run_module(code_or_module, run_name="__main__", alter_sys=True)
