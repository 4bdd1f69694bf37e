"""The view "Pictures" in Chromium: rows of every family, and ways between two garments."""

import pytest
from pagelib import beyond, faults, pixels
from playwright.sync_api import expect

from tabs.points import families_pictures

pytestmark = pytest.mark.browser
DRAWN = "#points-pictures .points-strips"
WAYS = "#points-between .points-strips"


def test_families_draw_a_class_side_by_side_and_go_between_two_garments(
    open_page, url, monkeypatch
):
    monkeypatch.setattr(families_pictures, "SHOWN", 3)
    monkeypatch.setattr(families_pictures, "WALKS", (1, 3))
    monkeypatch.setattr(families_pictures, "ON_THE_WAY", 4)
    monkeypatch.setattr("diffusion_core.families.interpolation.STEPS", 3)
    monkeypatch.setattr("diffusion_core.families.interpolation.SEARCH_STEPS", 3)
    page = open_page()
    page.goto(f"{url}?tab=points&points=pictures")  # drawn as soon as it is seen
    page.wait_for_selector(f"{DRAWN}[data-state='done']")
    titles = page.locator(f"{DRAWN} h4").all_inner_texts()
    assert titles[0] == "Training pictures" and {"VAE", "Latent diffusion"} <= {*titles}
    assert titles[-2:] == ["Diffusion, 1 step", "Diffusion, 3 steps"]
    expect(page.locator("#points-data-menu")).to_be_hidden()  # of the plane
    names = [f"x0_hat, {title}" for title in titles[1:]]
    before = [pixels(page, name, DRAWN) for name in names]
    for name, seen in zip(names, before, strict=True):
        assert seen.shape[:2] == (28, 3 * 29 - 1) and seen.std() > 20, name
    expect(page.locator(f"{DRAWN} .strip-row").nth(1)).to_contain_text("ms an image · 1 evaluation")
    page.get_by_label("Seed of the pictures").fill("5")
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.locator(f"{DRAWN} .progress")).to_have_text("Ankle boot, seed 5.")
    for name, seen in zip(names, before, strict=True):
        assert (pixels(page, name, DRAWN) != seen).any(), name
    page.get_by_role("button", name="Go between").click()
    page.wait_for_selector(f"{WAYS}[data-state='done']")
    ends = pixels(page, "x0, The two garments", WAYS)
    way = pixels(page, "x0_hat, VAE", WAYS)
    for side in (0, -28):  # it ends near the garments themselves
        real, made = ends[:, side or None :][:, :28], way[:, side or None :][:, :28]
        assert abs(real.astype(float) - made).mean() < 40
    expect(page.locator(f"{WAYS} .strip-row", has_text="DDIM inversion")).to_have_count(2)
    page.get_by_label("Seed of the pictures").fill("none")
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.locator("#pictures-told")).to_contain_text("The seed must be a whole number")
    assert faults(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    assert beyond(page) == [] and faults(page) == []
