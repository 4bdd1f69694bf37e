"""The Hub in the page: an id is typed, its download is seen, its model makes the picture."""

import re

import numpy as np
import pytest
from fakehub import hub
from huggingface_hub import constants
from pagelib import beyond, choose, faults, number, pixels, run
from PIL import Image
from playwright.sync_api import expect
from twins import pipeline

from diffusion_core.__main__ import app as command_line
from tabs.shared import models

__all__ = ["hub"]  # the fixture
pytestmark = pytest.mark.browser
LINE = "#denoise-model"


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("theirs")
    pipeline("x0-prediction").save_pretrained(folder)
    return folder


def type_model(page, text):
    menu = page.get_by_label("Model", exact=True).first
    menu.fill(text)
    menu.press("Enter")


def test_an_id_is_typed_and_the_model_makes_the_command_lines_picture(hub, page, theirs, tmp_path):
    hub.add("me/theirs", theirs)
    hub.gate.clear()
    type_model(page, "me/theirs")
    bar = page.locator(f"{LINE} progress")
    expect(bar).to_be_visible()
    expect(page.locator(LINE)).to_contain_text(re.compile(r"Fetching me/theirs.* of .* kB.*left"))
    size = (theirs / "unet" / "diffusion_pytorch_model.safetensors").stat().st_size
    page.wait_for_function(
        f"size => document.querySelector('{LINE} progress')?.value > 0.4 * size", arg=size
    )
    assert float(bar.get_attribute("value")) < float(bar.get_attribute("max")) == size
    expect(page.get_by_label("Class", exact=True).first).to_have_value("Bag")  # not yet
    hub.gate.set()
    expect(page.locator(LINE)).to_contain_text("16 × 16 colour")
    expect(page.get_by_label("Model", exact=True).first).to_have_value("me/theirs")
    expect(page.get_by_label("Class", exact=True).first).to_have_value("none")
    expect(page.get_by_label("Sampler", exact=True).first).to_have_value(re.compile("ddpm|ddim"))
    assert beyond(page) == [] and faults(page) == []
    choose(page, "Sampler", "ddim")
    number(page, "Steps", 6)
    number(page, "Seed", 5)
    page.get_by_role("radio", name="4", exact=True).check()
    page.get_by_text("More", exact=True).click()
    choose(page, "Spacing", "trailing")
    run(page)
    expect(page.locator("#denoise-player .caption")).to_contain_text("theirs")
    out = tmp_path / "same.png"
    line = ["sample", "--model", "me/theirs", "--num", "4", "--steps", "6", "--seed", "5"]
    command_line([*line, "--out", str(out)], standalone_mode=False)
    want = np.asarray(Image.open(out).convert("RGB")).astype(int)
    assert np.abs(pixels(page, "x_t").astype(int) - want).max() <= 1
    # It stays in the menu, also without a network and after the server forgot it.
    hub.broken = 503
    models._HELD.clear()
    page.reload()
    page.wait_for_selector("#denoise-player .player[data-state=done]")
    page.get_by_label("Model", exact=True).first.click()
    page.get_by_role("option", name="me/theirs").click()
    expect(page.locator(LINE)).to_contain_text("16 × 16 colour")
    expect(page.get_by_label("Class", exact=True).first).to_have_value("none")


def test_what_cannot_be_had_is_one_sentence_and_the_model_before_stays(
    hub, page, theirs, monkeypatch
):
    hub.add("me/theirs", theirs)
    hub.gated.add("me/theirs")
    menu = page.get_by_label("Model", exact=True).first
    choose(page, "Model", "peeps")
    expect(page.locator(LINE)).to_contain_text("64 × 64 colour")  # it has come
    for text, words in (
        ("me/nothing", "no such checkpoint could be had"),
        ("me/theirs", "is gated: accept its licence"),
        ("gibberish", "There is no checkpoint gibberish"),
    ):
        type_model(page, text)
        error = page.locator(f"{LINE} .error")
        expect(error).to_contain_text(words)
        assert "\n" not in error.inner_text() and error.inner_text().endswith(".")
        expect(menu).to_have_value("peeps")
    choose(page, "Model", "broken")
    expect(page.locator(f"{LINE} .error")).to_contain_text("broken is broken; copy or download it")
    expect(menu).to_have_value("peeps")
    with monkeypatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        type_model(page, "me/elsewhere")
        expect(page.locator(f"{LINE} .error")).to_contain_text("cannot be reached to fetch it")
        expect(menu).to_have_value("peeps")
    # The time that a slow model takes is told before it starts.
    with monkeypatch.context() as patch:
        patch.setattr(models, "evaluation_seconds_of", lambda checkpoint, pictures=1: 0.5)
        number(page, "Steps", 40)
        said = page.locator("#denoise-expects")
        expect(said).to_contain_text("About 80 s on this machine.")
        number(page, "Steps", 2)
        expect(said).not_to_contain_text("These settings take")
        run(page)
    expect(page.locator("#denoise-player .caption")).to_contain_text("peeps")
