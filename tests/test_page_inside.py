"""The Inside tab in Chromium: the map of the network, and a block opened by keyboard."""

import numpy as np
import pytest
from pagelib import beyond, faults, pixels
from playwright.sync_api import expect

from diffusion_core.data import read_picture, to_uint8
from tabs.inside.form import InsideForm
from tabs.inside.subject import subject_of
from tabs.shared.suited_picture import first_picture

pytestmark = pytest.mark.browser
NET = "#inside-map .net"
BLOCK = "down_blocks.0.resnets.0"


def test_the_network_is_laid_open_by_keyboard_and_on_a_phone(open_page, url, models_folder):
    page = open_page()
    page.goto(f"{url}?tab=inside&t=300&seed=5")
    page.wait_for_selector(f"{NET}[data-t='300']")
    page.wait_for_selector("#inside-stage .inside[data-t='300']")  # drawn apart from the map
    model = str(models_folder / "one")
    picture = read_picture(first_picture(model))
    label = page.get_by_label("Class").locator("visible=true").first.input_value()
    subject = subject_of(InsideForm(model, model, label, picture, 300, "5"))
    for name, want in (("x_t", subject.x_t), ("x0,", subject.x0)):
        assert (pixels(page, name, "#inside-stage") == to_uint8(want)[0]).all()  # grey, thrice
    _, x0_hat = subject.predict()
    got = pixels(page, "x0_hat", "#inside-stage").astype(int)
    assert np.abs(got - to_uint8(x0_hat)[0]).max() <= 1
    expect(page.locator("#inside-stage .apart .number")).to_have_text(
        f"{subject.error(x0_hat):.3f}"
    )

    button = page.locator(f"{NET} .block[data-name='{BLOCK}']")
    button.focus()
    expect(page.locator(f"{NET} .says")).to_contain_text("Residual block.")
    button.press("Enter")
    page.wait_for_selector(f"{NET}[data-opened='{BLOCK}']")
    page.wait_for_function(f"location.search.includes('block={BLOCK}')")
    expect(button).to_have_attribute("aria-expanded", "true")
    assert page.locator(f"{NET} .opened .maps canvas").count() >= 4
    page.get_by_label("Convolution", exact=True).select_option("conv2")
    expect(page.locator(f"{NET} .opened")).to_contain_text("One number of conv2")
    output, typed = (page.get_by_label(f"{n} channel", exact=True) for n in ("Output", "Input"))
    page.locator(f"{NET} .opened").evaluate("e => (e.dataset.before = 'yes')")
    output.fill("5")
    output.press("Enter")
    expect(output).to_be_focused()
    typed.fill("7")
    page.wait_for_selector(f"{NET} .opened:not([data-before])")  # the answer to output channel 5
    expect(typed).to_have_value("7")
    expect(typed).to_be_focused()
    typed.press("Enter")
    expect(page.locator(f"{NET} .opened .which").first).to_have_text("input channel 7")
    page.wait_for_function("location.search.includes('conv=conv2&out=5&in=7')")
    parts = page.locator(f"{NET} .opened .sum").inner_text()
    left, right = parts.replace("−", "-").split(" = ")
    numbers = [float(part.strip().split(" ")[0]) for part in left.split(" + ")]
    assert sum(numbers) == pytest.approx(float(right), abs=5e-4)  # each is shown to four digits
    assert faults(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    assert beyond(page) == [] and faults(page) == []
    page.get_by_role("button", name="Close", exact=True).press("Enter")
    expect(page.locator(f"{NET} .opened")).to_have_count(0)
    page.wait_for_function("!location.search.includes('block=')")
