"""The bar of the lessons, driven in Chromium: it sets, asks, shows, and gives all back."""

from __future__ import annotations

import base64

import pytest
from pagelib import TIMEOUT, beyond, faults, in_light_and_dark, number, pixels, run, settle
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

BAR = "#lessons .lessons"
MINE = """
title: Mine <b>&amp;</b>
steps:
  - say: Three steps of <i>another</i> model.
    tab: denoise
    set: {Model: two, Class: Bag, Sampler: ddim, Steps: 3, Guidance: 1, Seed: 11, Images: 1}
    press: Denoise
  - say: Now five.
    ask: How many evaluations?
    choices: ["3", "5"]
    answer: "5"
    because: One for each step.
    set: {Steps: 5}
    press: Denoise
  - say: The frame before the last.
    set: {Frame: 4}
"""


def at_rest(page: Page, step: int) -> None:
    page.wait_for_selector(f"{BAR}[data-state=step][data-step='{step}']:not([data-busy])")


def closed(page: Page) -> None:
    page.wait_for_selector(f"{BAR}[data-state=closed]:not([data-returning])", state="attached")


def press(page: Page, name: str) -> None:
    page.locator(BAR).get_by_role("button", name=name, exact=True).click()


def steps_box(page: Page):
    return page.get_by_label("number input for Steps").first


def model_menu(page: Page):
    return page.get_by_label("Model", exact=True).first


def test_a_lesson_of_ones_own_sets_asks_shows_and_gives_all_back(page, tmp_path):
    number(page, "Steps", 4)
    run(page)
    player = page.locator("#denoise-player .player")
    walk = player.get_attribute("data-run")
    page.locator("#denoise-player .scrub").fill("2")
    picture = pixels(page, "x_t")
    address = page.url
    file = tmp_path / "mine.yaml"
    page.locator("#lessons-open").click()
    file.write_text(MINE.replace("Model: two", "Model: three"), encoding="utf-8")
    page.get_by_label("Open a lesson file").set_input_files(file)
    expect(page.locator(f"{BAR} .error")).to_contain_text(
        "Step 1's Model is 'three', and must be one of"
    )
    file.write_text(MINE, encoding="utf-8")
    page.get_by_label("Open a lesson file").set_input_files(file)
    at_rest(page, 1)
    expect(page.locator(f"{BAR} h2")).to_have_text("Mine <b>&amp;</b>")  # text, and no markup
    expect(page.locator(f"{BAR} .say")).to_have_text("Three steps of <i>another</i> model.")
    expect(player.locator(".caption")).to_contain_text("two · Bag · ddim, 3 steps")
    expect(player.locator(".caption")).to_contain_text("seed 11")
    expect(steps_box(page)).to_have_value("3")

    press(page, "Next")
    at_rest(page, 2)
    expect(player.locator(".caption")).to_contain_text("3 steps")  # it waits for a prediction
    expect(page.locator(f"{BAR} legend")).to_be_focused()
    expect(page.locator(f"{BAR} .answer")).to_have_text("")
    expect(page.locator(f"{BAR} .show")).to_be_disabled()
    page.keyboard.press("1")
    press(page, "Show")
    answer = "Not this time, it is: 5. One for each step."
    expect(page.locator(f"{BAR} .answer")).to_have_text(answer)
    expect(player.locator(".caption")).to_contain_text("ddim, 5 steps")
    expect(page.get_by_role("button", name="Next", exact=True)).to_be_focused()

    page.keyboard.press("PageDown")
    at_rest(page, 3)
    expect(player).to_have_attribute("data-frame", "4")
    link = page.url
    assert "#lesson=deflate:" in link and link.endswith("&step=3")
    page.keyboard.press("Escape")
    closed(page)
    expect(steps_box(page)).to_have_value("4")
    expect(model_menu(page)).to_have_value("one")
    assert page.url.split("#")[0] == address.split("#")[0] and "#" not in page.url
    expect(player).to_have_attribute("data-run", walk)  # the walk that was on the stage, too
    expect(player).to_have_attribute("data-frame", "2")
    expect(player).to_have_attribute("data-state", "done")
    assert (pixels(page, "x_t") == picture).all()
    expect(page.locator("#lessons-open")).to_be_focused()

    # The address opens it at the step, with what the steps before have set and run.
    page.evaluate("link => { location.hash = new URL(link).hash; }", link)
    at_rest(page, 3)
    expect(player.locator(".caption")).to_contain_text("two · Bag · ddim, 5 steps")
    expect(steps_box(page)).to_have_value("5")
    # Loaded again in the lesson, the page has its walk from the server.
    page.reload()
    at_rest(page, 3)
    press(page, "Leave")
    closed(page)
    expect(steps_box(page)).to_have_value("4")
    expect(player).to_have_attribute("data-run", walk)
    expect(player).to_have_attribute("data-frame", "2")
    assert (pixels(page, "x_t") == picture).all()
    text = base64.b64encode(MINE.encode()).decode()
    page.evaluate("text => { location.hash = `lesson=base64:${text}`; }", text)
    at_rest(page, 1)
    press(page, "Leave")
    closed(page)
    page.evaluate("() => { location.hash = 'lesson=deflate:AAAA'; }")
    expect(page.locator(f"{BAR} .error")).to_contain_text("The lesson in the address cannot be rea")


def test_a_lesson_is_followed_on_a_phone_by_a_link(open_page, url):
    page = open_page(390, 844)
    page.goto(f"{url}#lesson=what-noise-does&step=3")
    at_rest(page, 3)
    expect(page.locator(f"{BAR} .say")).to_have_text("The timestep goes from 0 to 999.")
    slider = page.locator("#noise-stage input.t")
    expect(slider).to_have_value("100")  # of the step before
    press(page, "Back")
    at_rest(page, 2)
    press(page, "Next")
    at_rest(page, 3)
    page.locator(BAR).get_by_label("about 260").check()
    for _ in in_light_and_dark(page):
        assert faults(page) == []
        assert beyond(page) == []
    press(page, "Show")
    expect(page.locator(f"{BAR} .answer")).to_contain_text("Right: about 260. The linear schedule")
    expect(slider).to_have_value("259")
    picture = page.locator("#noise-stage canvas").first.bounding_box()
    bar = page.locator(BAR).bounding_box()
    assert bar["y"] >= 0 and bar["height"] < 300
    assert bar["y"] + bar["height"] <= picture["y"] + 1 and picture["y"] < 844 - 200
    size = page.locator(f"{BAR} .say").evaluate("e => getComputedStyle(e).fontSize")
    assert float(size.removesuffix("px")) >= 22
    press(page, "Leave")
    closed(page)
    expect(slider).to_have_value("250")
    settle(page, 300)
    assert "#" not in page.url


@pytest.mark.long
def test_every_step_of_every_lesson_runs(open_page, url):
    """With the shipped models: nothing is missing on the page, and each run comes to its end."""
    from tabs.lessons.format import shipped

    page = open_page()
    for name, lesson in shipped().items():
        page.goto(f"{url}?again={name}#lesson={name}")
        for k, step in enumerate(lesson.steps, start=1):
            at_rest(page, k)
            if step.ask:
                page.locator(BAR).get_by_label(step.answer, exact=True).check()
                press(page, "Show")
                expect(page.locator(f"{BAR} .answer")).to_contain_text("Right", timeout=TIMEOUT)
                at_rest(page, k)
            assert page.locator(f"{BAR} .error").is_hidden(), page.locator(
                f"{BAR} .error"
            ).inner_text()
            assert page.locator(".player .error, .race .error").filter(visible=True).count() == 0
            press(page, "Next" if k < len(lesson.steps) else "Finish")
        closed(page)
