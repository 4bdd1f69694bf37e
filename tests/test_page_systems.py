"""The Systems tab in Chromium: a guided walk, its bars and lines, the class switched on the way."""

from __future__ import annotations

import json
import re

import pytest
from pagelib import beyond, choose, faults, in_light_and_dark, pixels, press
from playwright.sync_api import Page, expect

from tabs.systems.guided_walk import measured_curve

pytestmark = pytest.mark.browser
MOVE = "(e, t) => { e.value = t; e.dispatchEvent(new Event('input', { bubbles: true })); }"
STAGE = "#guided-stage .guided"


def walked(page: Page, before: str = "") -> str:
    """Wait for the end of another walk than that one; its name."""
    page.wait_for_function(
        "([stage, before]) => { const { state, run } = document.querySelector(stage).dataset;"
        " return state === 'done' && run !== before; }",
        arg=[STAGE, before],
    )
    return str(page.locator(STAGE).get_attribute("data-run"))


def test_a_walk_is_guided_switched_kept_and_opened_again(page, tmp_path):
    page.get_by_role("tab", name="Systems", exact=True).click()
    run = walked(page)  # the first comes by itself
    expect(page.get_by_label("System", exact=True)).to_have_value("Guided diffusion")
    expect(page.locator("#guided-stage .box.classifier")).to_contain_text("0.19 M parameters")
    stage = page.locator(STAGE)
    assert stage.get_attribute("data-lanes") == "3"
    scrub = page.get_by_label("Step of the guided walk")
    scrub.evaluate(MOVE, "0")
    expect(stage).to_have_attribute("data-frame", "0")
    noise, first = pixels(page, "x_t", "#guided-stage"), float(stage.get_attribute("data-belief"))
    gradient = pixels(page, "gradient", "#guided-stage")
    expect(stage).to_have_attribute("data-lit", "1 3 4")
    scrub.evaluate(MOVE, "25")
    expect(stage).to_have_attribute("data-frame", "25")
    expect(page.locator("#guided-stage .film")).to_have_text("finished · 25 steps")
    expect(page.locator("#guided-stage .algorithm [aria-current]")).to_have_text("return x0")
    assert float(stage.get_attribute("data-belief")) > first + 0.3  # the bar of the class grew
    wide = page.locator("#guided-stage .beliefs .bars i").first.evaluate("e => e.style.width")
    assert re.fullmatch(r"\d+(\.\d+)?%", wide)
    picture = pixels(page, "x_t", "#guided-stage")
    assert (picture != noise).any() and gradient.std() > 5
    assert pixels(page, "gradient", "#guided-stage").std() < 1  # none at the end
    assert (picture != pixels(page, "thumbnail x0_hat, scale 0", "#guided-stage")).any()

    # The class is switched at a step: until then all is the same.
    scrub.evaluate(MOVE, "8")
    expect(stage).to_have_attribute("data-frame", "8")  # pictures are drawn a frame later
    before = pixels(page, "x_t", "#guided-stage")
    choose(page, "Class", "Sneaker")
    press(page, "Switch to this class at the shown step")
    run = walked(page, run)
    expect(page.locator("#guided-stage .caption").first).to_contain_text("switched after 8 steps")
    scrub.evaluate(MOVE, "8")
    expect(stage).to_have_attribute("data-frame", "8")
    expect(page.locator("#guided-stage .film")).to_contain_text("switched")
    assert (pixels(page, "x_t", "#guided-stage") == before).all()
    scrub.evaluate(MOVE, "25")
    expect(stage).to_have_attribute("data-frame", "25")
    expect(page.locator("#guided-stage .beliefs .share.wanted")).to_have_count(1)
    assert (pixels(page, "x_t", "#guided-stage") != picture).any()

    # The run card of that walk opens it again, to the bit.
    with page.expect_download() as download:
        press(page, "Run card")
    card = tmp_path / "card.json"
    download.value.save_as(card)
    assert json.loads(card.read_text())["walk"]["classifier_label"] == "Sneaker"
    page.get_by_label("Open a run card of a guided walk").set_input_files(card)
    walked(page, run)
    expect(page.locator("#guided-stage .note")).to_contain_text("the same, to the bit")

    # The measured trade, with one's own choice in it.
    curve = measured_curve()
    expect(page.locator("#guided-stage .trade .line")).to_have_count(3)
    expect(page.locator("#guided-stage .trade .own")).to_have_count(1)
    assert page.locator("#guided-stage table tr").count() == len(curve["rows"]) + 1
    expect(page.locator("#guided-stage .says")).to_contain_text("is the ring")

    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert beyond(page) == [], width
    for _ in in_light_and_dark(page):
        assert faults(page) == []
    page.set_viewport_size({"width": 1280, "height": 844})
    choose(page, "Model", "avatars")
    press(page, "Guide")
    expect(page.locator("#guided-told")).to_contain_text("choose a model of that shape")
