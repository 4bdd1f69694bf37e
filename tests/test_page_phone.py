"""The page on a phone, upright and lying down: one row of header, the stage first, all in reach."""

import pytest
from pagelib import beyond, faults, in_light_and_dark
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


def test_denoise_takes_two_screens_and_its_stage_is_seen_upright_and_lying_down(browser, url):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
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
