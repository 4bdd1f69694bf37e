"""The view "Space" in Chromium: clouds are made, turned, branched, replayed and completed."""

import json

import numpy as np
import pytest
from pagelib import beyond, faults, pixels
from playwright.sync_api import expect
from test_space_view import untrained

from tabs.points import space

pytestmark = pytest.mark.browser
STAGE = "#points-space .points-space"
MOVE = "(e, t) => { e.value = t; e.dispatchEvent(new Event('input', { bubbles: true })); }"


def cloud(page, number=1, view="x_t"):
    return pixels(page, f"{view}, cloud {number}", STAGE)


def test_clouds_are_made_turned_scrubbed_branched_replayed_and_completed(
    open_page, url, tmp_path, monkeypatch
):
    untrained(tmp_path / "clouds")
    monkeypatch.setattr(space, "folder", lambda: tmp_path / "clouds")
    page = open_page()
    page.goto(f"{url}?tab=points&points=space")
    page.wait_for_selector(STAGE)
    controls = page.locator("#points-space-controls")
    steps = controls.get_by_label("number input for Steps")
    steps.fill("6")
    steps.press("Tab")
    make = controls.get_by_role("button", name="Make clouds")
    make.click()
    page.wait_for_selector(f"{STAGE}[data-state='done'][data-frame='6']")
    expect(page.locator(f"{STAGE} .caption")).to_contain_text("chair · 64 points each")
    end = cloud(page)
    assert end.std() > 5 and (cloud(page, 2) != end).any()

    # Turned by the mouse, and by the arrow keys, which then do not move the walk.
    first = page.locator(f"{STAGE} canvas").first
    box = first.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 70, steps=3)
    page.mouse.up()
    page.wait_for_function("() => new Promise((r) => requestAnimationFrame(() => r(true)))")
    turned = cloud(page)
    assert (turned != end).any()
    first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => new Promise((r) => requestAnimationFrame(() => r(true)))")
    assert (cloud(page) != turned).any()
    expect(page.locator(STAGE)).to_have_attribute("data-frame", "6")

    # Scrubbed back, and branched from there with other noise.
    scrub = page.locator(f"{STAGE} input.scrub")
    scrub.evaluate(MOVE, "3")
    page.wait_for_selector(f"{STAGE}[data-frame='3']")
    expect(page.locator(f"{STAGE} .film")).to_contain_text("step 3 of 6 · t = ")
    page.get_by_role("button", name="the network's guess").click()
    page.wait_for_selector(f"{STAGE} canvas[aria-label^='x0_hat']")
    page.get_by_role("button", name="the network's guess").click()
    controls.get_by_label("Seed").fill("77")
    page.get_by_role("button", name="Branch from this step").click()
    page.wait_for_selector(f"{STAGE}[data-state='done'][data-frame='6']")
    expect(page.locator(f"{STAGE} .caption")).to_contain_text("branched after step 3")

    # The run card walks it again, to the bit.
    with page.expect_download() as kept:
        page.get_by_role("button", name="Keep run card").click()
    card = tmp_path / "card.json"
    kept.value.save_as(card)
    assert json.loads(card.read_text())["walk"]["branch_step"] == 3
    page.locator(f"{STAGE} input[type=file]").set_input_files(card)
    expect(page.locator(f"{STAGE} .note")).to_have_text(
        "The replay's result is the same, to the bit."
    )

    # A cloud of one's own: without a file a sentence, with one it is completed.
    controls.get_by_label("A view of your own cloud").check()
    make.click()
    expect(page.locator("#space-told")).to_contain_text("Choose a file of your own cloud first")
    own = tmp_path / "own.xyz"
    np.savetxt(own, np.random.default_rng(0).normal(size=(300, 3)))
    controls.locator("[data-testid=file-upload]").set_input_files(own)
    expect(controls.get_by_text("own").last).to_be_visible()
    make.click()
    page.wait_for_selector(f"{STAGE}[data-state='done'][data-frame='6']")
    expect(page.locator(f"{STAGE} .caption")).to_contain_text("points are fixed")
    expect(page.locator(f"{STAGE} .legend")).to_be_visible()
    expect(page.get_by_role("button", name="Branch from this step")).to_be_disabled()
    assert faults(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    assert beyond(page) == [] and faults(page) == []
