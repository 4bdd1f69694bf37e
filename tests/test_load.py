"""A class at one page: fifty sessions at once, three of them in a browser, for five minutes.

    pytest -m long tests/test_load.py -n 0 -s

PLAYGROUND_LOAD_MINUTES and PLAYGROUND_LOAD_SESSIONS take less of it.
"""

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import httpx
import pytest
from pagelib import number, press

from bench.load import Load, bench_load
from bench.visitors import Visitor, opened_page

MINUTES = float(os.environ.get("PLAYGROUND_LOAD_MINUTES", 5))
SESSIONS = int(os.environ.get("PLAYGROUND_LOAD_SESSIONS", 50))
DONE = "#denoise-player .player[data-state=done]"
# The finished picture is on the canvas: frames are drawn after they came, one at a time.
FINISHED = """() => { const p = document.querySelector("#denoise-player .player");
    return p.dataset.state === "done" && p.dataset.frame === String(p.dataset.frames - 1); }"""


def drawn(page, where):
    """The pixels of a canvas, as text."""
    return page.locator(f"{where} canvas").first.evaluate("c => c.toDataURL()")


def use_in_a_browser(page, load, seeds):
    """Walk with one's own seed, then move the slider of the Noise tab; both are timed."""
    seed = next(seeds)
    page.get_by_role("tab", name="Denoise", exact=True).click()
    number(page, "Seed", seed)
    began = time.monotonic()
    press(page, "Denoise")
    page.wait_for_selector("#denoise-player .player[data-state=running]")
    load.took("first frame in a browser", began)
    page.wait_for_function(FINISHED)
    load.took("walk in a browser", began)
    load.results[f"browser {seed}"].add(drawn(page, "#denoise-player"))
    page.get_by_role("tab", name="Noise", exact=True).click()
    slider = page.locator("#noise-stage input[type=range]").first
    before, began = drawn(page, "#noise-stage"), time.monotonic()
    slider.press("ArrowRight")
    slider.press("PageUp")
    page.wait_for_function(
        "before => document.querySelector('#noise-stage canvas').toDataURL() !== before",
        arg=before,
    )
    load.took("slider in a browser", began)
    load.done["browser"] += 1


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.timeout(3600)
def test_fifty_sessions_at_once_meet_no_error_and_nobody_elses_pictures(browser):
    load, over = Load(), threading.Event()
    with opened_page(public=True) as (pid, url), ThreadPoolExecutor(1) as pool:
        pages = []
        for _ in range(3):
            # With little motion a walk is not shown once more, and its last frame stays.
            page = browser.new_context(reduced_motion="reduce").new_page()
            page.set_default_timeout(300_000)
            page.goto(url)
            page.wait_for_selector(DONE)
            number(page, "Steps", 12)
            pages.append(page)
        others = pool.submit(
            bench_load, SESSIONS - 3, MINUTES, 20.0, url=url, pid=pid, load=load, over=over
        )
        seeds, end = cycle(range(5)), time.monotonic() + 60 * MINUTES
        for page in cycle(pages):
            if time.monotonic() > end or others.done():
                break
            use_in_a_browser(page, load, seeds)
        others.result()
        for page in pages:
            page.context.close()
        # Whoever comes after them is served at once.
        began = time.monotonic()
        late = Visitor(url)
        late.press("Seed", "change", Seed="7")
        late.leave()
        load.took("afterwards", began)
        assert httpx.get(f"{url}/config").is_success
    print(json.dumps({what: round(load.p95(what), 2) for what in sorted(load.seconds)}))
    assert load.errors == []
    assert load.done["denoise"] and load.done["browser"] >= 3
    assert load.results
    unlike = {name: len(each) for name, each in load.results.items() if len(each) > 1}
    assert not unlike, "the same request gave other pictures"
    pictures = [picture for each in load.results.values() for picture in each]
    assert len(set(pictures)) == len(pictures)
    assert load.p95("afterwards") < 30
