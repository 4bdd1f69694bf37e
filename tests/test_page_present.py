"""What surrounds all tabs, in Chromium: Present, the bar, Reset everything, the glossary."""

import contextlib
import re

import numpy as np
import pytest
from pagelib import (
    TIMEOUT,
    choose_tab,
    faults,
    in_light_and_dark,
    number,
    pixels,
    press,
    run,
)
from playwright.sync_api import expect

import app
from tabs.shared.sessions import SESSIONS

pytestmark = pytest.mark.browser
PLAYER = "#denoise-player .player"
# Of the stage that is shown: the words smaller than 22 px as they are drawn, and what of it is cut.
SMALL = """() => {
  const stage = [...document.querySelectorAll(".stage")].find((s) => s.getClientRects().length);
  const words = document.createTreeWalker(stage, NodeFilter.SHOW_TEXT);
  const small = [];
  while (words.nextNode()) {
    const e = words.currentNode.parentElement;
    const box = e.getClientRects()[0];
    const seen = e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const hidden = !seen || !box || box.width < 2;
    if (hidden || !words.currentNode.data.trim() || e.closest("select")) continue;
    const svg = e.closest("svg")?.getScreenCTM();
    const size = parseFloat(getComputedStyle(e).fontSize) * (svg ? Math.abs(svg.d) : 1);
    if (size < 21.9) small.push([words.currentNode.data.trim().slice(0, 30), size]);
  }
  return small;
}"""
LARGEST = """() => Math.max(...[...document.querySelectorAll(".stage canvas")]
  .map((c) => c.getBoundingClientRect()).filter((b) => b.bottom <= innerHeight && b.width > 1)
  .map((b) => b.width))"""
INPUTS = ".controls input, .controls button, .stage .keep button, .stage .gradio-button"


def shown(page) -> str:
    """The id of the open tab."""
    return page.locator(".tabs > .tab-wrapper [role=tab][aria-selected=true]").get_attribute(
        "data-tab-id"
    )


def canvas_sizes(page) -> float:
    return page.evaluate(LARGEST)


def resize(page, width, height):
    """Give a page that fills the screen another one; Playwright would resize its window as well."""
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.context.new_cdp_session(page).send("Emulation.setDeviceMetricsOverride", screen)


def test_present_fills_the_screen_with_the_stage_of_every_tab(page):
    page.set_viewport_size({"width": 1280, "height": 720})
    before = canvas_sizes(page)
    page.get_by_role("tab", name="Noise", exact=True).click()
    page.get_by_role("button", name="Present", exact=True).click()
    expect(page.locator("html")).to_have_class(re.compile(r"\bpresenting\b"))
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_focused()
    bar = page.locator("#page-header .bar")
    sizes = {}
    for name, title in app.TABS.items():
        if name != "noise":
            bar.get_by_role("button", name=f"Tab {title}").click()
        page.wait_for_function(
            """name => document.querySelector(`[role=tab][data-tab-id=${name}]`)
                .getAttribute("aria-selected") === "true"
                && [...document.querySelectorAll(".stage canvas")]
                    .some((c) => c.getBoundingClientRect().width > 60)
                && (name !== "schedules" || document.querySelector("#schedule-plot .main-svg"))""",
            arg=name,
        )
        if name == "schedules":  # the plot is drawn, and then again in the height of a screen
            page.wait_for_function(f"() => ({LARGEST})() >= 170")
        assert page.evaluate(SMALL) == [], name
        assert not page.locator(INPUTS).filter(visible=True).count(), name
        expect(bar.get_by_role("button", name="End presenting")).to_be_visible()
        sizes[name] = canvas_sizes(page)
        assert faults(page) == [], name
        if name == "denoise":
            # A step by the bar, the same walk as without it.
            frame = page.locator(PLAYER).get_attribute("data-frame")
            first = pixels(page, "x_t")
            page.keyboard.press("PageDown")
            expect(page.locator(PLAYER)).not_to_have_attribute("data-frame", frame)
            assert np.abs(pixels(page, "x_t").astype(int) - first).max() > 0
            box = page.locator(f"{PLAYER} .track").bounding_box()
            assert box["height"] == 108  # on a low screen, where pictures need the room
            for _ in in_light_and_dark(page):
                assert faults(page) == []
            run(page)
    assert sizes["denoise"] >= 370 and sizes["noise"] >= 540 and sizes["train"] >= 300
    assert sizes["schedules"] >= 170  # 217 with two models; the names of all of these need height
    resize(page, 1920, 1080)
    for title in ("Systems", "Points", "Denoise"):  # back from the last
        bar.get_by_role("button", name=f"Tab {title}").click()
    page.wait_for_function(f"() => ({LARGEST})() > {max(500, before)}")
    assert page.locator(f"{PLAYER} .track").bounding_box()["height"] == 160
    page.keyboard.press("Escape")
    expect(page.locator("html")).not_to_have_class(re.compile("presenting"))
    expect(page.get_by_role("button", name="Present", exact=True)).to_be_focused()
    expect(page.get_by_label("Steps").first).to_be_visible()
    expect(bar).to_be_hidden()


def test_present_is_ended_by_its_button_and_moves_other_sliders_by_keys(page):
    page.get_by_role("tab", name="Noise", exact=True).click()
    slider = page.locator("#noise-stage").get_by_label("Timestep")
    expect(slider).to_have_value("250")
    press(page, "Present")
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("260")
    expect(page.locator("#noise-stage .noise")).to_have_attribute("data-t", "260")
    page.keyboard.press("Home")
    expect(slider).to_have_value("0")
    press(page, "End presenting")
    page.keyboard.press("ArrowRight")  # the tab's own key, by one
    expect(slider).to_have_value("1")
    expect(page.get_by_role("button", name="Present", exact=True)).to_be_focused()


def swipe(page, x, y, by):
    """Move a finger upwards over the screen."""
    hand = page.context.new_cdp_session(page)

    def touch(kind, *points):
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [*points]})

    touch("touchStart", {"x": x, "y": y})
    for k in range(1, 11):
        touch("touchMove", {"x": x, "y": y - by * k / 10})
    touch("touchEnd")


def test_a_phone_has_its_buttons_at_the_bottom(browser, url):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.goto(url)
    page.wait_for_selector(f"{PLAYER}[data-state=done]")
    bar = page.locator("#page-header .bar")
    walk = page.get_by_role("button", name="Denoise", exact=True)
    expect(walk).to_have_count(1)  # it is there once, in the bar
    for button in bar.get_by_role("button").all():
        box = button.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44
        assert box["y"] > 700 and box["y"] + box["height"] <= 844 and box["x"] + box["width"] <= 390
    first = pixels(page, "x_t")
    walk.tap()
    page.wait_for_function(
        """() => { const p = document.querySelector("#denoise-player .player");
        return p.dataset.state === "done" && p.dataset.run && !p.dataset.run.startsWith("opening")
            && p.dataset.frame === String(p.dataset.frames - 1); }"""
    )
    after = pixels(page, "x_t")
    assert after.shape != first.shape or (after != first).any()
    frame = page.locator(PLAYER).get_attribute("data-frame")
    bar.get_by_role("button", name="One frame back").tap()
    expect(page.locator(PLAYER)).to_have_attribute("data-frame", str(int(frame) - 1))
    # A tap on the curve moves the timestep, a swipe that begins on it scrolls the page.
    curve = page.locator(f"{PLAYER} .track")
    curve.evaluate("(e) => scrollTo(0, scrollY + e.getBoundingClientRect().top - 400)")
    box = curve.bounding_box()
    x, y = box["x"] + 0.25 * box["width"], box["y"] + box["height"] / 2
    page.touchscreen.tap(x, y)
    expect(page.locator(PLAYER)).not_to_have_attribute("data-frame", str(int(frame) - 1))
    moved = page.locator(PLAYER).get_attribute("data-frame")
    at = page.evaluate("scrollY")
    swipe(page, box["x"] + 0.6 * box["width"], y, 200)
    page.wait_for_function("at => scrollY > at + 100", arg=at)
    expect(page.locator(PLAYER)).to_have_attribute("data-frame", moved)
    page.get_by_role("tab", name="Noise", exact=True).click()
    slider = page.locator("#noise-stage").get_by_label("Timestep")
    expect(slider).to_have_value("250")
    # The bar has another tab's buttons now, of which one has the same name.
    expect(bar.get_by_role("button", name="One frame back")).to_have_count(0)
    bar.get_by_role("button", name="Play", exact=True).tap()
    expect(slider).not_to_have_value("250")
    bar.get_by_role("button", name="Pause", exact=True).tap()
    choose_tab(page, "Train")
    expect(bar.get_by_role("button", name="Train", exact=True)).to_be_visible()
    page.get_by_role("tab", name="Schedules", exact=True).click()
    expect(bar).to_be_hidden()
    plot = page.locator("#schedule-plot .main-svg").first
    plot.evaluate("(e) => scrollTo(0, scrollY + e.getBoundingClientRect().top - 200)")
    shown, at = page.locator("#schedule-stage .now"), page.evaluate("scrollY")
    before = shown.inner_text()
    for _ in range(20):  # a plot that is drawn anew in this moment hears no tap
        box = plot.bounding_box()
        page.touchscreen.tap(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
        with contextlib.suppress(AssertionError):
            expect(shown).not_to_have_text(before, timeout=5000)
            break
    expect(shown).not_to_have_text(before)
    swipe(page, box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"], 150)
    page.wait_for_function("at => scrollY > at + 75", arg=at)
    context.close()


def test_reset_everything_opens_the_page_anew_for_the_same_visitor(page, url):
    steps = page.get_by_label(re.compile("number input for Steps$")).first
    opened_with, run_id = steps.input_value(), page.locator(PLAYER).get_attribute("data-run")
    page.wait_for_function("() => sessionStorage['playground / session']")
    session = page.evaluate("() => JSON.parse(sessionStorage['playground / session'])")
    number(page, "Steps", 3)
    run(page)
    page.get_by_role("tab", name="Schedules", exact=True).click()
    page.get_by_label("cosine", exact=True).first.click()
    page.wait_for_function("() => location.search.includes('tab=schedules')")
    press(page, "Reset everything")
    panel = page.get_by_role("dialog", name="Reset everything?")
    expect(panel).to_contain_text("Models that you trained stay")
    press(page, "Cancel")
    expect(panel).to_be_hidden()
    press(page, "Reset everything")
    with page.expect_navigation():
        press(page, "Reset")
    page.wait_for_selector(f"{PLAYER}[data-state=done]")
    assert page.url == url
    page.wait_for_function(
        "session => JSON.parse(sessionStorage['playground / session']) !== session", arg=session
    )
    after = page.evaluate("() => JSON.parse(sessionStorage['playground / session'])")
    assert SESSIONS.same(session, after)  # whose models and pictures are in the lists
    expect(steps).to_have_value(opened_with)
    expect(page.locator(PLAYER)).to_have_attribute("data-run", run_id)
    page.get_by_role("tab", name="Schedules", exact=True).click()
    expect(page.get_by_label("cosine", exact=True).first).to_be_checked()


def test_the_glossary_opens_on_every_tab_and_closes(page):
    for title in app.TABS.values():
        page.get_by_role("tab", name=title, exact=True).click()
        expect(page.get_by_role("button", name="Glossary", exact=True)).to_be_visible()
    press(page, "Glossary")
    panel = page.get_by_role("dialog", name="Glossary of symbols")
    expect(panel.get_by_role("row").filter(has_text="DDIM's stochasticity")).to_contain_text("η")
    expect(panel).to_contain_text("the paper's t is our index plus 1")
    assert panel.get_by_role("row").count() > 18
    for _ in in_light_and_dark(page):
        assert faults(page) == []
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Glossary", exact=True)).to_be_focused()
