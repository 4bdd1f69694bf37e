"""What comes before a component's module has arrived, in Chromium."""

import time
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from conftest import watch_steps
from pagelib import number, press
from playwright.sync_api import expect

from tabs.denoise.run_registry import RECORDINGS
from tabs.shared import components
from tabs.shared.components import STATIC
from tabs.shared.stop_signals import STOP_SIGNALS

pytestmark = pytest.mark.browser
PLAYER = "#denoise-player .player"


@pytest.fixture
def early(open_page, url):
    """A page whose player's module is held back, and what lets it through."""
    held = []
    page = open_page()
    page.route("**/player/index.js", lambda route: held.append(route))
    page.goto(url)
    expect(page.get_by_role("button", name="Denoise", exact=True)).to_be_visible()
    expect(page.locator(f"{PLAYER} .play")).to_be_visible()  # the markup is there at once
    return page, lambda: held.pop().continue_()


def until(page, holds):
    """Wait for something on the server; the page lives on meanwhile."""
    for _ in range(3600):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not come to this")


def wanted(page, before=""):
    """The run that a click began, after another; the click's own module comes with the first."""
    page.wait_for_selector(f"{PLAYER}[data-wanted]:not([data-wanted='{before}'])")
    return page.locator(PLAYER).get_attribute("data-wanted")


def test_a_run_that_was_sent_before_the_module_came_is_there_with_every_frame(early):
    page, let_through = early
    number(page, "Steps", 120)
    press(page, "Denoise")
    run_id = wanted(page)
    assert run_id
    until(page, lambda: (r := RECORDINGS.get(run_id)) is not None and r.result is not None)
    assert page.locator(PLAYER).get_attribute("data-state") is None
    let_through()
    page.wait_for_selector(f"{PLAYER}[data-run='{run_id}'][data-state=done]")
    expect(page.locator(PLAYER)).to_have_attribute("data-frames", "121")
    page.get_by_label("Scrubber").press("Home")
    expect(page.locator(f"{PLAYER} .status")).to_contain_text("t = 999")
    page.get_by_role("button", name="One frame on").click()
    expect(page.locator(f"{PLAYER} .status")).to_contain_text("step 1 of 120")


def test_stop_reaches_a_run_that_began_before_the_module_came(early, monkeypatch):
    page, let_through = early
    watch_steps(monkeypatch, lambda _: time.sleep(0.1))  # it is not done before it is stopped
    number(page, "Steps", 1000)
    press(page, "Denoise")
    run_id = wanted(page)
    until(page, lambda: RECORDINGS.get(run_id) is not None)
    press(page, "Stop")
    until(page, lambda: run_id not in [name for name, _ in STOP_SIGNALS.signs.values()])
    assert RECORDINGS.get(run_id).result is None
    let_through()
    page.wait_for_selector(f"{PLAYER}[data-state=stopped], {PLAYER}[data-state=done]")
    run_before = page.locator(PLAYER).get_attribute("data-run")
    number(page, "Steps", 3)
    press(page, "Denoise")  # and the next run starts clean
    page.wait_for_selector(f"{PLAYER}[data-run='{wanted(page, run_id)}'][data-state=done]")
    assert page.locator(PLAYER).get_attribute("data-run") not in (run_before, run_id)


def test_a_module_that_cannot_be_loaded_is_said_where_it_is_missing(open_page, url):
    page = open_page()
    page.route("**/noise/index.js", lambda route: route.abort())
    page.goto(url)
    page.get_by_role("tab", name="Noise", exact=True).click()
    expect(page.locator("#noise-stage")).to_contain_text("Reload the page")
    page.get_by_role("tab", name="Denoise", exact=True).click()
    page.wait_for_selector(f"{PLAYER}[data-state=done]")  # the others go on


def test_the_browser_may_read_the_modules_and_pictures_and_nothing_else(url):
    def status(path):
        answer = httpx.get(f"{url}gradio_api/file={quote(Path(path).as_posix())}")
        if answer.status_code == 200:
            assert answer.content == Path(path).read_bytes()
        return answer.status_code, answer.headers["content-type"].split(";")[0]

    for path in components.served().rglob("*.js"):
        code, kind = status(path)
        assert code == 200 and kind.endswith("/javascript"), path
    assert status(STATIC / "pictures" / "bag.png") == (200, "image/png")
    for path in [
        STATIC / "theme.css",
        STATIC / "load.js",
        STATIC / "package.json",
        STATIC / "player" / "player.html",
        STATIC / "player" / "index.js",
        STATIC.parents[1] / "app.py",
        STATIC.parents[1] / "requirements.txt",
        STATIC.parent / "shared" / "components.py",
        components.served(),
        "/etc/hostname",
    ]:
        assert status(path)[0] == 403, path
