"""The page on a phone, upright and lying down: one row of header, the stage first, all in reach."""

import json

import pytest
from pagelib import (
    TIMEOUT,
    beyond,
    faults,
    in_light_and_dark,
)
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
PLAYER = "#denoise-player .player"
# Where the important things end on the page, in pixels from its top.
BOTTOMS = """selectors => Object.fromEntries(selectors.map((s) => {
  const shown = [...document.querySelectorAll(s)].find((e) => e.getClientRects().length);
  return [s, shown ? shown.getBoundingClientRect().bottom + scrollY : Infinity];
}))"""
IMPORTANT = (
    f"{PLAYER} .curve-plot",
    f"{PLAYER} > details:last-of-type",
    "[aria-label='number input for Steps']",
    "[aria-label='Seed']",
    "[aria-label='Sampler']",
    "#denoise-begin button",
)


def a_finger_draws_a_schedule_and_does_not_scroll(page):
    page.get_by_role("tab", name="Schedules", exact=True).tap()
    page.get_by_role("button", name="Draw your own").tap()
    expect(page.get_by_label("drawn", exact=True)).to_be_checked()
    handle = page.locator("#draw-stage .handle").nth(2)
    expect(handle).to_be_visible()
    handle.evaluate("(e) => scrollTo(0, scrollY + e.getBoundingClientRect().top - 300)")
    before, at = drawn(page), page.evaluate("scrollY")
    assert at > 0 or before  # there is something to scroll, upwards or downwards
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    hand = page.context.new_cdp_session(page)
    for kind, down in [("touchStart", 0), *[("touchMove", 6 * k) for k in range(1, 9)]]:
        hand.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y + down}]}
        )
    hand.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    after = drawn(page)
    assert after[2] < before[2] - 0.2 and after[:2] == before[:2]
    assert page.evaluate("scrollY") == at


def drawn(page):
    """The points of the drawn schedule, log-SNR."""
    return json.loads(page.locator("#draw-stage .draw").get_attribute("data-points"))


def test_denoise_takes_two_screens_and_its_stage_is_seen_upright_and_lying_down(browser, url):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.goto(url)
    page.wait_for_selector(f"{PLAYER}[data-state=done]")
    bar = page.locator("#page-header .bar")
    expect(bar).to_be_visible()
    bottoms = page.evaluate(BOTTOMS, list(IMPORTANT))
    assert max(bottoms.values()) < 2 * 844, bottoms
    title, present = (
        page.get_by_role(role, name=name).bounding_box()
        for role, name in (("heading", "Diffusion Playground"), ("button", "Present"))
    )
    assert abs(title["y"] + title["height"] / 2 - present["y"] - present["height"] / 2) < 12
    assert title["x"] + title["width"] <= present["x"] and beyond(page) == []
    # What explains and what keeps a walk is folded.
    expect(page.locator(f"{PLAYER} .step-equation")).to_be_hidden()
    page.locator(f"{PLAYER} summary", has_text="Keep").tap()
    expect(page.get_by_role("button", name="GIF")).to_be_visible()
    # The menu opens a panel, is closed then, and has the focus when the panel closes.
    menu = page.get_by_role("button", name="Menu", exact=True)
    expect(page.get_by_role("button", name="Glossary", exact=True)).to_be_hidden()
    menu.tap()
    for scheme in in_light_and_dark(page):
        assert faults(page) == [], scheme
    page.get_by_role("button", name="Glossary", exact=True).tap()
    expect(page.get_by_role("dialog", name="Glossary of symbols")).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    a_finger_draws_a_schedule_and_does_not_scroll(page)
    page.get_by_role("tab", name="Denoise", exact=True).tap()
    page.set_viewport_size({"width": 844, "height": 390})
    for seen in (f"{PLAYER} .view.x_t canvas", f"{PLAYER} .view.x0_hat canvas"):
        page.wait_for_function(
            """s => { const canvas = document.querySelector(s).getBoundingClientRect();
            const bar = document.querySelector("#page-header .bar").getBoundingClientRect();
            return canvas.width > 120 && canvas.top > 0 && canvas.bottom < bar.top; }""",
            arg=seen,
        )
    expect(page.locator(f"{PLAYER} .track")).to_be_in_viewport(ratio=0.5)
    expect(bar.get_by_role("button", name="Denoise", exact=True)).to_be_in_viewport(ratio=1)
    assert beyond(page) == []
    context.close()
