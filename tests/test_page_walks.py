"""The Denoise tab's further ways in Chromium: views, branch, replay, keep, pictures, race."""

import json
import re
import threading

import numpy as np
import pytest
from conftest import last, watch_steps
from pagelib import (
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
    choose(page, "Model", "one")
    number(page, "Steps", 10)
    return page


def fold(page, name):
    page.get_by_role("button", name=name).click()


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
    return grid(to_uint8(last(walk(load_checkpoint(folder), SamplingRequest(**options))).x_prev))


def test_views_can_be_shown_together_and_one_image_large(tab):
    run(tab)
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


def test_the_equation_and_the_statistics_are_this_steps(tab, models_folder):
    choose(tab, "Sampler", "ddpm (wants many")
    run(tab)
    tab.get_by_label("Scrubber").fill("3")
    steps = list(
        walk(
            load_checkpoint(models_folder / "one"),
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


def test_a_branch_stands_beside_its_parent_and_unchanged_it_is_the_same(tab):
    run(tab)
    parent = pixels(tab, "x_t")
    branch = "Branch from this step, with the settings as they now are"
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
    choose(tab, "Model", "two")
    press(tab, branch)
    expect(tab.locator(f"{PLAYER} .error")).to_contain_text("its parent's model")


def test_a_link_and_a_file_walk_the_same_walk_again(tab, open_page, tmp_path):
    choose(tab, "Sampler", "ddpm (wants many")
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
    expect(note).to_contain_text("the same, to the bit", timeout=20_000)
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
    expect(tab.locator(f"{PLAYER} .error")).to_contain_text("no run card")
    assert np.array_equal(pixels(tab, "x_t"), end)  # nothing is lost


def test_a_card_dropped_on_the_page_is_walked(tab):
    run(tab)
    end = pixels(tab, "x_t")
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
    tab.locator(".open input").set_input_files(tmp_path / "run-card.json")
    tab.wait_for_selector(f"{PLAYER}[data-state=running]")
    expect(steps).to_have_value("123")
    number(tab, "Steps", 8)  # and what is changed meanwhile stays
    goes_on.set()
    tab.wait_for_selector(f"{PLAYER}[data-state=done]")
    settle(tab, 500)
    expect(steps).to_have_value("8")


def test_what_is_kept_shows_the_walk(tab):
    run(tab)
    end = pixels(tab, "x_t")
    names = {
        "GIF": "walk-x_t.gif",
        "MP4": "walk-x_t.mp4",
        "Strip": "walk-x_t.png",
        "Picture": "x_t-t-1.png",
    }
    for button, name in names.items():
        with tab.expect_download() as download:
            press(tab, button)
        assert download.value.suggested_filename == name
        expect(tab.locator(f"{PLAYER} .kept")).to_contain_text("saved")
        path = download.value.path()
        if button == "GIF":
            with Image.open(path) as movie:
                assert movie.n_frames >= 11 and movie.size[0] % 58 == 0
                movie.seek(10)
                small = movie.convert("RGB").resize((58, 58), Image.Resampling.NEAREST)
            assert np.abs(np.asarray(small).astype(int) - end).max() <= 1
        elif button == "MP4":
            assert path.read_bytes()[4:8] == b"ftyp"
        elif button == "Strip":
            strip = picture(path)
            assert strip.shape == (58, 8 * 62 - 4, 3) and np.array_equal(strip[:, -58:], end)
        else:
            assert np.array_equal(picture(path), end)


def test_from_seed_to_seed_is_a_row_to_walk_along(tab, models_folder):
    tab.get_by_label("two seeds").check()
    number(tab, "Second seed", 21)
    run(tab)
    row = pixels(tab, "x_t")
    assert row.shape == (28, 9 * 30 - 2, 3)
    for at, seed in ((0, 7), (8, 21)):
        one = sheet(models_folder / "one", num_steps=10, seed=seed, label="Bag")
        tab.get_by_label("Along the row").fill(str(at))
        assert np.abs(pixels(tab, "x_t")[..., :1].astype(int) - one).max() <= 1
    expect(tab.locator(f"{PLAYER} .along .place")).to_have_text("9 of 9")


def test_a_picture_comes_back_beside_the_true_one(tab):
    tab.get_by_label("a picture", exact=True).check()
    expect(tab.locator(".prose.begins")).to_contain_text("noised to its t = 600")
    run(tab)
    expect(tab.locator(PLAYER)).to_have_attribute("data-shown", "x_t x0_hat first x0")
    expect(tab.locator(f"{PLAYER} .status")).to_contain_text("from the true picture")
    true = pixels(tab, "x0, the")
    assert true.shape == (28, 28, 3) and true.std() > 50
    tab.get_by_label("Scrubber").press("Home")
    assert np.array_equal(pixels(tab, "x0_hat"), pixels(tab, "first guess"))
    expect(tab.locator(f"{PLAYER} .status")).to_contain_text("t = 600")
    fold(tab, "Whose picture comes back?")
    press(tab, "Noise it and walk back")
    tab.wait_for_selector("#denoise-return .gallery[data-state=done]")
    expect(tab.locator("#denoise-return .words")).to_contain_text("in one look")
    back = pixels(tab, "thumbnail the whole walk t = 0", "#denoise-return")
    assert np.abs(back.astype(int) - true).max() < 40  # hardly any noise: the picture itself
    assert not np.array_equal(
        pixels(tab, "thumbnail the whole walk t = 999", "#denoise-return"), back
    )
    tab.wait_for_selector("#denoise-return-plot .js-plotly-plot .main-svg")
    press(tab, "Lead it to its noise and back")
    tab.wait_for_selector("#denoise-inversion .gallery[data-state=done]")
    words = tab.locator("#denoise-inversion .words").inner_text()
    assert "The picture comes back with an error of" in words and "10 evaluations up" in words


def test_a_hole_is_filled_and_the_rest_is_kept(tab):
    tab.get_by_label("a picture with a hole").check()
    tab.wait_for_selector("#denoise-hole .hole[data-open]")
    press(tab, "Denoise")
    expect(tab.locator(f"{PLAYER} .error")).to_contain_text("Paint over")
    canvas = tab.locator("#denoise-hole canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    tab.mouse.move(box["x"] + 60, box["y"] + 100)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 120, box["y"] + 100, steps=5)
    tab.mouse.up()
    assert 10 < int(tab.locator("#denoise-hole .hole").get_attribute("data-open")) < 120
    press(tab, "the left half")
    assert tab.locator("#denoise-hole .hole").get_attribute("data-open") == str(28 * 14)
    settle(tab, 300)
    run(tab)
    true, end = pixels(tab, "x0, the"), pixels(tab, "x_t")
    for top in (0, 30):
        for left in (0, 30):
            tile = end[top : top + 28, left : left + 28]
            assert np.array_equal(tile[:, 14:], true[:, 14:])
            assert np.abs(tile[:, :14].astype(int) - true[:, :14]).mean() > 5


def test_the_exact_answer_remembers(tab):
    fold(tab, "More")
    tab.get_by_label("Show the exact answer beside").check()
    run(tab)
    expect(tab.locator(f"{PLAYER} .status")).to_contain_text(
        "from the nearest of 200 training images"
    )
    nearest = pixels(tab, "exact answer")
    tab.get_by_label("Scrubber").press("Home")
    blur = pixels(tab, "exact answer")
    assert not np.array_equal(nearest, blur) and not np.array_equal(blur, pixels(tab, "x0_hat"))
    expect(tab.locator(f"{PLAYER} .status")).to_contain_text("from the exact answer")


def test_a_race_is_run_on_one_clock_and_can_be_run_again(tab):
    fold(tab, "Race: several walks")
    choose(tab, "Race", "the network and one who")
    fold(tab, "The lanes, one by one")
    expect(tab.get_by_label("Denoiser of lane 2")).to_have_value("exact answer")
    for lane, steps in ((1, 40), (2, 8)):
        number(tab, f"Steps of lane {lane}", steps)
    press(tab, "Race")
    tab.wait_for_selector("#denoise-race .race[data-state=done]")
    lanes = tab.locator("#denoise-race .lane")
    assert lanes.count() == 2
    expect(lanes.nth(0)).to_contain_text("40 evaluations")
    expect(lanes.nth(1)).to_contain_text("8 evaluations")
    cells = [float(x) for x in tab.locator("#denoise-race td").all_inner_texts() if x]
    assert cells[0] == cells[2] > 0.05 and cells[3] < 0.02  # who remembers lands on an image
    end = pixels(tab, "thumbnail lane 1", "#denoise-race")
    tab.get_by_label("Race time").fill("0")
    start = [pixels(tab, f"thumbnail lane {i}", "#denoise-race") for i in (1, 2)]
    assert np.array_equal(*start) and not np.array_equal(start[0], end)  # from the same x_T
    press(tab, "Play the race")
    expect(lanes.nth(0)).to_contain_text("finished", timeout=15_000)
    assert np.array_equal(pixels(tab, "thumbnail lane 1", "#denoise-race"), end)
    number(tab, "Steps of lane 1", 1001)
    press(tab, "Race")
    expect(tab.locator("#denoise-race .error")).to_contain_text("1 to 1000")


def test_a_race_of_spacings_says_which_is_which(tab):
    fold(tab, "Race: several walks")
    choose(tab, "Race", "where the ten looks")
    press(tab, "Race")
    tab.wait_for_selector("#denoise-race .race[data-state=done]")
    for i, name in enumerate((", spacing leading", ", spacing linspace", "", ", spacing karras")):
        lane = tab.locator("#denoise-race .lane b").nth(i)
        expect(lane).to_have_text(f"dpmpp_2m, 10 steps{name}")
    ends = [pixels(tab, f"thumbnail lane {i}", "#denoise-race") for i in (1, 2, 3, 4)]
    assert all((a != b).any() for i, a in enumerate(ends) for b in ends[:i])


def test_on_a_phone_the_races_table_scrolls_under_words_that_can_be_read(tab):
    tab.set_viewport_size({"width": 390, "height": 844})
    fold(tab, "Race: several walks")
    press(tab, "Race")
    tab.wait_for_selector("#denoise-race .race[data-state=done]")
    wide = tab.locator("#denoise-race .wide")
    for share in (0, 1):  # at its left end and at its right
        wide.evaluate("(e, share) => { e.scrollLeft = share * e.scrollWidth; }", share)
        shown, words = wide.bounding_box(), wide.locator("caption span").bounding_box()
        assert words["x"] >= shown["x"] - 1
        assert words["x"] + words["width"] <= shown["x"] + shown["width"] + 1
    assert wide.evaluate("e => e.scrollLeft") > 50


def test_a_race_beside_a_walk_disturbs_neither(tab):
    number(tab, "Steps", 300)
    fold(tab, "Race: several walks")
    before = tab.locator(PLAYER).get_attribute("data-run")
    press(tab, "Denoise")
    # Not for the state "running", which may have passed before it is looked at.
    expect(tab.locator(PLAYER)).not_to_have_attribute("data-run", before)
    press(tab, "Race")
    tab.wait_for_selector("#denoise-race .race[data-state=done]")
    tab.wait_for_selector(f"{PLAYER}[data-state=done]")
    assert tab.locator(PLAYER).get_attribute("data-frames") == "301"


def test_a_refused_run_changes_nothing_of_what_is_shown(tab):
    run(tab)
    end = pixels(tab, "x_t")
    choose(tab, "Model", "two")
    press(tab, "Branch from this step, with the settings as they now are")
    expect(tab.locator(f"{PLAYER} .error")).to_contain_text("its parent's model")
    assert "parent" not in tab.get_by_role("group", name="Views").inner_text()
    assert np.array_equal(pixels(tab, "x_t"), end)
    expect(tab.locator(PLAYER)).to_have_attribute("data-state", "done")


def test_the_row_is_walked_along_by_keyboard(tab):
    tab.get_by_label("two seeds").check()
    run(tab)
    frame = tab.locator(PLAYER).get_attribute("data-frame")
    along = tab.get_by_label("Along the row")
    along.press("ArrowRight")
    along.press("ArrowRight")
    expect(tab.locator(f"{PLAYER} .along .place")).to_have_text("3 of 9")
    assert tab.locator(PLAYER).get_attribute("data-frame") == frame


def test_a_race_can_be_stopped(tab):
    fold(tab, "Race: several walks")
    choose(tab, "Race", "the classic")
    delay(tab, 50)
    press(tab, "Race")
    tab.wait_for_selector("#denoise-race .race[data-state=running]")
    press(tab, "Stop the race")
    tab.wait_for_selector("#denoise-race .race[data-state=stopped]")
    before = tab.locator("#denoise-race .lane").nth(2).inner_text()
    settle(tab, 800)
    assert tab.locator("#denoise-race .lane").nth(2).inner_text() == before


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


def test_switching_tabs_in_the_middle_of_a_walk_loses_nothing(tab, models_folder):
    delay(tab, 50)
    number(tab, "Steps", 200)
    press(tab, "Denoise")
    tab.wait_for_selector(f"{PLAYER}[data-state=running]")
    tab.get_by_role("tab", name="Noise", exact=True).click()
    settle(tab, 700)
    tab.get_by_role("tab", name="Schedules").click()
    settle(tab, 300)
    tab.get_by_role("tab", name="Denoise").click()
    tab.wait_for_selector(f"{PLAYER}[data-state=done]", timeout=60_000)
    assert tab.locator(PLAYER).get_attribute("data-frames") == "201"
    tab.get_by_label("Scrubber").press("End")
    want = sheet(models_folder / "one", num_images=4, num_steps=200, seed=7, label="Bag")
    assert np.abs(pixels(tab, "x_t")[..., :1].astype(int) - want).max() <= 1


CUT_OFF = """() => {
    const all = document.querySelector("#denoise-costs .js-plotly-plot").getBoundingClientRect();
    return [...document.querySelectorAll("#denoise-costs .js-plotly-plot text")].filter((text) => {
        const box = text.getBoundingClientRect();
        return box.width && (box.left < all.left || box.right > all.right);
    }).map((text) => text.textContent);
}"""


def test_every_fold_fits_and_can_be_read(fresh, url):
    page = fresh
    page.goto(url)
    page.wait_for_selector(f"{PLAYER}[data-state=done]")
    page.get_by_label("a picture with a hole").check()
    page.wait_for_selector("#denoise-hole .hole[data-open]")
    for name in (
        "More",
        "Race: several",
        "The lanes",
        "Whose picture",
        "What steps cost",
        "Code, and",
    ):
        fold(page, name)
    page.wait_for_selector("#denoise-costs .js-plotly-plot .main-svg")
    page.get_by_label("Sampler", exact=True).first.click()
    page.get_by_role("option", name="dpmpp_2m_sde").first.click()  # the longest name
    page.wait_for_selector("#denoise-costs .annotation-text:has-text('now: dpmpp_2m_sde')")
    assert page.evaluate(CUT_OFF) == []
    press(page, "Race")
    page.wait_for_selector("#denoise-race .race[data-state=done]", timeout=60_000)
    press(page, "Lead it to its noise and back")
    page.wait_for_selector("#denoise-inversion .gallery[data-state=done]", timeout=60_000)
    assert beyond(page) == []
    for scheme in in_light_and_dark(page):
        assert faults(page) == [], scheme
