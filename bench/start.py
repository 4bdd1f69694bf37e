"""The start: from `python app.py` to the first answer, and the memory at rest afterwards.

Beside it a bare script that imports torch and gradio and launches a page with one sentence on it.
Nobody can start faster than these two are imported, so that this script is the limit.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from .timing import report

__all__ = ["BARE", "PAGE", "Start", "bench_start", "start_of"]

ROOT = Path(__file__).parents[1]
PATIENCE = 600.0  # seconds for the first answer
REST = 3.0  # seconds after the first answer until the memory is read
MB = 1e6
PAGE = ("app.py", "--no-browser")
BARE = (
    "-c",
    "import torch, gradio as gr\n"
    "with gr.Blocks(analytics_enabled=False) as demo:\n"
    "    gr.Markdown('An empty page.')\n"
    "demo.launch(inbrowser=False)\n",
)


@dataclass(frozen=True)
class Start:
    """What one start took.

    Attributes:
        seconds: From the process's beginning to its first answer.
        processor: Seconds of all its threads on the processor, until then.
        megabytes: Resident at rest, its libraries among them.
    """

    seconds: float
    processor: float
    megabytes: float


def start_of(arguments: Sequence[str], rest: float = REST) -> Start:
    """Start Python with these arguments, await an answer at GRADIO_SERVER_PORT, and end it.

    Its compiled modules are kept, as Python does unless it is told otherwise.

    Args:
        arguments: Of Python: a script that serves a page at the port that the environment names.
        rest: Seconds after the first answer until its memory is read.

    Raises:
        ValueError: if it ends or gives no answer.
    """
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as models:
        env = {name: v for name, v in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
        env |= {"DIFFUSION_MODELS": models, "PLAYGROUND_PUBLIC": "0", "HF_HUB_OFFLINE": "1"}
        began = time.perf_counter()
        started = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=env, stdout=subprocess.DEVNULL
        )
        try:
            _await_answer(f"http://127.0.0.1:{port}/", started)
            seconds, process = time.perf_counter() - began, psutil.Process(started.pid)
            used = process.cpu_times()
            time.sleep(rest)
            megabytes = process.memory_info().rss / MB
            return Start(seconds, used.user + used.system, megabytes)
        finally:
            started.terminate()
            try:
                started.wait(60)
            except subprocess.TimeoutExpired:
                started.kill()


def _await_answer(url: str, started: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            httpx.get(url, timeout=PATIENCE).raise_for_status()
            return
        except httpx.HTTPError:
            if started.poll() is not None or time.monotonic() > end:
                raise ValueError("The page did not open.") from None
            time.sleep(0.02)


def bench_start(
    rounds: int,
    page: Sequence[str] = PAGE,
    bare: Sequence[str] = BARE,
    rest: float = REST,
) -> None:
    """Print the ratios of the time to the first answer, by clock and by processor, and of memory.

    Args:
        rounds: How often each starts, in turn, after a first start of each that is not counted:
            it reads from a cold disk and compiles modules.
        page: Arguments of Python that start the page.
        bare: Those of the script beside it.
        rest: Seconds after the first answer until the memory is read.
    """
    for arguments in (page, bare):
        start_of(arguments, 0)
    pairs = [(start_of(page, rest), start_of(bare, rest)) for _ in range(rounds)]
    for name, part in (("", "seconds"), (", on the processor", "processor")):
        first, second = ([getattr(pair[side], part) for pair in pairs] for side in (0, 1))
        ratio = statistics.median(a / b for a, b in zip(first, second, strict=True))
        what = f"start, to the first answer{name}: page / bare script"
        report(what, statistics.median(first), statistics.median(second), ratio)
    first, second = ([pair[side].megabytes for pair in pairs] for side in (0, 1))
    ratio = statistics.median(a / b for a, b in zip(first, second, strict=True))
    sizes = [round(statistics.median(each), 1) for each in (first, second)]
    line = {"what": "start, memory at rest: page / bare script", "ratio": round(ratio, 3)}
    print(json.dumps({**line, "MB": sizes}), flush=True)
