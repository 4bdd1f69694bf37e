"""A class at one page: many sessions at once, and how long each waits for what it asked for.

Every walk is checked: what comes bears the name of the session's own run, and walks of the same
settings end in the same picture to the bit, whoever asked for them and beside whatever else.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter, defaultdict
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import psutil

from .visitors import Visitor, opened_page, use

__all__ = ["Load", "bench_load"]

SEEDS, STEPS = 6, 12
TRAIN_ONCE = threading.Lock()  # one training for all: a class has one teacher
MB = 1e6


@dataclass
class Load:
    """What happened.

    Attributes:
        done: How often each thing was done to its end.
        errors: What went wrong, in words.
        seconds: Seconds until the answer, by what was asked for.
        results: Digests of the last pictures, by the settings of the walk.
        lock: Of all of these.
    """

    done: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    results: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def took(self, what: str, began: float) -> None:
        """Note that something that began then, in seconds of the monotonic clock, has come."""
        with self.lock:
            self.seconds[what].append(time.monotonic() - began)

    def p95(self, what: str) -> float:
        """The 95th percentile of the seconds; NaN where it was never done."""
        times = self.seconds[what]
        return float(np.percentile(times, 95)) if times else float("nan")


def walk(visitor: Visitor, load: Load, chance: random.Random, until: float = float("inf")) -> bool:
    """Press Denoise, check every message; True if the walk came to its end.

    Args:
        visitor: Whose session.
        load: Where it is noted.
        chance: Draws the settings.
        until: Seconds of the monotonic clock after which the visitor turns away.
    """
    seed, sampler = chance.randrange(SEEDS), chance.choice(("ddim", "ddpm"))
    began, seen = time.monotonic(), [0]
    ended: list[dict[str, Any]] = []

    def heed(output: dict[str, Any]) -> bool:
        for text in output.get("data") or []:
            if not isinstance(text, str) or not text.startswith("{"):
                continue
            message = json.loads(text)
            if message.get("run") != visitor.run:
                with load.lock:
                    load.errors.append(f"{visitor.run} was sent {message.get('run')}")
            if not seen[0] and message.get("frames"):
                load.took("first frame", began)
            seen[0] += 1
            if message.get("done"):
                ended.append(json.loads(message["card"]))
        return time.monotonic() < until

    settings = {"Sampler": sampler, "Steps": STEPS, "Seed": str(seed), "Images": 1}
    visitor.press("denoise-run", heed=heed, **settings)
    for card in ended:
        load.took("walk", began)
        with load.lock:
            load.results[f"{sampler} {seed}"].add(card["result"])
    return bool(ended)


def bench_load(
    sessions: int,
    minutes: float,
    think: float,
    public: bool = True,
    url: str = "",
    pid: int = 0,
    *,
    load: Load | None = None,
    over: threading.Event | None = None,
) -> Load:
    """Have sessions use a page at once, and print one line of what they met.

    Args:
        sessions: How many at once; one who leaves is followed by another.
        minutes: Minutes of use.
        think: Seconds on average between an answer and the next thing that is asked for.
        public: Whether the page is a public one.
        url: Address of a page that runs already; else one is started.
        pid: Its process.
        load: Where it is noted; else a new one.
        over: Ends it, when set, before the minutes are over.

    Returns:
        What happened.
    """
    load, over = load or Load(), over or threading.Event()
    with nullcontext((pid, url)) if url else opened_page(public) as (pid, url):
        page = psutil.Process(pid)
        Visitor(url).leave()
        memory = [page.memory_info().rss / MB]

        def live(number: int) -> None:
            chance, visitor = random.Random(number), None
            what = "open"
            while not over.is_set():
                try:
                    if visitor is None:
                        began = time.monotonic()
                        visitor = Visitor(url)
                        load.took("open", began)
                    what = chance.choice(("noise", "noise", "denoise", "denoise", "race", "leave"))
                    if what == "leave":  # in the middle of a walk
                        walk(visitor, load, chance, until=time.monotonic() + chance.random())
                        visitor.leave()
                        visitor = None
                    elif what == "denoise":
                        walk(visitor, load, chance)
                    elif what == "race" and number == 0 and TRAIN_ONCE.acquire(blocking=False):
                        what = "train"
                        use(visitor, "train", chance, 20)
                    else:
                        began = time.monotonic()
                        use(visitor, what, chance, STEPS)
                        load.took(what, began)
                    load.done[what] += 1
                except (httpx.HTTPError, RuntimeError, ValueError) as error:
                    if not over.is_set():
                        with load.lock:
                            load.errors.append(f"{what}: {type(error).__name__}: {error}"[:300])
                over.wait(chance.expovariate(1 / think))
            if visitor is not None:
                visitor.leave()

        threads = [threading.Thread(target=live, args=(i,), daemon=True) for i in range(sessions)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end and not over.wait(min(1.0, end - time.monotonic())):
            memory.append(page.memory_info().rss / MB)
        over.set()
        for thread in threads:
            thread.join(120)
        memory.append(page.memory_info().rss / MB)
    said = {
        "what": f"load of {sessions} sessions",
        "done": dict(load.done),
        "errors": len(load.errors),
        "p95 s": {what: round(load.p95(what), 2) for what in sorted(load.seconds)},
        "pictures alike": all(len(each) == 1 for each in load.results.values()),
        "MB": [round(memory[0]), round(max(memory)), round(memory[-1])],
    }
    print(json.dumps(said), flush=True)
    return load
