"""Many programs that ask /denoise at the same moment: walks a second, and how long each waits."""

from __future__ import annotations

import hashlib
import json
import statistics
import threading
import time

import httpx

from .timing import report
from .visitors import PATIENCE, opened_page

__all__ = ["bench_callers"]

SEEDS = 4  # of all callers, so that several ask for the same pictures


def bench_callers(model: str, callers: int, steps: int, rounds: int, url: str) -> None:
    """Print the time of a walk among many callers against that of one alone, and the longest wait.

    Args:
        model: A model that the page offers.
        callers: How many ask at once, each for one picture.
        steps: Of each walk.
        rounds: How often all of them ask.
        url: Of a page that runs already; "" starts one.

    Raises:
        ValueError: if an answer is an error, or callers with one seed get different pictures.
    """
    if url:
        _measure(model, callers, steps, rounds, url)
        return
    with opened_page(public=False) as (_, started):
        _measure(model, callers, steps, rounds, started)


def _measure(model: str, callers: int, steps: int, rounds: int, url: str) -> None:
    pictures: dict[int, str] = {}
    _at_once(url, model, 1, steps, pictures)  # what is done once only is not timed
    pairs, waits = [], []
    for _ in range(rounds):
        alone, _ = _at_once(url, model, 1, steps, pictures)
        together, waited = _at_once(url, model, callers, steps, pictures)
        pairs.append((together / callers, alone))
        waits.append((max(waited), statistics.median(waited)))
    what = f"callers, {model}, {steps} steps, 1 image: "
    for words, found in (
        (f"a walk of {callers} at once / one alone", pairs),
        (f"the longest wait of {callers} / the median", waits),
    ):
        ratio = statistics.median(a / b for a, b in found)
        first, second = (statistics.median(side) for side in zip(*found, strict=True))
        report(what + words, first, second, ratio)


def _at_once(
    url: str, model: str, callers: int, steps: int, pictures: dict[int, str]
) -> tuple[float, list[float]]:
    """Seconds until the last of so many has its picture, and of each."""
    waited: list[float] = []
    errors: list[str] = []
    go = threading.Barrier(callers + 1)

    def call(seed: int) -> None:
        asked = {"model": model, "num_images": 1, "steps": steps, "seed": seed}
        with httpx.Client(base_url=f"{url}/gradio_api", timeout=PATIENCE) as client:
            go.wait()
            start = time.perf_counter()
            event = client.post("call/v2/denoise", json=asked).raise_for_status().json()["event_id"]
            answer = client.get(f"call/denoise/{event}").text.strip().split("\n\n")[-1]
            waited.append(time.perf_counter() - start)
            kind, data = (line.split(": ", 1)[1] for line in answer.splitlines())
            if kind != "complete":
                errors.append(data)
                return
            sheet, card = json.loads(data)
            picture = hashlib.sha256(client.get(sheet["url"]).content).hexdigest()
            if pictures.setdefault(seed, picture + card["result"]) != picture + card["result"]:
                errors.append(f"Callers with the seed {seed} were given different pictures.")

    threads = [threading.Thread(target=call, args=(i % SEEDS,)) for i in range(callers)]
    for thread in threads:
        thread.start()
    go.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    if errors:
        raise ValueError(errors[0])
    return time.perf_counter() - start, waited
