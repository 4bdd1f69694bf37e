"""What the tests of the page share: a browser, the app, and the ways to look and to act."""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Request, expect, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
TIMEOUT = 60_000  # milliseconds: a machine may be slow for a while
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
    """What reaches past the right edge of the page, and is not inside something that scrolls."""
    return page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter((e) => {
          const scrolls = e.closest(".wide, .equation, svg, .tab-wrapper, .cm-scroller");
          return e.offsetParent && !scrolls && e.getBoundingClientRect().right > innerWidth + 1;
        }).map((e) => e.outerHTML.slice(0, 100)).slice(0, 5)"""
    )


def faults(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.1 A and AA: rule, impact, and the first places."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    return [
        f"{v['id']} ({v['impact']}): {[n['html'][:120] for n in v['nodes'][:3]]}"
        for v in found.response["violations"]
    ]


def free_port() -> int:
    """One on which nobody listens: where Gradio looks for one itself, it leaves sockets behind."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as p:
        found = next(
            filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
        )
        try:
            browser = p.chromium.launch(executable_path=found, args=FLAGS)
        except PlaywrightError as error:
            if os.environ.get("REQUIRE_BROWSER") or os.environ.get("CI"):
                raise
            pytest.skip(
                f"no browser: {str(error).splitlines()[0]}; try `playwright install chromium`"
            )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory) -> Path:
    from conftest import save_tiny, save_tiny_avatars

    folder = tmp_path_factory.mktemp("page-models")
    save_tiny(folder / "one", seed=1)
    save_tiny(folder / "two", seed=2)
    save_tiny_avatars(folder / "peeps")
    broken = save_tiny(folder / "broken", seed=3) / "model.safetensors"
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


@pytest.fixture(scope="session")
def context(browser):
    """Shared by the pages of all tests, for the scripts and styles that it has in its cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(context, url):
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda e: problems.append(str(e)))
    # Gradio catches what our own scripts throw, and only logs it.
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.set_default_timeout(TIMEOUT)
    page.goto(url)
    page.wait_for_selector("#denoise-player .player[data-state=done]")
    yield page
    page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    page.close()
    assert problems == []


@pytest.fixture(params=[1280, 390], ids=["1280", "390"])
def fresh(request, browser):
    """An empty page, as wide as that of a laptop and as that of a phone."""
    context = browser.new_context(viewport={"width": request.param, "height": 844})
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    yield page
    context.close()


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
    menu = page.get_by_label(label, exact=True).first
    menu.click()
    page.get_by_role("option", name=re.compile(rf"^\W*{re.escape(option)}")).first.click()


def number(page: Page, label: str, value: int) -> None:
    field = page.get_by_label(re.compile(rf"(number input for )?{label}$")).first
    field.fill(str(value))
    field.press("Tab")


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
