"""Memory of the page's process while visitors come, do a bit of everything, and leave."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import Counter
from contextlib import nullcontext

import httpx
import psutil

from .visitors import Visitor, opened_page
from .visitors import use as use_page

__all__ = ["bench_memory"]

MB = 1e6


def bench_memory(
    visitors: int,
    minutes: float,
    every: float,
    steps: int,
    rest: float,
    public: bool,
    use: str,
    think: float = 0.0,
    url: str = "",
    pid: int = 0,
) -> None:
    """Print the resident memory of the page's process over time, in megabytes, and a last line.

    Args:
        visitors: How many are there at once; one who leaves is followed by another.
        minutes: Minutes of use.
        every: Seconds from one line to the next.
        steps: Steps of the shorter walks; trainings have three times as many.
        rest: Seconds to wait after all have left, before the last figure.
        public: Whether the page is a public one, whose sessions take with them what was theirs.
        use: What visitors do, with commas between: noise, chain, denoise, race, train, leave.
            What is named twice is done twice as often.
        think: Seconds on average between an answer and the next thing that a visitor does.
        url: Address of a page that runs already; else one is started.
        pid: Its process.
    """
    done: Counter[str] = Counter()
    with nullcontext((pid, url)) if url else opened_page(public) as (pid, url):
        page, began = psutil.Process(pid), time.monotonic()
        over, here = threading.Event(), dict[int, Visitor]()

        def megabytes() -> tuple[float, float]:
            beside = 0.0
            for child in page.children(recursive=True):
                try:
                    beside += child.memory_info().rss
                except psutil.Error:
                    continue
            return round(page.memory_info().rss / MB, 1), round(beside / MB, 1)

        def live(number: int) -> None:
            chance, visitor = random.Random(number), Visitor(url)
            here[number] = visitor
            while not over.is_set():
                what = chance.choice(use.split(","))
                try:
                    if what == "leave":
                        visitor.leave()
                        here[number] = visitor = Visitor(url)
                    else:
                        use_page(visitor, what, chance, steps)
                    done[what] += 1
                except (httpx.HTTPError, RuntimeError, ValueError) as error:
                    if not over.is_set():  # else the page was closed under it
                        done[f"{what} refused"] += 1
                        print(f"{what}: {error}"[:400], file=sys.stderr, flush=True)
                if think:
                    over.wait(chance.expovariate(1 / think))
            visitor.leave()

        def line(what: str, page_mb: float, beside: float) -> float:
            seconds = round(time.monotonic() - began)
            said = {"what": what, "seconds": seconds, "MB": page_mb, "beside": beside}
            print(json.dumps({**said, "done": dict(done)}), flush=True)
            return page_mb

        Visitor(url).leave()
        first = most = line("memory, at the start", *megabytes())
        threads = [threading.Thread(target=live, args=(i,), daemon=True) for i in range(visitors)]
        for thread in threads:
            thread.start()
        while (left := 60 * minutes - (time.monotonic() - began)) > 0:
            time.sleep(min(every, left))
            most = max(most, line("memory, in use", *megabytes()))
        over.set()
        for visitor in list(here.values()):
            visitor.leave()
        for thread in threads:
            thread.join(60)
        most = max(most, line("memory, at the end of use", *megabytes()))
        time.sleep(rest)
        last = line("memory, after all have left", *megabytes())
        summary = {"what": "memory: first, most, last", "MB": [first, most, last]}
        print(json.dumps({**summary, "ratio": round(last / first, 3)}), flush=True)
