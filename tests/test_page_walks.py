"""The Denoise tab's further ways in Chromium: pictures, branch, replay, keep."""

import json
import re
import threading

import numpy as np
import pytest
from conftest import for_walks, last, wait_for, watch_steps
from pagelib import (
    begin_with,
    beyond,
    choose,
    delay,
    faults,
    in_light_and_dark,
    number,
    pixels,
    press,
    run,
    settle,
)
from PIL import Image
from playwright.sync_api import expect

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.data import grid, to_uint8
from diffusion_core.generation import SamplingRequest, walk
from tabs.shared import models

pytestmark = pytest.mark.browser
PLAYER = "#denoise-player .player"


@pytest.fixture
def tab(page):
    number(page, "Steps", 10)
    return page


def fold(page, name):
    page.locator("button.label-wrap:visible", has_text=name).click()


def finished(page, act):
    """Do what starts a run, and wait until its last frame is drawn."""
    before = page.locator(PLAYER).get_attribute("data-run")
    act()
    page.wait_for_function(
        """before => { const p = document.querySelector("#denoise-player .player");
        return p.dataset.run !== before && p.dataset.state === "done"
            && p.dataset.frame === String(p.dataset.frames - 1); }""",
        arg=before,
    )


def picture(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def sheet(folder, **options):
    return grid(to_uint8(last(walk(for_walks(folder), SamplingRequest(**options))).x_prev))


def test_the_equation_and_the_statistics_are_this_steps(tab, models_folder):
    choose(tab, "Sampler", "ddpm: many steps")
    run(tab)
    tab.get_by_label("Scrubber").fill("3")
    steps = list(
        walk(
            for_walks(models_folder / "one"),
            SamplingRequest(num_images=4, num_steps=10, seed=7, label="Bag", sampler="ddpm"),
        )
    )
    terms = tab.locator(f"{PLAYER} .step-equation .term").all_inner_texts()
    said = [float(x.replace("− ", "-")) for t in terms for x in re.findall(r"(?:− )?\d\.\d{3}", t)]
    assert said == pytest.approx(list(steps[3].weights.values()), abs=6e-4)
    square = float(steps[3].x_t.square().mean())
    expect(tab.locator(f"{PLAYER} .square")).to_have_text(f"{square:.3f}")
    end = float(steps[-1].x_prev.square().mean())
    alpha_bar = float(load_checkpoint(models_folder / "one").schedule.alpha_bar(steps[3].t))
    theory = float(tab.locator(f"{PLAYER} .square-theory").inner_text())
    assert theory == pytest.approx(alpha_bar * end + 1 - alpha_bar, abs=0.01)
    bars = tab.locator(f"{PLAYER} .histogram .bars").get_attribute("d")
    tab.get_by_label("Scrubber").press("End")
    expect(tab.locator(f"{PLAYER} .step-equation")).to_contain_text("finished")
    assert tab.locator(f"{PLAYER} .histogram .bars").get_attribute("d") != bars


def test_a_branch_is_refused_or_stands_beside_its_parent_and_unchanged_it_is_the_same(tab):
    run(tab)
    parent = pixels(tab, "x_t")
    branch = "Branch from this step, with the settings as they now are"
    choose(tab, "Model", "two")
    press(tab, branch)
    expect(tab.locator(f"{PLAYER} .error")).to_contain_text("its parent's model")
    assert "parent" not in tab.get_by_role("group", name="Views").inner_text()
    assert np.array_equal(pixels(tab, "x_t"), parent)  # nothing of what is shown has changed
    expect(tab.locator(PLAYER)).to_have_attribute("data-state", "done")
    choose(tab, "Model", "one")
    number(tab, "Steps", 10)
    tab.get_by_label("Scrubber").fill("4")
    finished(tab, lambda: press(tab, branch))
    assert np.array_equal(pixels(tab, "x_t"), parent)
    expect(tab.locator(f"{PLAYER} .caption")).to_contain_text("branched after 4 steps")
    choose(tab, "Class", "Trouser")
    tab.get_by_label("Scrubber").fill("4")
    finished(tab, lambda: press(tab, branch))
    assert np.abs(pixels(tab, "x_t").astype(int) - parent).mean() > 1
    assert np.array_equal(pixels(tab, "parent"), parent)
    tab.get_by_label("Scrubber").fill("4")  # where they part they are one
    assert np.array_equal(pixels(tab, "x_t"), pixels(tab, "parent"))
    tab.get_by_label("Scrubber").fill("2")
    assert np.array_equal(pixels(tab, "x_t"), pixels(tab, "parent"))


def test_a_link_and_a_file_walk_the_same_walk_again(tab, open_page, tmp_path):
    choose(tab, "Sampler", "ddpm: many steps")
    run(tab)
    tab.get_by_label("Scrubber").fill("5")
    choose(tab, "Class", "Coat")
    finished(tab, lambda: press(tab, "Branch from this step, with the settings as they now are"))
    end = pixels(tab, "x_t")
    press(tab, "Link")
    expect(tab.locator(f"{PLAYER} .kept")).to_contain_text("address bar")
    link = tab.evaluate("location.href")
    assert "run=" in link and len(link) < 4000
    other = open_page()
    delay(other, 50)
    other.goto(link)
    note = other.locator(f"{PLAYER} .note")
    expect(note).to_contain_text("the same, to the bit", timeout=180_000)
    other.get_by_label("Scrubber").press("End")
    assert np.array_equal(pixels(other, "x_t"), end)
    expect(other.get_by_label("Class", exact=True).first).to_have_value("Coat")
    with tab.expect_download() as download:
        press(tab, "Run card")
    download.value.save_as(tmp_path / "run-card.json")
    run(tab)  # something else in between
    finished(
        tab, lambda: tab.get_by_label("Open a run card").set_input_files(tmp_path / "run-card.json")
    )
    expect(tab.locator(f"{PLAYER} .note")).to_contain_text("the same, to the bit")
    assert np.array_equal(pixels(tab, "x_t"), end)
    card = json.loads((tmp_path / "run-card.json").read_text())
    card["versions"]["torch"] = "1.0"
    card["result"] = "0" * 64
    (tmp_path / "old.json").write_text(json.dumps(card))
    finished(
        tab, lambda: tab.get_by_label("Open a run card").set_input_files(tmp_path / "old.json")
    )
    expect(tab.locator(f"{PLAYER} .note")).to_contain_text("1.0 then")
    (tmp_path / "no.json").write_text("{}")
    tab.get_by_label("Open a run card").set_input_files(tmp_path / "no.json")
    expect(tab.locator(f"{PLAYER} .error")).to_contain_text("not a run card")
    assert np.array_equal(pixels(tab, "x_t"), end)  # nothing is lost


def test_the_controls_say_what_a_card_walks_while_it_does(tab, monkeypatch, tmp_path):
    number(tab, "Steps", 123)
    run(tab)
    with tab.expect_download() as download:
        press(tab, "Run card")
    download.value.save_as(tmp_path / "run-card.json")
    number(tab, "Steps", 7)
    steps = tab.get_by_label(re.compile("Steps$")).first
    expect(steps).to_have_value("7")
    goes_on = threading.Event()

    def hold(step):
        assert step.index < 50 or goes_on.wait(60)

    watch_steps(monkeypatch, hold)
    tab.locator(".player .open input").set_input_files(tmp_path / "run-card.json")
    tab.wait_for_selector(f"{PLAYER}[data-state=running]")
    expect(steps).to_have_value("123")
    number(tab, "Steps", 8)  # and what is changed meanwhile stays
    goes_on.set()
    tab.wait_for_selector(f"{PLAYER}[data-state=done]")
    settle(tab, 500)
    expect(steps).to_have_value("8")


def test_what_is_kept_shows_the_walk_and_views_are_shown_together(tab):
    run(tab)
    end = pixels(tab, "x_t")
    names = {
        "GIF": "one-seed7-10steps-x_t.gif",
        "MP4": "one-seed7-10steps-x_t.mp4",
        "Strip": "one-seed7-10steps-x_t-strip.png",
        "Picture": "one-seed7-step10of10-x_t.png",
    }
    for button, name in names.items():
        with tab.expect_download() as download:
            press(tab, button)
        assert download.value.suggested_filename == name
        expect(tab.locator(f"{PLAYER} .kept")).to_contain_text("saved")
        path = download.value.path()
        if button == "GIF":
            with Image.open(path) as movie:
                assert movie.n_frames >= 11 and movie.size == (9 * 58, 9 * 58)
                movie.seek(10)
                small = movie.convert("RGB").resize((58, 58), Image.Resampling.NEAREST)
            assert np.abs(np.asarray(small).astype(int) - end).max() <= 1
        elif button == "MP4":
            assert path.read_bytes()[4:8] == b"ftyp"
        elif button == "Strip":
            strip = picture(path)
            large = strip[: 9 * 58, -9 * 58 :]
            assert strip.shape[1] == 9 * (8 * 62 - 4) and np.array_equal(large[::9, ::9], end)
        else:
            assert np.array_equal(picture(path), end.repeat(9, axis=0).repeat(9, axis=1))
    tab.get_by_label("native size").check()
    with tab.expect_download() as download:
        press(tab, "Picture")
    assert np.array_equal(picture(download.value.path()), end)
    # A card that is dropped walks what it says, and not what the controls do.
    number(tab, "Seed", 99)
    run(tab)
    assert not np.array_equal(pixels(tab, "x_t"), end)
    with tab.expect_download() as download:
        press(tab, "Run card")
    text = json.loads(download.value.path().read_text())
    text["walk"]["seed"] = 7
    finished(
        tab,
        lambda: tab.evaluate(
            """text => {
              const data = new DataTransfer();
              data.items.add(new File([text], "run-card.json", { type: "application/json" }));
              document.body.dispatchEvent(new DragEvent("drop", {
                dataTransfer: data, bubbles: true, cancelable: true }));
            }""",
            json.dumps(text),
        ),
    )
    assert np.array_equal(pixels(tab, "x_t"), end)
    # Views together, and one image large.
    tab.get_by_label("Scrubber").fill("4")
    views = tab.get_by_role("group", name="Views")
    for name in ("ε̂", "change"):
        chip = views.get_by_role("button", name=name, exact=True)
        chip.click()
        expect(chip).to_have_attribute("aria-pressed", "true")
    expect(tab.locator(PLAYER)).to_have_attribute("data-shown", "x_t x0_hat eps_hat change")
    shown = [pixels(tab, name) for name in ("x_t", "x0_hat", "eps_hat", "change")]
    assert all(not np.array_equal(a, b) for i, a in enumerate(shown) for b in shown[i + 1 :])
    assert shown[2].std() > 60  # the noise is noise
    tab.get_by_label("Image", exact=True).select_option("2")
    assert np.array_equal(pixels(tab, "x_t"), shown[0][:28, 30:58])
    tab.locator(f"{PLAYER} canvas").first.click()  # and back to the grid
    assert pixels(tab, "x_t").shape == (58, 58, 3)
    tab.locator(f"{PLAYER} canvas").first.click(position={"x": 20, "y": 150})
    assert np.array_equal(pixels(tab, "x_t"), shown[0][30:58, :28])


def test_from_seed_to_seed_is_a_row_to_walk_along(tab, models_folder):
    begin_with(tab, "two seeds")
    number(tab, "Second seed", 21)
    run(tab)
    row = pixels(tab, "x_t")
    assert row.shape == (28, 9 * 30 - 2, 3)
    for at, seed in ((0, 7), (8, 21)):
        one = sheet(models_folder / "one", num_steps=10, seed=seed, label="Bag")
        tab.get_by_label("Along the row").fill(str(at))
        assert np.abs(pixels(tab, "x_t")[..., :1].astype(int) - one).max() <= 1
    expect(tab.locator(f"{PLAYER} .along .place")).to_have_text("9 of 9")
    frame = tab.locator(PLAYER).get_attribute("data-frame")
    along = tab.get_by_label("Along the row")
    along.press("Home")
    along.press("ArrowRight")
    along.press("ArrowRight")
    expect(tab.locator(f"{PLAYER} .along .place")).to_have_text("3 of 9")
    assert tab.locator(PLAYER).get_attribute("data-frame") == frame


def test_what_steps_cost_and_the_code_follow_the_controls(tab):
    choose(tab, "Model", "fashion-mnist")
    fold(tab, "What steps cost")
    words = tab.locator(".prose.costs")
    own = models.get("fashion-mnist").config.sampling
    expect(words).to_contain_text(f"{own['num_steps']} evaluations")
    tab.wait_for_selector("#denoise-costs .js-plotly-plot .main-svg")
    number(tab, "Steps", 12)
    expect(words).to_contain_text("12 evaluations")
    fold(tab, "Code, and the paper")
    code = tab.locator(".cm-content")
    expect(code).to_contain_text("num_steps=12")
    number(tab, "Guidance", 2.5)
    expect(code).to_contain_text("guidance_scale=2.5")
    tab.get_by_label("Scrubber").press("Home")
    expect(tab.locator("#denoise-algorithm .algorithms")).to_have_attribute("data-lit", "1 4")
    tab.get_by_label("Scrubber").press("End")
    expect(tab.locator("#denoise-algorithm .algorithms")).to_have_attribute("data-lit", "6")


def test_switching_tabs_in_the_middle_of_a_walk_loses_nothing(tab, models_folder, monkeypatch):
    away, computed = threading.Event(), threading.Event()

    def hold(step):
        """The walk stands still until another tab is open, and ends while it is."""
        assert step.index < 20 or away.wait(60)
        if step.index == 59:
            computed.set()

    watch_steps(monkeypatch, hold)
    delay(tab, 50)
    number(tab, "Steps", 60)
    press(tab, "Denoise")
    tab.wait_for_selector(f"{PLAYER}[data-state=running]")
    tab.get_by_role("tab", name="Noise", exact=True).click()
    expect(tab.locator(PLAYER)).to_be_hidden()
    away.set()
    wait_for(lambda: tab.evaluate("1") and computed.is_set())  # meanwhile the page goes on
    tab.get_by_role("tab", name="Schedules").click()
    expect(tab.locator("#schedule-stage")).to_be_visible()
    tab.get_by_role("tab", name="Denoise").click()
    tab.wait_for_selector(f"{PLAYER}[data-state=done]")
    assert tab.locator(PLAYER).get_attribute("data-frames") == "61"
    tab.get_by_label("Scrubber").press("End")
    want = sheet(models_folder / "one", num_images=4, num_steps=60, seed=7, label="Bag")
    assert np.abs(pixels(tab, "x_t")[..., :1].astype(int) - want).max() <= 1


CUT_OFF = """() => {
    const all = document.querySelector("#denoise-costs .js-plotly-plot").getBoundingClientRect();
    return [...document.querySelectorAll("#denoise-costs .js-plotly-plot text")].filter((text) => {
        const box = text.getBoundingClientRect();
        return box.width && (box.left < all.left || box.right > all.right);
    }).map((text) => text.textContent);
}"""


def test_the_tab_and_every_fold_fit_and_can_be_read(fresh, url):
    page = fresh
    page.goto(url)
    page.wait_for_selector(f"{PLAYER}[data-state=done]")
    assert beyond(page) == []
    box = page.locator(f"{PLAYER} canvas").first.bounding_box()
    button = page.get_by_role("button", name="Denoise", exact=True).bounding_box()
    if page.viewport_size["width"] < 700:
        assert box["y"] < button["y"]  # on a phone the stage comes first
    else:
        assert button["x"] < box["x"]
    for name in ("More", "What steps cost", "Code, and"):
        fold(page, name)
    page.wait_for_selector("#denoise-costs .js-plotly-plot .main-svg")
    page.get_by_label("Sampler", exact=True).first.click()
    page.get_by_role("option", name="dpmpp_2m_sde").first.click()  # the longest name
    page.wait_for_selector("#denoise-costs .annotation-text:has-text('now: dpmpp_2m_sde')")
    assert page.evaluate(CUT_OFF) == []
    assert beyond(page) == []
    # Axe takes words that have scrolled under a phone's bar to be on its colour.
    page.add_style_tag(content="#page-header .bar { visibility: hidden; }")
    for scheme in in_light_and_dark(page):
        assert faults(page) == [], scheme
