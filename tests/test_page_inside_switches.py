"""The view "Take away" of the Inside tab in Chromium: skips off, back again, and a whole walk."""

import json
from urllib.parse import quote

import numpy as np
import pytest
from pagelib import beyond, faults, in_light_and_dark, pixels
from playwright.sync_api import expect

from diffusion_core.data import read_picture, to_uint8
from diffusion_core.inspection import Switches, switched
from tabs.inside.form import InsideForm
from tabs.inside.subject import subject_of
from tabs.shared.suited_picture import first_picture

pytestmark = pytest.mark.browser
STAGE = "#inside-stage .inside"
SWITCHES = Switches(skips=((1, 0.0),))
ADDRESSED = "new URLSearchParams(location.search).get('switches')"


def test_skips_are_taken_away_and_the_network_walked_with(open_page, url, models_folder):
    page = open_page()
    written = json.dumps(SWITCHES.to_dict())
    page.goto(f"{url}?tab=inside&inside=switches&t=300&seed=5&switches={quote(written)}")
    page.wait_for_selector(f"{STAGE}[data-t='300'][data-changed='skips of 7² × 0']")
    model = str(models_folder / "one")
    picture = read_picture(first_picture(model))
    label = page.get_by_label("Class").locator("visible=true").first.input_value()
    subject = subject_of(InsideForm(model, model, label, picture, 300, "5"))
    plain = subject.predict()[1]
    without = subject.predict(switched(subject.checkpoint.unet, SWITCHES))[1]
    error, less = (f"{subject.error(x0_hat):.3f}" for x0_hat in (plain, without))
    assert error != less

    def shows(x0_hat, name="x0_hat"):
        got = pixels(page, name, "#inside-stage")
        # The computation is the same; other threads beside it may round its last bits otherwise.
        assert np.abs(got.astype(int) - to_uint8(x0_hat)[0]).max() <= 1
        return got

    number, plainly = (page.locator(f"#inside-stage .{c} .number") for c in ("apart", "plain"))
    slider = page.get_by_role("slider", name="Skips of level 2")
    walk = page.locator("#inside-switches-walk")
    expect(slider).to_have_value("0")
    expect(number).to_have_text(less)
    expect(plainly).to_have_text(error)
    taken = shows(without)
    beside = shows(plain, "thumbnail x0_hat")
    assert (np.abs(taken.astype(int) - beside) > 1).mean() > 0.1

    page.locator("#inside-switches-reset").press("Enter")
    page.wait_for_selector(f"{STAGE}[data-changed='']")
    expect(slider).to_have_value("1")
    expect(number).to_have_text(error)
    expect(walk).to_be_disabled()
    page.wait_for_function(f"{ADDRESSED} === null")
    shows(plain)

    slider.press("Home")
    page.wait_for_selector(f"{STAGE}[data-changed='skips of 7² × 0']")
    expect(number).to_have_text(less)
    page.wait_for_function(f"{ADDRESSED} !== null")
    assert json.loads(page.evaluate(ADDRESSED)) == json.loads(written)
    shows(without)

    for scheme in in_light_and_dark(page):
        assert faults(page) == [], scheme
    page.set_viewport_size({"width": 390, "height": 844})
    assert beyond(page) == [] and faults(page) == []

    expect(walk).to_be_enabled()
    walk.press("Enter")
    expect(page.locator("#denoise-player .caption")).to_contain_text(
        "changed network: skips of 7² × 0"
    )
    page.wait_for_selector("#denoise-player .player[data-state=done]")
