"""What the tests of the page share: a browser, the app, and the ways to look and to act."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import re
import shutil
import socket
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from PIL import Image
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Request, expect, sync_playwright

from diffusion_core.training_runs import cost

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Lets the frame of another site open a page on loopback, where the tests have it.
    "--disable-features=LocalNetworkAccessChecks",
]
PAGE_MODELS = ("one", "two", "peeps", "broken")  # in the page's folder of models, for all tests
VIEWPORT = {"width": 1280, "height": 900}
TIMEOUT = 180_000  # milliseconds: some machines are slow, and others for a while
expect.set_options(timeout=TIMEOUT)  # of all tests
CANVAS = """([where, name]) => {
  const c = document.querySelector(`${where} canvas[aria-label^="${name}"]`);
  return c.toDataURL("image/png").split(",")[1];
}"""
# Counts what is seen: every animation frame, note the frame index that the player shows.
WATCH = """() => {
  const player = document.querySelector("#denoise-player .player");
  window.seen = [];
  const look = () => {
    const now = player.dataset.run + ":" + player.dataset.frame;
    if (window.seen.at(-1) !== now) window.seen.push(now);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


def beyond(page: Page) -> list[str]:
    """What is past the page's right edge and scrolls in nothing, or past a chart's or caption's."""
    return page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter((e) => {
          const chart = e.localName === "text" && e.ownerSVGElement;
          if (chart && getComputedStyle(chart).overflow !== "visible") {
            const [box, edge] = [e, chart].map((each) => each.getBoundingClientRect());
            return box.width && (box.left < edge.left - 2 || box.right > edge.right + 2);
          }
          if (e.localName === "figcaption" && e.scrollWidth > e.clientWidth + 1) return true;
          const scrolls = e.closest(
            ".wide, .strip, .equation, .stage-views, svg, .tab-wrapper, .cm-scroller");
          return e.offsetParent && !scrolls && e.getBoundingClientRect().right > innerWidth + 1;
        }).map((e) => e.outerHTML.slice(0, 100)).slice(0, 5)"""
    )


def faults(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.1 A and AA: rule, impact, and the first places."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
    # No rule of these tags reads style sheets, which axe would fetch and parse once more each time.
    options = {
        "runOnly": {"type": "tag", "values": tags},
        "resultTypes": ["violations"],
        "preload": False,
    }
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("options => axe.run(options).then(r => r.violations)", options)
    return [
        f"{v['id']} ({v['impact']}): {[n['html'][:120] for n in v['nodes'][:3]]}" for v in found
    ]


def free_port() -> int:
    """One on which nobody listens: where Gradio looks for one itself, it leaves sockets behind."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


@pytest.fixture(scope="session")
def playwright():
    with sync_playwright() as playwright:
        yield playwright


@contextlib.contextmanager
def chromium() -> Iterator[dict]:
    """How Chromium is started; without one the tests are skipped, unless they are asked for."""
    # The first is the same engine without the windows of a browser around it, which nobody sees
    # here: a page then takes 2.7 to 3.1 seconds of CPU to load in place of 3.5 to 3.9.
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    try:
        yield {"executable_path": found, "args": FLAGS}
    except PlaywrightError as error:
        if os.environ.get("REQUIRE_BROWSER") or os.environ.get("CI"):
            raise
        pytest.skip(f"no browser: {str(error).splitlines()[0]}; try `playwright install chromium`")


@pytest.fixture(scope="session")
def browser(playwright):
    """For pages of strangers; each of its contexts begins with nothing in its cache."""
    with chromium() as options:
        browser = playwright.chromium.launch(**options)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory) -> Path:
    from conftest import save_tiny, save_tiny_avatars

    folder = tmp_path_factory.mktemp("page-models")
    one, two, peeps, broken = PAGE_MODELS
    save_tiny(folder / one, seed=1)
    save_tiny(folder / two, seed=2)
    save_tiny_avatars(folder / peeps)
    broken = save_tiny(folder / broken, seed=3) / "model.safetensors"
    broken.write_bytes(broken.read_bytes()[:1000])
    return folder


@pytest.fixture(scope="session")
def url(models_folder):
    os.environ["DIFFUSION_MODELS"] = str(models_folder)
    import app
    from tabs.shared import shutdown

    os.environ["PLAYGROUND_OPENS_WITH"] = "one"
    demo = app.build()
    os.environ.pop("PLAYGROUND_OPENS_WITH")
    _, address, _ = app.launch(
        demo, prevent_thread_lock=True, quiet=True, inbrowser=False, server_port=free_port()
    )
    yield address
    demo.close()
    assert shutdown.close(60), "something still computes"
    os.environ.pop("DIFFUSION_MODELS")


@pytest.fixture(autouse=True)
def _models_are_as_before(request):
    """What a test trained or fetched is gone for the next one, whose menus would name it."""
    found = "models_folder" in request.fixturenames
    folder = request.getfixturevalue("models_folder") if found else None
    yield
    for path in folder.iterdir() if folder else ():
        if path.is_dir() and path.name not in PAGE_MODELS:
            shutil.rmtree(path)


STEP_SECONDS: OrderedDict = OrderedDict()  # what was "measured" for pages, apart from real measures


@pytest.fixture(autouse=True)
def _training_is_not_measured(request):
    """Each page that opens Train measures its presets for seconds of CPU: here a step takes 20 ms.

    The measure itself is tested without a page (test_sample_history, test_train_tab), and in a
    browser by the page of test_space, which is a process of its own.
    """
    with pytest.MonkeyPatch.context() as patch:  # the test's own is taken back when it should be
        if request.node.get_closest_marker("browser"):
            patch.setattr(cost, "_TOOK", STEP_SECONDS)
            patch.setattr(cost, "_step_seconds", lambda *asked: 0.02)
        yield


@pytest.fixture(scope="session")
def context(playwright, tmp_path_factory):
    """Shared by the pages of all tests, for what it has in its cache.

    Only a browser with a profile on disk keeps scripts as compiled: a page then takes 2.1 to 3.3
    seconds of CPU to load, and 3.5 to 5.0 without.
    """
    with chromium() as options:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            viewport=VIEWPORT,
            # So that no walk is shown again by itself when it has come to its end, for seconds.
            reduced_motion="reduce",
            **options,
        )
    context.add_init_script(LEAVE_QUIETLY)
    yield context
    context.close()


@pytest.fixture
def open_page(context):
    """Opens empty pages, which are closed at the end, and nothing of them is kept."""
    pages = []

    def open_page(width=VIEWPORT["width"], height=VIEWPORT["height"]) -> Page:
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.set_default_timeout(TIMEOUT)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        close(page)


def close(page: Page) -> None:
    """Close a page, and forget what its address has stored."""
    if page.is_closed():
        return
    if page.url.startswith("http"):
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    page.close()


# What Gradio logs of each request that is under way as the page is left, which nobody sees.
LEAVE_QUIETLY = """addEventListener("beforeunload", () => {
    const log = console.error;
    console.error = (...words) => {
        const text = words.map(String).join(" ");
        if (!/^AbortError: signal is aborted|^Unexpected error Connection errored out/.test(text))
            log(...words);
    };
});"""


def is_of_gradios_menu(error: PlaywrightError) -> bool:
    """Whether an error is the one of Gradio's menu that is open as its choices become fewer.

    Gradio 6.31 draws a choice once more that is there no longer, `choices[index][0]`, before it
    draws the new ones; what is seen is right. Any error of a script of our own counts.
    """
    script = (error.stack or "").split("\n", 2)[1:2]
    of_gradio = bool(script) and "/assets/Index-" in script[0]
    return of_gradio and str(error) == "Cannot read properties of undefined (reading '0')"


@pytest.fixture
def page(open_page, url):
    page = open_page()
    problems: list[str] = []
    page.on("pageerror", lambda e: None if is_of_gradios_menu(e) else problems.append(str(e)))
    # Gradio catches what our own scripts throw, and only logs it.
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.goto(url)
    page.wait_for_selector("#denoise-player .player[data-state=done]")
    yield page
    close(page)
    assert problems == []


@pytest.fixture(params=[1280, 390], ids=["1280", "390"])
def fresh(request, open_page):
    """An empty page, as wide as that of a laptop and as that of a phone."""
    return open_page(request.param, 844)


def in_light_and_dark(page: Page) -> Iterator[str]:
    """Show the page in each scheme; what changes its colour slowly has come to its end."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(
            """dark => document.body.classList.contains("dark") === dark
                && !document.getAnimations().some((a) => a instanceof CSSTransition)""",
            arg=scheme == "dark",
        )
        yield scheme


def choose_tab(page: Page, name: str) -> None:
    """Choose a tab by its name; on a phone the last ones stand in a menu beside the others."""
    tab = page.get_by_role("tab", name=name, exact=True)
    in_menu = page.locator(".overflow-dropdown button").filter(has_text=name)
    expect(tab.or_(in_menu)).to_have_count(1)
    if in_menu.count():
        page.get_by_label("More tabs").click()
        in_menu.click()
    else:
        tab.click()


def delay(page: Page, round_trip_ms: int) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": round_trip_ms,
            "downloadThroughput": -1,
            "uploadThroughput": -1,
        },
    )


def pixels(page: Page, name: str, where: str = "#denoise-player") -> np.ndarray:
    """What a canvas holds, (H, W, 3)."""
    data = base64.b64decode(page.evaluate(CANVAS, [where, name]))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def choose(page: Page, label: str, option: str) -> None:
    menu = page.get_by_label(label, exact=True).filter(visible=True).first
    menu.click()
    page.get_by_role("option", name=re.compile(rf"^\W*{re.escape(option)}")).first.click()


def number(page: Page, label: str, value: int) -> None:
    every = page.get_by_label(re.compile(rf"(number input for )?{label}$"))
    field = every.filter(visible=True).first  # another tab that was seen may have one of its name
    field.fill(str(value))
    field.press("Tab")


def begin_with(page: Page, what: str) -> None:
    """Choose what a walk begins with, in its fold, which stays open."""
    choice = page.get_by_label(what, exact=True)
    if not choice.is_visible():
        page.locator("#denoise-begin button.label-wrap").click()
    choice.check()


def view(page: Page, name: str) -> None:
    """Choose a view of the Denoise tab's stage."""
    page.locator("#denoise-views").get_by_role("tab", name=name, exact=True).click()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def run(page: Page) -> None:
    before = page.locator("#denoise-player .player").get_attribute("data-run")
    press(page, "Denoise")
    page.wait_for_function(
        """before => { const p = document.querySelector("#denoise-player .player");
        return p.dataset.run !== before && p.dataset.state === "done"
            && p.dataset.frame === String(p.dataset.frames - 1); }""",
        arg=before,
    )


def quiet(page: Page) -> None:
    """Wait until a second has passed without a request."""
    seen: list[str] = [""]

    def note(request: Request) -> None:
        seen.append(request.url)

    page.on("request", note)
    while seen:
        seen.clear()
        settle(page, 1000)
    page.remove_listener("request", note)


def settle(page: Page, ms: int) -> None:
    """Let time pass in the page: only to show that nothing more happens."""
    page.evaluate("ms => new Promise(done => setTimeout(done, ms))", ms)
