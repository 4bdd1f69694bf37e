"""Record the animated picture at the head of the README: a walk on the real page.

    python docs/scripts/record_animation.py

It starts the playground, opens it in Chromium, presses Denoise and moves through the walk by the
page's own button, frame by frame; each screenshot is one frame of docs/denoise.webp. It needs
what the tests need: pip install -r tests/requirements.txt, and a Chromium. What is seen is what
the page showed; only the seconds between two frames are set here.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[2]
OUT = ROOT / "docs" / "denoise.webp"
LARGEST = 3 * 1024 * 1024  # bytes, so that the README opens at once
START_SECONDS, TIMEOUT_MS = 300, 120_000
FIRST_MS, FRAME_MS, LAST_MS = 900, 260, 2600  # how long a frame is shown
PLAYER = "#denoise-player .player"
DONE = f"""before => {{ const p = document.querySelector("{PLAYER}").dataset;
  return p.run !== before && p.state === "done"; }}"""


@contextmanager
def playground() -> Iterator[str]:
    """The page as `python app.py` opens it; its address."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    line = [sys.executable, "app.py", "--port", str(port), "--no-browser"]
    with tempfile.TemporaryFile() as said:
        app = subprocess.Popen(line, cwd=ROOT, stdout=said, stderr=said)
        try:
            address, until = f"http://127.0.0.1:{port}/", time.monotonic() + START_SECONDS
            while not answers(address):
                if app.poll() is not None or time.monotonic() > until:
                    said.seek(0)
                    raise SystemExit(f"The page did not start: {said.read().decode()[-2000:]}")
                time.sleep(0.2)
            yield address
        finally:
            app.terminate()
            app.wait(60)


def answers(address: str) -> bool:
    """Whether a page is there."""
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except OSError:
        return False
    return True


def walk(page: Page, steps: int) -> Iterator[Image.Image]:
    """Denoise with so many steps, and a picture of the page at each moment of the walk."""
    player = page.locator(PLAYER)
    page.wait_for_selector(f"{PLAYER}[data-state=done]")
    before = player.get_attribute("data-run")
    field = page.get_by_label("number input for Steps").first
    field.fill(str(steps))
    field.press("Tab")
    page.locator("#denoise-run").click()
    page.wait_for_function(DONE, arg=before)
    page.locator(f"{PLAYER} .scrub").press("Home")
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    for index in range(int(player.get_attribute("data-frames") or 0)):
        if index:
            page.locator(f"{PLAYER} .next").evaluate("(button) => button.click()")
        page.wait_for_selector(f"{PLAYER}[data-frame='{index}']")
        page.wait_for_function("() => new Promise((d) => requestAnimationFrame(() => d(true)))")
        yield Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def save(frames: list[Image.Image], out: Path) -> int:
    """Write an animated WebP, as sharp as `LARGEST` allows; its size in bytes.

    Raises:
        ValueError: if no quality makes it small enough.
    """
    times = [FIRST_MS, *[FRAME_MS] * (len(frames) - 2), LAST_MS]
    for quality in (90, 80, 70, 55, 40):
        file = io.BytesIO()
        frames[0].save(
            file,
            "WEBP",
            save_all=True,
            append_images=frames[1:],
            duration=times,
            loop=0,
            quality=quality,
            method=4,
        )
        if file.tell() <= LARGEST:
            part = out.with_name(f"{out.name}.part")
            part.write_bytes(file.getvalue())
            os.replace(part, out)
            return file.tell()
    raise ValueError(f"{len(frames)} frames are more than {LARGEST:,} bytes: take fewer steps.")


def record(address: str, out: Path, *, steps: int, width: int, height: int, scheme: str) -> int:
    """Record a walk of the page at an address.

    Args:
        address: Of the running page.
        out: The file, .webp.
        steps: Of the walk; it has one frame more.
        width: Of the window, in pixels.
        height: Of the window.
        scheme: light or dark.

    Returns:
        The size of the file in bytes.
    """
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=flags)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(address)
        frames = list(walk(page, steps))
        browser.close()
    return save(frames, out)


def main() -> None:
    """Record with the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=800)
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    parser.add_argument("--address", help="of a page that runs already; else one is started")
    given = parser.parse_args()
    options = {name: getattr(given, name) for name in ("steps", "width", "height", "scheme")}
    if given.address:
        size = record(given.address, given.out, **options)
    else:
        with playground() as address:
            size = record(address, given.out, **options)
    print(f"{given.out}: {size:,} bytes")


if __name__ == "__main__":
    main()
