"""The page's connection in Chromium, behind a proxy under a path: cut, reloaded, left, copied."""

from __future__ import annotations

import os
import re
import threading

import numpy as np
import pytest
from conftest import save_tiny, wait_for, watch_steps
from cutting import CuttingProxy
from pagelib import TIMEOUT, begin_with, free_port, in_light_and_dark, number, pixels, press
from PIL import Image
from playwright.sync_api import expect

from tabs.denoise.run_registry import RECORDINGS
from tabs.shared import connection, shutdown
from tabs.shared.sessions import SESSIONS
from tabs.shared.stop_signals import STOP_SIGNALS
from tabs.train.jobs import PLAN_FILE, QUEUE

pytestmark = pytest.mark.browser
PLAYER = "#denoise-player .player"
SAID = "#connection p"
STAGE = "#train-stage .training"


@pytest.fixture(scope="module")
def proxy(models_folder):
    """The page of strangers, and the proxy in front of it."""
    before = os.environ.get("DIFFUSION_MODELS")
    os.environ["DIFFUSION_MODELS"] = str(models_folder)
    os.environ["PLAYGROUND_OPENS_WITH"] = "one"
    import app

    patch = pytest.MonkeyPatch()
    patch.setattr(SESSIONS, "public", True)
    # Gradio gives its own first request three seconds, which a busy machine may need.
    patch.setattr("gradio.networking.url_ok", lambda url: True)
    demo = app.build()
    os.environ.pop("PLAYGROUND_OPENS_WITH")
    port = free_port()
    app.launch(
        demo,
        prevent_thread_lock=True,
        quiet=True,
        inbrowser=False,
        server_port=port,
        root_path="/class",
    )
    proxy = CuttingProxy(port, "/class")
    yield proxy
    proxy.close()
    demo.close()
    patch.undo()
    assert shutdown.close(60), "something still computes"
    os.environ.pop("DIFFUSION_MODELS")
    if before is not None:  # that of the page that the other tests share
        os.environ["DIFFUSION_MODELS"] = before


@pytest.fixture
def visit(browser, proxy):
    """A page of a visitor of one's own; what is theirs goes in the end."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.goto(proxy.url)
    ready(page)
    yield page
    proxy.mend()
    context.close()
    for session in list(SESSIONS.visits):
        SESSIONS.forget(session)
    wait_for(lambda: not QUEUE.jobs)


def ready(page):
    page.wait_for_selector(f"{PLAYER}[data-state]")
    page.wait_for_function("Object.keys(sessionStorage).some((k) => k.endsWith(' session'))")


def stored(page, name):
    return page.evaluate("name => JSON.parse(sessionStorage[`playground /class/ ${name}`])", name)


def session_of(page):
    return stored(page, "session")


def walk(page, steps, state="done"):
    number(page, "Steps", steps)
    before = page.locator(PLAYER).get_attribute("data-run")
    press(page, "Denoise")
    page.wait_for_selector(f"{PLAYER}[data-state={state}]:not([data-run='{before}'])")
    return page.locator(PLAYER).get_attribute("data-run")


def train(page, name="cats"):
    """A training that does not end by itself."""
    page.get_by_role("tab", name="Train").click()
    page.wait_for_selector(f"{STAGE}[data-state=before]")
    page.get_by_role("button", name=re.compile("^Everything")).click()
    values = {"Name": name, "Batch": 4, "Channels": "32,32", "Blocks": 1, "Training steps": 3999}
    for label, value in values.items():
        field = page.get_by_label(re.compile(rf"^\s*{label}\b")).last
        field.fill(str(value))
        field.press("Tab")
    page.locator("#train-run").click()
    page.wait_for_selector(f"{STAGE}[data-state=running]")
    return QUEUE.jobs[0]


def said(page, words):
    expect(page.locator(SAID)).to_have_text(re.compile(words))


def test_a_reload_finds_tab_settings_and_walk(visit, proxy, caplog):
    run_id = walk(visit, 7)
    visit.get_by_label("Scrubber").press("Home")
    visit.get_by_role("tab", name="Schedules").click()
    visit.get_by_label("Zero terminal SNR").check()
    visit.get_by_role("tab", name="Train").click()
    visit.get_by_label(re.compile(r"^\s*Name\b")).last.fill("cats")
    visit.wait_for_function("sessionStorage['playground /class/ tab'] === '\"train\"'")
    before = stored(visit, "session")
    visit.reload()
    said(visit, r"^Connected again: your walk of \d\d:\d\d is still here\.$")
    expect(visit.get_by_role("tab", name="Train")).to_have_attribute("aria-selected", "true")
    expect(visit.get_by_label(re.compile(r"^\s*Name\b")).last).to_have_value("cats")
    visit.get_by_role("tab", name="Schedules").click()
    expect(visit.get_by_label("Zero terminal SNR")).to_be_checked()
    visit.get_by_role("tab", name="Denoise").click()
    expect(visit.locator(PLAYER)).to_have_attribute("data-run", run_id)
    expect(visit.locator(PLAYER)).to_have_attribute("data-frames", "8")
    expect(visit.locator(PLAYER)).to_have_attribute("data-frame", "0")
    expect(visit.get_by_label(re.compile("number input for Steps"))).to_have_value("7")
    assert session_of(visit) != before
    token = stored(visit, "token")
    assert re.fullmatch("[0-9a-f]{32}", token) and len(proxy.seen) > 20
    assert not any(token in line for line in proxy.seen)
    assert token not in caplog.text and token not in visit.url
    for _ in in_light_and_dark(visit):
        assert visit.locator(SAID).is_visible()


def test_a_cut_connection_ends_the_walk_and_not_the_training(visit, proxy, monkeypatch):
    job = train(visit)
    visit.get_by_role("tab", name="Denoise").click()
    going = threading.Event()
    watch_steps(monkeypatch, lambda _: going.wait(0.5))  # it is not done before the cut
    walk(visit, 900, state="running")
    run_id = visit.locator(PLAYER).get_attribute("data-run")
    folder = SESSIONS.folder(session_of(visit))
    proxy.cut()
    wait_for(lambda: run_id not in [name for name, _ in STOP_SIGNALS.signs.values()])
    reached = job.progress.step
    wait_for(lambda: job.progress.step > reached)  # nobody watches, and it goes on
    kept = RECORDINGS.get(run_id)
    assert kept.result is None and kept.frames and folder.exists()
    proxy.mend()
    said(
        visit,
        r"^Connected again: your walk of \d\d:\d\d as far as it had come and the training cats "
        r"are still here\.$",
    )
    expect(visit.locator(PLAYER)).to_have_attribute("data-run", run_id)
    expect(visit.locator(PLAYER)).to_have_attribute("data-state", "stopped")
    expect(visit.locator(PLAYER)).to_have_attribute("data-frames", str(len(kept.frames)))
    visit.get_by_role("tab", name="Train").click()
    visit.wait_for_selector(f"{STAGE}[data-state=running]")
    press(visit, "Stop")  # of the training: it is one's own still
    wait_for(job.ended.is_set)
    expect(visit.get_by_label("Model of yours")).to_have_value("cats")


@pytest.mark.long
def test_who_does_not_come_back_leaves_nothing_behind(visit, proxy, monkeypatch):
    job = train(visit)
    visit.get_by_role("tab", name="Denoise").click()
    run_id = walk(visit, 3)
    session = session_of(visit)
    folder = SESSIONS.folder(session)
    assert folder.exists() and RECORDINGS.get(run_id) is not None
    visit.evaluate("dispatchEvent(new Event('online'))")  # a sign of life, as it comes each minute
    visit.wait_for_function("Object.values(sessionStorage).some((v) => v.includes('cats'))")
    monkeypatch.setattr(SESSIONS, "grace", 0.3)
    proxy.cut()
    wait_for(job.ended.is_set)
    wait_for(lambda: not folder.exists())
    assert not SESSIONS.knows(session) and SESSIONS.chosen(session) is None
    assert RECORDINGS.get(run_id) is None and run_id not in RECORDINGS.shown
    assert job.session not in QUEUE.late
    wait_for(lambda: "forgetting" not in [t.name for t in threading.enumerate()])
    proxy.mend()
    said(
        visit,
        r"^Nothing was heard of this page for more than 0\.005 minutes: your settings are still "
        r"here; your walk of \d\d:\d\d and the training cats are no longer here\.$",
    )


@pytest.mark.long
def test_a_server_that_was_started_anew_is_said(visit, monkeypatch):
    walk(visit, 4)
    for session in list(SESSIONS.visits):
        SESSIONS.forget(session)
    monkeypatch.setattr(connection, "SERVER", "another")
    visit.reload()
    said(
        visit,
        r"^The server was started anew: your settings are still here; your walk of \d\d:\d\d is "
        r"no longer here\.$",
    )
    expect(visit.get_by_label(re.compile("number input for Steps"))).to_have_value("4")


@pytest.mark.long
def test_a_page_that_slept_opens_its_connection_again(visit, proxy):
    session = session_of(visit)
    proxy.cut()  # while nothing is computed, of which Gradio's page takes no notice
    wait_for(lambda: SESSIONS.was_closed(session))
    proxy.mend()
    sleep = visit.context.new_cdp_session(visit)
    sleep.send("Page.enable")
    for state in ("frozen", "active"):
        sleep.send("Page.setWebLifecycleState", {"state": state})
    wait_for(lambda: not SESSIONS.was_closed(session))
    assert SESSIONS.visits[session].sessions[session] is None
    proxy.cut()  # that connection is watched as well
    wait_for(lambda: SESSIONS.was_closed(session))
    proxy.mend()
    visit.evaluate("dispatchEvent(new Event('online'))")
    wait_for(lambda: not SESSIONS.was_closed(session))
    walk(visit, 3)
    assert session_of(visit) == session


@pytest.mark.long
def test_back_and_forward_find_it_again(visit, proxy):
    run_id = walk(visit, 5)
    visit.goto("about:blank")
    visit.go_back()
    said(visit, "^Connected again: your walk of")
    expect(visit.locator(PLAYER)).to_have_attribute("data-run", run_id)


@pytest.mark.long
def test_a_copy_of_a_window_shares_models_and_ends_nothing(visit, proxy, monkeypatch):
    mine = save_tiny(SESSIONS.folder(session_of(visit)) / "mine")
    (mine / PLAN_FILE).write_text("{}")
    going = threading.Event()
    watch_steps(monkeypatch, lambda _: going.wait(0.5))  # it is not done before the cut
    walk(visit, 900, state="running")
    with visit.context.expect_page() as opened:
        visit.evaluate("() => void open(location.href)")
    copy = opened.value
    ready(copy)
    said(copy, r"^This window is a copy of another: the model mine belongs to both\.$")
    assert SESSIONS.same(session_of(visit), session_of(copy))
    assert session_of(visit) != session_of(copy)
    expect(visit.locator(PLAYER)).to_have_attribute("data-state", "running")
    copy.close()
    wait_for(lambda: len(SESSIONS.visits) == 2 and mine.exists())
    expect(visit.locator(PLAYER)).to_have_attribute("data-state", "running")
    press(visit, "Stop")


@pytest.mark.long
def test_the_picture_that_one_began_with_is_there_again(visit, tmp_path):
    grey = np.full((28, 28), 200, np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    begin_with(visit, "a picture")
    fold = visit.locator("#denoise-begin")
    fold.get_by_label("Clear").or_(fold.get_by_label("Remove Image")).first.click()
    door = visit.locator("#denoise-begin input[type=file]").first
    with visit.expect_response(re.compile("/upload")):
        door.set_input_files(tmp_path / "grey.png")
    session = session_of(visit)
    wait_for(lambda: SESSIONS.visits[session].uploads)
    (upload,) = SESSIONS.visits[session].uploads
    visit.reload()
    said(visit, "^Connected again: your settings are still here")
    fold.locator("button.label-wrap").click()
    expect(visit.get_by_label("a picture", exact=True)).to_be_checked()
    walk(visit, 3)
    assert (pixels(visit, "x0, the picture") == 200).all()  # and not the one that a page opens with
    wait_for(lambda: SESSIONS.was_closed(session))
    for each in list(SESSIONS.visits):
        SESSIONS.forget(each)
    wait_for(lambda: not upload.exists())
