"""The timestep, the loss and the step of a walk in the Inside tab, in Chromium."""

from __future__ import annotations

import re

import numpy as np
import pytest
from pagelib import beyond, faults, in_light_and_dark, number, pixels, press
from playwright.sync_api import expect
from test_page_present import SMALL

pytestmark = pytest.mark.browser
STAGE = "#inside-stage .inside"
DATA_VIEWS = {"Loss": "loss", "Timestep": "timestep", "Take away": "switches"}


def test_it_is_told_the_wrong_time_and_the_loss_is_drawn(page):
    page.get_by_role("tab", name="Inside", exact=True).click()
    views = page.locator("#inside-views")
    views.get_by_role("tab", name="Timestep").click()
    page.wait_for_selector("#inside-timestep .encoding[data-told='800']")
    told = page.locator(f"{STAGE} .x0_hat .guess")
    expect(told).to_have_text("told t′ = 800")
    wrong = pixels(page, "x0_hat", "#inside-stage")
    number(page, "Timestep that the network is told", 400)
    page.wait_for_selector("#inside-timestep .encoding[data-told='400']")
    expect(told).to_have_text("told t′ = 400")
    assert np.abs(pixels(page, "x0_hat", "#inside-stage").astype(int) - wrong).mean() > 0.2
    assert "told=400" in page.url and "inside=timestep" in page.url
    assert page.locator("#inside-timestep svg.wrong path.curve").count() == 1
    for name in ("sines", "learnt", "similarity"):
        assert pixels(page, name, "#inside-timestep").std() > 20
    views.get_by_role("tab", name="Loss").click()
    page.wait_for_selector("#inside-loss .loss[data-draws='1']", state="attached")
    first = pixels(page, "thumbnail eps", "#inside-loss")
    press(page, "Draw")
    page.wait_for_selector("#inside-loss .loss[data-draws='2']", state="attached")
    assert (pixels(page, "thumbnail eps", "#inside-loss") != first).any()
    press(page, "Draw 100")
    page.wait_for_selector(
        "#inside-loss .loss[data-draws='102'][data-curve='21']", state="attached"
    )
    assert page.locator("#inside-loss circle.draw").count() == 102
    before = page.locator("#inside-loss .says").inner_text()
    page.get_by_role("radio", name="min-SNR").click()
    expect(page.locator("#inside-loss .says")).not_to_have_text(before)
    press(page, "One gradient step")
    expect(page.locator("#inside-loss .bars i").first).to_be_visible()
    expect(page.locator("#inside-loss .told")).to_contain_text("→")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for view in ("Loss", "Timestep"):
            views.get_by_role("tab", name=view).click()
            assert beyond(page) == []
            if width == 390:
                for scheme in in_light_and_dark(page):
                    assert faults(page) == [], (view, scheme)
    page.set_viewport_size({"width": 1280, "height": 720})
    press(page, "Present")
    bar = page.locator("#page-header .bar")
    for view in ("Loss", "Timestep", "Take away"):
        bar.get_by_role("button", name=view, exact=True).click()
        expect(views.locator(".stage-views")).to_have_attribute("data-view", DATA_VIEWS[view])
        assert page.evaluate(SMALL) == [], view
        assert faults(page) == [], view
    page.wait_for_selector(f"{STAGE}[data-t='400']")
    page.keyboard.press("PageDown")  # where the stage has no slider to be seen, the timestep's
    page.wait_for_selector(f"{STAGE}[data-t='500']")
    sides = page.locator(f"{STAGE} canvas").filter(visible=True).all()
    assert len(sides) == 4 and all(side.bounding_box()["width"] > 250 for side in sides)


def test_a_step_of_a_walk_is_opened_and_followed(page):
    page.locator("#denoise-open-inside").click()
    caption = page.locator(f"{STAGE} .caption")
    expect(caption).to_contain_text("has no truth")
    at = page.locator("#denoise-player .player").get_attribute("data-frame")
    expect(caption).to_contain_text(f"step {at} of")
    before = pixels(page, "x_t", "#inside-stage")
    field = page.locator("#inside-along input[type=number]")
    field.fill("0")
    field.press("Tab")
    expect(caption).to_contain_text(re.compile(r"t = 999 .* step 0 of"))
    noise = pixels(page, "x_t", "#inside-stage")
    assert noise.std() > before.std()
    page.get_by_role("tab", name="Denoise").click()
    assert (
        np.abs(pixels(page, "x_t")[:28, :28].astype(int) - before).max() <= 1
    )  # the first of four
    page.get_by_role("tab", name="Inside", exact=True).click()  # where the player stands
    expect(caption).to_contain_text(f"step {at} of")
    press(page, "Back to the picture")
    expect(caption).to_contain_text("the starting picture")
    expect(page.locator("#inside-along")).to_be_hidden()
