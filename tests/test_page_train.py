"""The Train tab in Chromium: a network learns, and what it learned is there at once."""

import re
import sys
import threading
import zipfile

import numpy as np
import pytest
from conftest import record_here
from pagelib import (
    beyond,
    choose,
    choose_tab,
    delay,
    faults,
    in_light_and_dark,
    pixels,
    press,
    settle,
)
from PIL import Image
from playwright.sync_api import expect

from tabs.train import estimates, jobs, plan

pytestmark = pytest.mark.browser
STAGE = "#train-stage"
FACTS_SAY = """words => document.querySelector("#train-facts").innerText.includes(words)"""


@pytest.fixture(autouse=True)
def _here(request, monkeypatch):
    """Trainings stay in this process, but where a test is about a long one."""
    if "go_on" not in request.node.name:
        monkeypatch.setattr(jobs, "record_apart", record_here)


def open_tab(page):
    choose_tab(page, "Train")
    page.wait_for_selector(f"{STAGE} .training[data-state=before]")
    holds_preset(page, "a coffee", timeout=180_000)


def holds_preset(page, name, timeout=180_000):
    """Until the preset has been measured and what it fills in stands in the controls."""
    page.wait_for_function(
        """name => {
          const said = document.querySelector("#train-preset").innerText;
          const steps = RegExp(name + ": ([0-9,]+ steps), about").exec(said);
          const facts = document.querySelector("#train-facts").innerText;
          return steps && facts.includes(steps[1]) && /ms a step/.test(facts);
        }""",
        arg=name,
        timeout=timeout,
    )


def fill(page, label, value):
    field = page.get_by_label(re.compile(rf"^\s*{label}\b")).last
    field.fill(str(value))
    field.press("Tab")


def small(page, steps=30, name="page-model"):
    page.get_by_role("button", name=re.compile("^Everything")).click()
    fill(page, "Name", name)
    for label, value in (
        ("Training steps", steps),
        ("Batch", 4),
        ("Channels", "32,32"),
        ("Blocks", 1),
    ):
        fill(page, label, value)
    # What it says instead stands in the error.
    expect(page.locator("#train-facts")).to_contain_text(f"{steps:,} steps of 4", timeout=180_000)


def train(page, state="done"):
    press(page, "Train")  # on a phone that of the bar
    page.wait_for_selector(f"{STAGE} .training[data-state={state}]", timeout=300_000)


def slide(page, label, value):
    page.get_by_label(label, exact=True).evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', { bubbles: true })); }", value
    )


def stage(page, what):
    return page.locator(f"{STAGE} .training").get_attribute(f"data-{what}")


def test_train_watch_scrub_and_denoise_with_it(page, models_folder):
    open_tab(page)
    sheet, noise = pixels(page, "x0", STAGE), pixels(page, "x_t", STAGE)
    assert abs(noise.mean() - 128) < 12 and noise.std() > 70
    small(page)
    train(page)
    page.wait_for_function(f"document.querySelector('{STAGE} .training').dataset.milestones >= 20")
    assert (pixels(page, "x0", STAGE) == sheet).all()
    finished = pixels(page, "x_t", STAGE)
    assert "Done: 30 of 30 steps" in page.locator(f"{STAGE} .status").inner_text()
    assert "after 30 steps of training" in page.locator(f"{STAGE} .made").inner_text()
    slide(page, "Sampling time", 0)
    assert (pixels(page, "x_t", STAGE) == noise).all()  # the very noise that was there before
    slide(page, "Training time", 0)
    assert (pixels(page, "x_t", STAGE) == noise).all()
    slide(page, "Sampling time", 10)
    untrained = pixels(page, "x_t", STAGE)
    assert (untrained != finished).mean() > 0.3
    assert "before any training" in page.locator(f"{STAGE} .made").inner_text()
    look = pixels(page, "thumbnail x0_hat t = 187", STAGE)
    grown = page.locator(f"{STAGE} .map")
    grown.scroll_into_view_if_needed()
    box = grown.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5)
    assert stage(page, "step") == "30" and (pixels(page, "x_t", STAGE) == finished).all()
    assert (pixels(page, "thumbnail x0_hat t = 187", STAGE) != look).any()
    page.get_by_role("button", name="Play the training").click()
    page.wait_for_function(f"document.querySelector('{STAGE} .training').dataset.step !== '30'")
    for chart in ("loss .curve", "bins .bar"):
        assert page.locator(f"{STAGE} .{chart}").count() >= 1
    fits_and_can_be_used_by_all(page)
    press(page, "Denoise with it")
    page.wait_for_selector("#denoise-player", state="visible")
    assert page.get_by_label("Model", exact=True).first.input_value() == "page-model"
    before = stage_of_player(page)
    press(page, "Denoise")
    page.wait_for_function(
        """before => { const p = document.querySelector("#denoise-player .player");
        return p.dataset.run !== before && p.dataset.state === "done"; }""",
        arg=before,
    )
    assert "page-model" in page.locator("#denoise-player .caption").inner_text()
    page.get_by_role("tab", name="Train").click()
    press(page, "Make a zip")
    with page.expect_download() as download:
        page.locator('a[download$=".zip"]').last.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert "page-model/model.safetensors" in archive.namelist()
    page.on("dialog", lambda dialog: dialog.accept())
    press(page, "Delete")
    page.wait_for_function(
        "document.querySelector('#train-said').innerText.includes('page-model is deleted')"
    )
    assert not (models_folder / "page-model").exists()


def stage_of_player(page):
    return page.locator("#denoise-player .player").get_attribute("data-run")


def test_stop_close_come_back_and_go_on(open_page, url):
    page = open_page()
    page.goto(url)
    delay(page, 50)
    open_tab(page)
    small(page, steps=4000, name="long-one")
    train(page, "running")
    page.wait_for_function(f"+document.querySelector('{STAGE} .training').dataset.done > 20")
    expect(page.locator("#train-stop")).to_be_visible()  # in the place of Train
    expect(page.locator("#train-run")).to_be_hidden()
    # Twice at once, as from another window, is refused, and the first goes on.
    page.locator("#train-run").dispatch_event("click")
    page.wait_for_function(
        f"document.querySelector('{STAGE} .error').innerText.includes('stop it first')"
    )
    second = open_page()  # another window finds it running
    second.goto(f"{url}?tab=train")
    second.get_by_role("tab", name="Train").click()
    second.wait_for_selector(f"{STAGE} .training[data-state=running]", timeout=300_000)
    before = int(second.locator(f"{STAGE} .training").get_attribute("data-done"))
    page.close()
    second.wait_for_function(
        f"+document.querySelector('{STAGE} .training').dataset.done > {before + 10}"
    )
    second.locator("#train-stop").click()
    second.wait_for_selector(f"{STAGE} .training[data-state=stopped]", timeout=300_000)
    words = second.locator(f"{STAGE} .status").inner_text()
    reached = int(re.search(r"Stopped after ([\d,]+) of", words)[1].replace(",", ""))
    assert reached > before
    second.reload()
    second.wait_for_selector("#denoise-player .player[data-state=done]", state="attached")
    second.get_by_role("tab", name="Train").click()
    second.wait_for_function(  # its film is kept with the model
        f"document.querySelector('{STAGE} .training').dataset.milestones >= 1"
    )
    choose(second, "Model of yours", "long-one")
    press(second, "Go on training")
    second.wait_for_selector(f"{STAGE} .training[data-state=running]", timeout=300_000)
    second.wait_for_function(
        f"+document.querySelector('{STAGE} .training').dataset.done > {reached}"
    )
    second.locator("#train-stop").click()
    second.wait_for_selector(f"{STAGE} .training[data-state=stopped]", timeout=300_000)


def bad_settings_are_said_beside_them_and_on_the_stage(page):
    small(page)
    fill(page, "Channels", "60,60")
    page.wait_for_function(
        "document.querySelector('#train-facts').innerText.includes('not a multiple of 32')"
    )
    page.locator("#train-run").click()
    page.wait_for_function(
        f"document.querySelector('{STAGE} .error').innerText.includes('not a multiple of 32')"
    )
    fill(page, "Blocks", 2)
    choose_preset(page, "a lunch")
    holds_preset(page, "a lunch")


def test_bad_settings_are_said_and_pictures_of_ones_own_are_shown(page, tmp_path):
    open_tab(page)
    bad_settings_are_said_beside_them_and_on_the_stage(page)
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for i in range(12):
            colour = np.zeros((30, 40, 3), np.uint8)
            colour[..., i % 3] = rng.integers(100, 255, (30, 40))
            Image.fromarray(colour).save(tmp_path / "p.png")
            archive.write(tmp_path / "p.png", f"{'red green blue'.split()[i % 3]}/{i}.png")
    (tmp_path / "bad.zip").write_bytes(b"PK no zip")
    choose(page, "Pictures", "My pictures")
    chooser = page.locator(
        'input[type="file"]:not([accept*="image"], [accept*="json"], [accept*="yaml"])'
    )
    chooser.set_input_files(tmp_path / "mine.zip")
    page.wait_for_function(
        "document.querySelector('#train-words').innerText.includes('12 pictures, 32 × 32, in col')"
    )
    assert "3 classes: blue (4), green (4), red (4)" in page.locator("#train-words").inner_text()
    sheet = pixels(page, "x0", STAGE)
    assert (sheet.max(2).astype(int) - sheet.min(2) > 80).mean() > 0.2  # in colour
    page.get_by_label("Remove").or_(page.get_by_label("Clear")).first.click()
    chooser.set_input_files(tmp_path / "bad.zip")
    expect(page.locator("#train-refused")).to_contain_text("no zip")


def test_what_one_types_while_a_preset_is_measured_stays(page, monkeypatch):
    found, answer, as_it_is = threading.Event(), threading.Event(), estimates._filled

    def held(*asked):
        filled = as_it_is(*asked)
        if sys._getframe(1).f_code.co_name == "refilled":  # it has read the controls already
            found.set()
            assert answer.wait(60)
        return filled

    monkeypatch.setattr(estimates, "_filled", held)
    page.get_by_role("tab", name="Train").click()
    page.get_by_role("button", name=re.compile("^Everything")).click()
    assert found.wait(60)
    fill(page, "Training steps", 77)
    page.wait_for_function(FACTS_SAY, arg="77 steps of")
    with page.expect_request(re.compile("/queue/join")):  # the facts anew, after the filling in
        answer.set()
    settle(page, 500)
    assert page.get_by_label(re.compile("^Training steps")).input_value() == "77"
    assert page.get_by_label(plan.OWN).is_checked()
    assert "77 steps of" in page.locator("#train-facts").inner_text()


def choose_preset(page, name):
    page.locator("#train-preset label").filter(has_text=name).click()


def test_on_a_phone_it_trains_fits_and_can_be_used_by_all(open_page, url):
    page = open_page(390, 844)
    page.goto(url)
    page.wait_for_selector("#denoise-player .player[data-state=done]")
    open_tab(page)
    small(page, steps=9, name="fit-390")
    train(page)
    page.wait_for_function(f"document.querySelector('{STAGE} .training').dataset.milestones >= 3")
    fits_and_can_be_used_by_all(page)


def fits_and_can_be_used_by_all(page):
    page.get_by_role("button", name="Why?").last.click()
    assert beyond(page) == []
    for scheme in in_light_and_dark(page):
        assert faults(page) == [], scheme
