"""The Points tab in Chromium: noise, a training that is seen, walks, fields, drawn data."""

from __future__ import annotations

import re

import numpy as np
import pytest
from pagelib import beyond, choose, faults, in_light_and_dark, pixels, press
from playwright.sync_api import Page, expect
from test_page_present import SMALL

from tabs.points import learning

pytestmark = pytest.mark.browser
MOVE = "(e, t) => { e.value = t; e.dispatchEvent(new Event('input', { bubbles: true })); }"


def view(page: Page, name: str) -> None:
    page.locator("#points-views").get_by_role("tab", name=name, exact=True).click()


def spread(picture: np.ndarray) -> float:
    """Mean distance of what is drawn from the middle of a plane, in half sides."""
    ground = np.median(picture.reshape(-1, 3), axis=0)
    drawn = np.abs(picture.astype(float) - ground).sum(axis=2) > 120
    side = picture.shape[0]
    drawn[side // 2 - 2 : side // 2 + 2] = drawn[:, side // 2 - 2 : side // 2 + 2] = False
    y, x = np.nonzero(drawn)
    assert len(x) > 100
    return float(np.hypot(x - side / 2, y - side / 2).mean() / (side / 2))


def test_points_are_noised_learnt_walked_and_drawn(page, monkeypatch):
    monkeypatch.setattr(learning, "LOOK_STEPS", 8)
    page.get_by_role("tab", name="Points", exact=True).click()
    page.locator("#points-view-data[role=tabpanel]").wait_for()
    page.wait_for_selector("#points-data .points-data[data-id]")

    # Noise: the slider mixes here, and what is far from the middle goes further.
    slider = page.locator("#points-data").get_by_role("slider", name="Timestep")
    rings = pixels(page, "x_t", "#points-data")
    slider.evaluate(MOVE, "999")
    expect(page.locator("#points-data .numbers")).to_contain_text("t = 999")
    page.wait_for_selector("#points-data .points-data[data-t='999']")
    noise = pixels(page, "x_t", "#points-data")
    assert spread(noise) > 1.2 * spread(rings)

    # Walk: exact, so that it ends on the data; a particle's path and equation.
    view(page, "Walk")
    page.wait_for_selector("#points-walk .points-walk[data-lanes='2'][data-frame='50']")
    ends = pixels(page, "x_t, particles of ddim", "#points-walk")
    scrub = page.locator("#points-walk input.scrub")
    scrub.evaluate(MOVE, "0")
    page.wait_for_selector("#points-walk .points-walk[data-frame='0']")
    starts = pixels(page, "x_t, particles of ddim", "#points-walk")
    assert spread(starts) > 1.2 * spread(ends)
    press(page, "Pick a particle")
    equation = page.locator("#points-walk .equation").first
    expect(equation).to_contain_text(re.compile(r"x979 = 0\.\d+ .*\+ 1\.000 .* = \("))
    page.keyboard.press("ArrowRight")
    expect(equation).to_contain_text("x959")
    expect(page.locator("#points-walk figcaption").nth(1)).to_contain_text("Fresh noise mixes")

    # Field: the exact one alone, until a network has learnt.
    view(page, "Field")
    page.wait_for_selector("#points-field .points-field[data-learnt='false']")
    assert pixels(page, "exact field", "#points-field").std() > 20
    empty = pixels(page, "difference", "#points-field")

    press(page, "Train")
    shown = page.locator("#points-learn .points-learn")
    expect(shown).to_have_attribute("data-state", "running")
    early = pixels(page, "x0_hat, samples", "#points-learn")
    page.wait_for_function(
        "() => document.querySelector('#points-learn .points-learn').dataset.step >= 40"
    )
    press(page, "Stop")
    expect(shown).to_have_attribute("data-state", "stopped")
    expect(page.locator("#points-learn .says")).to_contain_text("Stopped: ")
    expect(page.locator("#points-learn svg .curve")).to_have_count(2)
    assert (pixels(page, "x0_hat, samples", "#points-learn") != early).any()
    view(page, "Walk")
    expect(page.get_by_role("radio", name="Learnt network")).to_be_checked()
    expect(page.locator("#points-walk .caption")).to_contain_text("learnt network")

    view(page, "Field")
    page.wait_for_selector("#points-field .points-field[data-learnt='true']")
    expect(page.locator("#points-field .says")).to_contain_text("% of the exact field")
    assert page.locator("#points-field .errors tbody tr").count() == 2
    page.locator("#points-field").get_by_role("slider", name="Timestep").evaluate(MOVE, "500")
    page.wait_for_selector("#points-field .points-field[data-t='500']")
    assert (pixels(page, "difference", "#points-field") != empty).any()

    # Everything is seen by everybody, in both widths and schemes, and from the last row.
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for name in VIEWS:
            view(page, name)
            assert beyond(page) == [], (width, name)
    for scheme in in_light_and_dark(page):
        for name in {"light": ("Noise", "Field"), "dark": ("Walk", "Paths")}[scheme]:
            view(page, name)
            assert faults(page) == [], (name, scheme)
    page.set_viewport_size({"width": 1280, "height": 720})
    press(page, "Present")
    for name in VIEWS:
        page.locator("#page-header .bar").get_by_role("button", name=name, exact=True).click()
        row = page.locator("#points-views .stage-views")
        expect(row).to_have_attribute("data-view", VIEWS[name])
        assert page.evaluate(SMALL) == [], name
    page.keyboard.press("Escape")

    # Data of one's own: drawn, kept over a change of the menu, and undone.
    view(page, "Noise")
    choose(page, "Data", "Your own drawing")
    surface = page.locator("#points-data canvas.drawing")
    surface.wait_for()
    box = surface.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.3 * box["height"], steps=4)
    page.mouse.up()
    expect(page.locator("#points-data .caption")).to_contain_text("your own drawing")
    expect(page.locator("#points-data .count")).to_contain_text("of at most 10,000 points")
    drawn = pixels(page, "x_t", "#points-data")
    side = len(drawn)
    ground, stroke = (
        drawn[int(0.6 * side), int(0.4 * side)],
        drawn[int(0.3 * side), int(0.4 * side)],
    )
    assert np.abs(ground.astype(int) - stroke).sum() > 100
    assert "data=drawn" in page.url
    page.locator("#points-data").get_by_role("button", name="Undo").click()
    expect(page.locator("#points-told")).to_contain_text("Draw on the plane")


VIEWS = {"Noise": "data", "Learn": "learn", "Walk": "walk", "Field": "field", "Paths": "paths"}
