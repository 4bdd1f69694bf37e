"""The app as a Space starts it: server-side rendering, an ephemeral home, strangers as visitors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import wait_for
from pagelib import (
    TIMEOUT,
    beyond,
    faults,
    free_port,
    pixels,
    run,
)
from playwright.sync_api import expect

ROOT = Path(__file__).parents[1]
KEPT = ("PATH", "LANG", "VIRTUAL_ENV", "OMP_NUM_THREADS", "LD_LIBRARY_PATH", "TMPDIR")
NODE = shutil.which("node")


def tracked() -> list[str]:
    listing = ["git", "ls-files", "-z"]
    told = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in told.stdout.split("\0") if name and (ROOT / name).is_file()]


def front_matter() -> dict[str, str]:
    head = (ROOT / "README.md").read_text(encoding="utf-8").split("---")[1]
    return {k: v.strip().strip('"') for k, v in re.findall(r"^(\w+): *(.*)$", head, re.M)}


def everything_in(*folders: Path) -> set[str]:
    return {str(file) for folder in folders for file in folder.rglob("*")}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """What is pushed to the Space, and an empty home."""
    here = tmp_path_factory.mktemp("space")
    for name in tracked():
        if not name.startswith("tests/"):
            (here / "app" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, here / "app" / name)
    (here / "home").mkdir()
    return here


@pytest.fixture(scope="module")
def space(place):
    """Its address, and what it has said so far."""
    port = free_port()
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env |= {
        "SPACE_ID": "someone/playground",
        "SYSTEM": "spaces",
        "HOME": str(place / "home"),
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_SSR_MODE": "True" if NODE else "False",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    before = everything_in(place / "app", place / "home")
    log = place / "log"
    with open(log, "wb") as said:
        process = subprocess.Popen(
            [sys.executable, front_matter()["app_file"]],
            cwd=place / "app",
            env=env,
            stdout=said,
            stderr=said,
        )
    url, began = f"http://127.0.0.1:{port}/", time.monotonic()
    while True:
        try:
            urllib.request.urlopen(url, timeout=60).read()
            break
        except (OSError, urllib.error.URLError):
            assert process.poll() is None and time.monotonic() - began < 400, log.read_text()
            time.sleep(0.5)
    yield url, log, before
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert everything_in(place / "app", place / "home") == before, "it was written to"


def visit(browser, url, **options):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.goto(url)
    page.wait_for_selector("#denoise-player .player[data-state=done]")
    return page


@pytest.mark.browser
def test_it_renders_on_the_server_and_gives_frames(browser, space):
    url, log, _ = space
    if NODE:
        wait_for(lambda: "with SSR" in log.read_text())  # once the page is there
    # Before, and on a busy machine at first, the server that renders answers with an empty page.
    wait_for(lambda: b"Diffusion Playground" in urllib.request.urlopen(url, timeout=60).read())
    page = visit(browser, url)
    before = pixels(page, "x_t")
    run(page)
    after = pixels(page, "x_t")
    assert before.std() > 20 and after.std() > 20 and (before != after).any()
    # Our own parts look as they do elsewhere: the theme's violet, and the player's layout.
    button = page.get_by_role("button", name="Denoise", exact=True)
    assert button.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(109, 59, 209)"
    assert page.locator("#denoise-player canvas").first.bounding_box()["width"] > 300
    assert beyond(page) == [] and faults(page) == []
    page.context.close()


@pytest.mark.browser
def test_training_is_bounded(browser, space):
    page = visit(browser, space[0])
    page.get_by_role("tab", name="Train", exact=True).click()
    expect(page.locator("#train-said")).to_contain_text("at most 4,000 steps and 10 minutes")
    page.wait_for_selector("#train-stage .training[data-state=before]")
    page.get_by_role("button", name=re.compile("^Everything")).click()
    field = page.get_by_label("Training steps").first
    field.fill("100000")
    field.press("Tab")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator("#train-stage")).to_contain_text("4,000", timeout=180_000)
    page.context.close()


@pytest.mark.browser
def test_no_visitor_sees_anothers_models(browser, space):
    mine, yours = visit(browser, space[0]), visit(browser, space[0])
    for page in (mine, yours):
        page.get_by_role("tab", name="Train", exact=True).click()
        page.wait_for_selector("#train-stage .training[data-state=before]")
    mine.get_by_label("Name", exact=True).first.fill("secret-of-mine")
    mine.get_by_role("button", name=re.compile("^Everything")).click()
    for name, value in (("Training steps", "4"), ("Batch", "2"), ("Channels", "32,64")):
        field = mine.get_by_label(name).first
        field.fill(value)
        field.press("Tab")
    mine.get_by_role("button", name="Train", exact=True).click()
    own = mine.get_by_label("Model of yours")
    expect(own).to_have_value("secret-of-mine", timeout=300_000)
    yours.reload()  # which opens the tab that was open
    yours.wait_for_selector("#train-stage .training[data-state=before]")
    expect(yours.get_by_label("Model of yours")).to_have_value("")
    for page, offered in ((mine, True), (yours, False)):
        page.get_by_role("tab", name="Denoise", exact=True).click()
        page.get_by_label("Model", exact=True).first.click()
        page.wait_for_selector("[role=option]")
        names = page.get_by_role("option").all_inner_texts()
        assert any("secret-of-mine" in name for name in names) == offered
    # A path is no way in either.
    menu = yours.get_by_label("Model", exact=True).first
    menu.fill("/etc")
    menu.press("Enter")
    expect(yours.locator("#denoise-model .error")).to_contain_text(
        "no model /etc on this page", timeout=180_000
    )
    mine.context.close()
    yours.context.close()


def test_nothing_was_written_beside_temporary_folders(space, place):
    assert everything_in(place / "app", place / "home") == space[2]


def test_the_front_matter_names_what_is_here():
    said = front_matter()
    assert said["sdk"] == "gradio" and (ROOT / said["app_file"]).is_file()
    assert len(said["short_description"]) <= 60
    wanted = re.search(r"gradio>=([\d.]+),<(\d+)", (ROOT / "requirements.txt").read_text())
    version = [int(n) for n in said["sdk_version"].split(".")]
    least = [int(n) for n in wanted[1].split(".")]
    assert least <= version and version[0] < int(wanted[2])


@pytest.mark.parametrize("version", ["3.10", "3.12"])
def test_the_requirements_can_be_installed_beside_the_spaces_gradio(version, tmp_path):
    """All of it is resolved, from wheels alone, as for that Python on Linux."""
    gradio = f"gradio[oauth,mcp]=={front_matter()['sdk_version']}"
    (tmp_path / "space.txt").write_text(f"{gradio}\nspaces\n")
    line = ["uv", "pip", "compile", "--no-config", "--no-header", "--no-annotate", "--quiet"]
    target = ["--python-version", version, "--python-platform", "x86_64-manylinux_2_28"]
    files = [str(ROOT / "requirements.txt"), str(tmp_path / "space.txt")]
    told = subprocess.run(
        [sys.executable, "-m", *line, *target, "--only-binary", ":all:", *files, *registry()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    unreached = "Failed to fetch|connect|Name or service|timed out|dns"
    if told.returncode and re.search(unreached, told.stderr, re.I):
        pytest.skip(f"no package registry can be reached: {told.stderr.splitlines()[-1]}")
    assert told.returncode == 0, told.stderr
    chosen = dict(re.findall(r"^([\w.-]+)==(\S+)", told.stdout, re.M))
    assert chosen["gradio"] == front_matter()["sdk_version"] and {"torch", "mcp"} <= set(chosen)


def registry() -> list[str]:
    """The index that pip asks, where it is told one; uv reads other settings."""
    asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    told = subprocess.run(asked, capture_output=True, text=True)
    index = os.environ.get("PIP_INDEX_URL") or told.stdout.strip()
    return ["--index-url", index] if index else []
