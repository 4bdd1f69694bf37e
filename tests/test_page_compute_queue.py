"""Every place for walks is taken: whoever begins anew does not wait for what they gave up."""

import time

import pytest
from conftest import wait_for, watch_steps
from pagelib import begin_with, number, press, view
from playwright.sync_api import expect

from tabs.shared.compute_queue import COMPUTE_QUEUE
from tabs.shared.stop_signals import STOP_SIGNALS

pytestmark = pytest.mark.browser
CONCURRENT_WALKS = 2  # places are counted the same, however many: each page costs seconds
RUNNING = "#denoise-player .player[data-state=running]"


@pytest.fixture(scope="module")
def walking(browser, url):
    """Pages of others, which walk a long way, slowly and drawing little, through all tests."""
    patch = pytest.MonkeyPatch()
    patch.setattr(COMPUTE_QUEUE, "slots", CONCURRENT_WALKS)
    watch_steps(patch, lambda _: time.sleep(0.5))
    # Each has connections of its own: a browser opens six to a server, and a walk needs two.
    contexts = [browser.new_context() for _ in range(CONCURRENT_WALKS - 1)]
    pages = [context.new_page() for context in contexts]
    for other in pages:
        other.goto(url)
        other.wait_for_selector("#denoise-player .player[data-state=done]")
        number(other, "Steps", 900)
        press(other, "Denoise")
        other.wait_for_selector(RUNNING)
    yield pages
    STOP_SIGNALS.close()
    wait_for(lambda: not STOP_SIGNALS.signs)  # while there is a server that goes on with them
    for context in contexts:
        context.close()
    patch.undo()


@pytest.fixture
def crowd(walking):
    """The same, with one place left: who had it before has gone."""
    wait_for(lambda: len(STOP_SIGNALS.signs) == len(walking))
    return walking


def all_walk(pages):
    return all(other.locator(RUNNING).count() == 1 for other in pages)


def test_a_new_walk_takes_the_place_of_the_one_before(crowd, page):
    number(page, "Steps", 900)
    press(page, "Denoise")
    page.wait_for_selector(RUNNING)
    number(page, "Steps", 3)
    press(page, "Denoise")
    page.wait_for_selector("#denoise-player .player[data-state=done]")
    expect(page.locator("#denoise-player .status")).to_contain_text("step 3 of 3")
    assert all_walk(crowd)


def test_what_else_walks_takes_the_place_of_the_one_before(crowd, page):
    number(page, "Steps", 600)
    begin_with(page, "a picture")
    for name, button, stage in (
        ("Race", "Race", "#denoise-race .race"),
        ("Whose picture?", "Noise it and walk back", "#denoise-return .gallery"),
    ):
        view(page, name)
        if button == "Race":
            page.get_by_role("button", name="The lanes, one by one").click()
            number(page, "Steps of lane 1", 900)
        press(page, button)
        page.wait_for_selector(f"{stage}[data-state=running]")
        first = page.locator(stage).get_attribute("data-run")
        press(page, button)
        page.wait_for_selector(f"{stage}[data-state=running]:not([data-run='{first}'])")
        assert all_walk(crowd), name
        if button == "Race":  # a race and a reconstruction may run side by side: one place each
            press(page, "Stop the race")
            page.wait_for_selector(f"{stage}[data-state=stopped]")
            wait_for(lambda: len(STOP_SIGNALS.signs) == len(crowd))
