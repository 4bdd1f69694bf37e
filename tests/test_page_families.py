"""The view "Families" in Chromium: five families train live, are stopped, and stand in tables."""

import pytest
from pagelib import beyond, faults, pixels
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
STAGE = "#points-families .points-families"


def test_five_families_train_stop_and_are_compared(open_page, url):
    page = open_page()
    page.goto(f"{url}?tab=points&points=families&count=200")
    page.wait_for_selector(f"{STAGE}[data-state='empty']")
    page.get_by_label("Provoke mode collapse in the GAN").check()
    page.get_by_role("button", name="Train all").click()
    page.wait_for_selector(f"{STAGE}[data-state='running']")
    page.get_by_role("button", name="Stop all").click()
    page.wait_for_selector(f"{STAGE}[data-state='stopped']")
    expect(page.locator(f"{STAGE} .progress")).to_contain_text("Stopped after")
    titles = ["GAN, collapse provoked", "VAE", "Normalizing flow", "Flow matching", "Diffusion"]
    assert page.locator(f"{STAGE} .card h3").all_inner_texts() == titles
    expect(page.locator(f"{STAGE} table.rows tr")).to_have_count(6)
    expect(page.locator(f"{STAGE} table.claims tr")).to_have_count(8)
    expect(page.locator(f"{STAGE} .card").first).to_contain_text("Mode collapse is provoked")
    for name in [f"x0_hat, samples of {title}" for title in titles] + ["inside of GAN"]:
        assert pixels(page, name, STAGE).std() > 5, name  # something is drawn
    assert faults(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    assert beyond(page) == [] and faults(page) == []
