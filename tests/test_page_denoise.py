"""The Denoise tab in Chromium: pixels and words, with the network as slow as it is in life."""

import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import for_walks, last, wait_for, watch_steps
from pagelib import (
    WATCH,
    choose,
    delay,
    number,
    pixels,
    press,
    quiet,
    run,
    settle,
)
from playwright.sync_api import expect

from diffusion_core.data import grid, to_uint8
from diffusion_core.generation import SamplingRequest, walk
from tabs.shared.stop_signals import STOP_SIGNALS

pytestmark = pytest.mark.browser


def expected(folder: Path, **options) -> np.ndarray:
    return grid(to_uint8(last(walk(for_walks(folder), SamplingRequest(**options))).x_prev))


def test_something_is_there_at_once_and_bad_input_is_one_sentence_beside_it(page):
    assert pixels(page, "x_t").std() > 20
    assert not np.array_equal(pixels(page, "x_t"), pixels(page, "x0_hat"))
    expect(page.locator("#denoise-player .caption")).to_contain_text("Computed at start-up")
    expect(page.locator("#denoise-player .caption")).to_contain_text("seed 100")
    film = page.locator("#denoise-player .film")
    expect(film).to_have_text("computed at start-up, seed 100 to 103")
    expect(page.locator("#denoise-player .status")).to_contain_text("step 15 of 25")
    expect(page.get_by_role("button", name="Denoise", exact=True)).to_be_visible()
    # One after another, of which no two neighbours are told of in the same words.
    before = pixels(page, "x_t")
    error = page.locator("#denoise-player .error")
    for label, value, words in (
        ("Seed", -3, "The seed must be"),
        ("Guidance", 2, "Guidance needs a class"),
        ("Seed", 10**20, "The seed must be"),
    ):
        if label == "Guidance":
            choose(page, "Class", "none")
        number(page, label, value)
        press(page, "Denoise")
        expect(error).to_contain_text(words)
        text = error.inner_text()
        assert "Traceback" not in text and "\n" not in text and text.endswith(".")
        assert np.array_equal(pixels(page, "x_t"), before)  # nothing is lost
        number(page, label, 1)


def test_the_last_frame_is_the_command_lines_picture_and_settings_change_it(page, models_folder):
    choose(page, "Class", "Bag")
    number(page, "Seed", 11)
    number(page, "Steps", 6)
    run(page)
    first = pixels(page, "x_t")
    want = expected(models_folder / "one", num_images=4, num_steps=6, seed=11, label="Bag")
    assert first.shape[:2] == want.shape[:2]
    assert np.abs(first[..., :1].astype(int) - want).max() <= 1
    assert np.array_equal(first, pixels(page, "x0_hat"))
    number(page, "Seed", 12)
    run(page)
    other_seed = pixels(page, "x_t")
    choose(page, "Class", "Trouser")
    run(page)
    other_class = pixels(page, "x_t")
    choose(page, "Model", "two")
    choose(page, "Class", "Trouser")
    number(page, "Steps", 6)
    run(page)
    other_model = pixels(page, "x_t")
    seen = [first, other_seed, other_class, other_model]
    for i, a in enumerate(seen):
        for b in seen[i + 1 :]:
            assert np.abs(a.astype(int) - b).mean() > 1


def test_scrubbing_asks_no_server_and_the_keyboard_plays_pauses_and_loops(page):
    number(page, "Steps", 24)
    run(page)
    quiet(page)  # after what follows the choices above
    requests: list[str] = []
    page.on("request", lambda r: requests.append(r.url))
    scrub = page.get_by_label("Scrubber")
    pictures = []
    for value in ("0", "12", "24"):
        scrub.fill(value)
        pictures.append((pixels(page, "x_t"), pixels(page, "x0_hat")))
        assert page.locator("#denoise-player .player").get_attribute("data-frame") == value
    scrub.press("ArrowLeft")
    assert page.locator("#denoise-player .player").get_attribute("data-frame") == "23"
    scrub.press("Home")
    expect(page.locator("#denoise-player .status")).to_contain_text("t = 999")
    assert np.array_equal(pixels(page, "x_t"), pictures[0][0])
    assert not np.array_equal(pictures[0][0], pictures[0][1])
    assert not np.array_equal(pictures[0][0], pictures[1][0])
    assert requests == []
    player = page.locator("#denoise-player .player")
    scrub.press("End")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.get_by_label("Speed").select_option("60 steps/s")
    page.get_by_label("Loop").press("Space")
    expect(page.get_by_label("Loop")).to_be_checked()
    page.get_by_label("Scrubber").press("Space")
    page.wait_for_function(  # past the end it begins again
        """() => { const p = document.querySelector("#denoise-player .player");
        window.ends = (window.ends || 0) + (p.dataset.frame === "24");
        return window.ends && Number(p.dataset.frame) < 6; }"""
    )
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    page.get_by_label("Scrubber").press("Space")
    stands = player.get_attribute("data-frame")
    settle(page, 300)
    assert player.get_attribute("data-frame") == stands


def test_almost_every_frame_is_seen(page):
    page.emulate_media(reduced_motion="no-preference")
    number(page, "Steps", 100)
    page.evaluate(WATCH)
    for seed, round_trip in enumerate((0, 50)):
        number(page, "Seed", seed)
        delay(page, round_trip)
        run(page)
        run_id = page.locator("#denoise-player .player").get_attribute("data-run")
        seen = {x for x in page.evaluate("window.seen") if x.startswith(run_id)}
        assert len(seen) >= 0.95 * 101, round_trip


def test_stop_ends_the_run_and_no_frame_of_it_appears_afterwards(page, monkeypatch):
    evaluations, ended = [], threading.Event()

    def slowly(step):  # a machine may be done before the page is told to stop it
        evaluations.append(step)
        ended.wait(0.2)

    watch_steps(monkeypatch, slowly)
    delay(page, 50)
    number(page, "Steps", 1000)
    page.evaluate(WATCH)
    press(page, "Denoise")
    page.wait_for_function(
        """() => { const p = document.querySelector("#denoise-player .player");
        return p.dataset.state === "running" && Number(p.dataset.frame) > 5; }"""
    )
    press(page, "Stop")
    page.wait_for_selector("#denoise-player .player[data-state=stopped]")
    shown = page.evaluate("window.seen.length")
    settle(page, 600)
    after_pause = len(evaluations)
    assert after_pause < 1000
    settle(page, 600)
    assert len(evaluations) == after_pause
    assert page.evaluate("window.seen.length") == shown
    expect(page.locator("#denoise-player .status")).to_contain_text("step")
    # what was computed until then can still be looked at, and the next run starts clean
    page.get_by_label("Scrubber").press("Home")
    expect(page.locator("#denoise-player .status")).to_contain_text("t = 999")
    number(page, "Steps", 5)
    run(page)
    expect(page.locator("#denoise-player .status")).to_contain_text("step 5 of 5")


def test_stop_before_the_first_frame_shows_none(page, monkeypatch):
    computed, begun, pressed, sent = [], threading.Event(), threading.Event(), threading.Event()

    def hold(step):
        """Until Stop is pressed nothing can be shown; all that the page is sent comes after it."""
        begun.set()
        assert pressed.wait(60)
        computed.append(step)
        if len(computed) == 20:
            sent.set()

    def slow(route):
        """The word of the press reaches the server late."""
        pressed.set()
        assert sent.wait(60)
        route.continue_()

    watch_steps(monkeypatch, hold)
    page.route("**/run/predict", slow)
    before = pixels(page, "x_t")
    number(page, "Steps", 1000)
    press(page, "Denoise")
    page.wait_for_selector("#denoise-player .player[data-state=waiting]")
    assert begun.wait(20)
    press(page, "Stop")
    wait_for(lambda: page.evaluate("1") and sent.is_set())  # meanwhile the page goes on
    settle(page, 1000)
    assert np.array_equal(before, pixels(page, "x_t"))
    seen = len(computed)
    assert 20 <= seen < 1000
    settle(page, 500)
    assert len(computed) == seen  # nor does it go on unseen
    number(page, "Steps", 3)
    run(page)
    expect(page.locator("#denoise-player .status")).to_contain_text("step 3 of 3")


def test_a_second_denoise_takes_the_place_of_the_first(page, models_folder, monkeypatch):
    replaced = threading.Event()
    watch_steps(monkeypatch, lambda _: replaced.wait(0.2))  # it is not done before it is replaced
    delay(page, 50)
    number(page, "Steps", 1000)
    press(page, "Denoise")
    page.wait_for_selector("#denoise-player .player[data-state=running]")
    first = page.locator("#denoise-player .player").get_attribute("data-run")
    number(page, "Steps", 4)
    number(page, "Seed", 21)
    run(page)
    replaced.set()
    assert page.locator("#denoise-player .player").get_attribute("data-run") != first
    want = expected(models_folder / "one", num_images=4, num_steps=4, seed=21, label="Bag")
    assert np.abs(pixels(page, "x_t")[..., :1].astype(int) - want).max() <= 1
    settle(page, 600)
    expect(page.locator("#denoise-player .status")).to_contain_text("step 4 of 4")


def test_closing_the_page_ends_the_run(monkeypatch, open_page, url):
    evaluations, ended = [], threading.Event()

    def slowly(step):  # a machine may be done before the page is closed
        evaluations.append(step)
        ended.wait(0.2)

    watch_steps(monkeypatch, slowly)
    other = open_page()
    other.goto(url)
    other.wait_for_selector("#denoise-player .player[data-state=done]")
    delay(other, 50)
    number(other, "Steps", 1000)
    press(other, "Denoise")
    other.wait_for_selector("#denoise-player .player[data-state=running]")
    other.close()
    wait_for(lambda: not STOP_SIGNALS.signs)
    computed = len(evaluations)
    assert 0 < computed < 1000
    settle(open_page(), 500)
    assert len(evaluations) == computed
