"""The views of the Denoise tab's stage in Chromium: choosing them, and what each shows."""

import threading

import numpy as np
import pytest
from conftest import watch_steps
from pagelib import (
    begin_with,
    beyond,
    choose,
    faults,
    in_light_and_dark,
    number,
    pixels,
    press,
    run,
    settle,
    view,
)
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
PLAYER = "#denoise-player .player"
PANELS = {
    "Walk": "#denoise-view-walk",
    "Steps": "#denoise-view-steps",
    "Race": "#denoise-view-race",
    "Exact answer": "#denoise-view-exact",
    "Whose picture?": "#denoise-view-return",
}


@pytest.fixture
def tab(page):
    number(page, "Steps", 10)
    return page


def only(page, name):
    """Wait until this view is the one that is seen and chosen."""
    for other, panel in PANELS.items():
        expect(page.locator(panel)).to_be_visible(visible=other == name)
        chosen = page.locator("#denoise-views").get_by_role("tab", name=other, exact=True)
        expect(chosen).to_have_attribute("aria-selected", str(other == name).lower())


def within(page, *places):
    """Places that are not wholly seen, of a page at its top."""
    page.evaluate("scrollTo(0, 0)")
    height = page.viewport_size["height"]
    boxes = {place: page.locator(place).last.bounding_box() for place in places}
    return [p for p, box in boxes.items() if box["y"] < 0 or box["y"] + box["height"] > height]


def test_a_view_is_chosen_above_the_pictures_and_denoise_leads_back_to_the_walk(tab):
    only(tab, "Walk")
    assert "view=" not in tab.url
    view(tab, "Race")
    only(tab, "Race")
    assert "view=race" in tab.url and "tab=denoise" in tab.url
    tab.keyboard.press("ArrowRight")
    only(tab, "Exact answer")
    tab.keyboard.press("End")
    tab.keyboard.press("ArrowRight")  # round the end
    only(tab, "Walk")
    tab.keyboard.press("ArrowLeft")
    only(tab, "Whose picture?")
    settle(tab, 300)
    for stage in ("#denoise-race .race", "#denoise-steps .race", "#denoise-exact .race"):
        expect(tab.locator(stage)).to_have_attribute("data-state", "empty")  # nothing was computed
    for name in PANELS:
        view(tab, name)
        assert beyond(tab) == [] and faults(tab) == [], name
    view(tab, "Steps")
    tab.reload()
    tab.wait_for_selector(f"{PLAYER}[data-state=done]", state="attached")
    only(tab, "Steps")
    before = tab.locator(PLAYER).get_attribute("data-run")
    press(tab, "Denoise")
    only(tab, "Walk")
    assert "view=" not in tab.url
    expect(tab.locator(PLAYER)).not_to_have_attribute("data-run", before)
    tab.wait_for_selector(f"{PLAYER}[data-state=done]")  # a walk cut off is logged as an error


def test_steps_and_race_and_exact_answer_fit_the_stage(tab):
    number(tab, "Steps", 8)
    view(tab, "Steps")
    press(tab, "Walk at 5, 10, 50 and 250 steps")
    tab.wait_for_selector("#denoise-steps .race[data-state=done]")
    names = tab.locator("#denoise-steps .lane b").all_inner_texts()
    assert names == ["5 steps", "10 steps", "50 steps", "250 steps"]
    ends = [pixels(tab, f"thumbnail lane {i}", "#denoise-steps") for i in (1, 2, 3, 4)]
    assert all((a != b).any() for i, a in enumerate(ends) for b in ends[:i])
    at = "#denoise-view-steps button.primary", "#denoise-steps .lane", "#denoise-steps .clock"
    assert within(tab, *at) == []

    view(tab, "Race")
    choose(tab, "Race", "Spacing")
    press(tab, "Race")
    tab.wait_for_selector("#denoise-race .race[data-state=done]")
    names = tab.locator("#denoise-race .lane b").all_inner_texts()
    assert names == [f"spacing {s}" for s in ("leading", "linspace", "trailing", "karras")]
    places = tab.locator("#denoise-race .place").all_inner_texts()
    assert places == ["finished first, together with 3 others"] * 4  # ten evaluations each
    assert within(tab, "#denoise-view-race button.primary", "#denoise-race .clock") == []
    expect(tab.locator("#denoise-race .note")).to_be_hidden()
    press(tab, "Race")
    expect(tab.locator("#denoise-race .note")).to_contain_text("The same pictures as before")

    view(tab, "Exact answer")
    press(tab, "Walk with both")
    tab.wait_for_selector("#denoise-exact .race[data-state=done]")
    words = tab.locator("#denoise-exact .lane b").all_inner_texts()
    nearest = "nearest of 200 training images"
    assert words == ["network", nearest, "exact answer", nearest]
    end = pixels(tab, "thumbnail lane 2", "#denoise-exact").astype(int)
    image = pixels(tab, "thumbnail nearest training images of exact", "#denoise-exact")
    assert np.abs(end - image).max() <= 2 and image.std() > 30
    network = pixels(tab, "thumbnail nearest training images of network", "#denoise-exact")
    assert (
        np.abs(pixels(tab, "thumbnail lane 1", "#denoise-exact").astype(int) - network).max() > 20
    )
    assert within(tab, "#denoise-view-exact button.primary", "#denoise-exact .clock") == []
    tab.get_by_label("Show it beside the network in the view Walk").check()
    run(tab)
    expect(tab.locator(f"{PLAYER} .status")).to_contain_text(f"from the {nearest}")
    last = pixels(tab, "exact answer")
    tab.get_by_label("Scrubber").press("Home")
    blur = pixels(tab, "exact answer")
    assert not np.array_equal(last, blur) and not np.array_equal(blur, pixels(tab, "x0_hat"))


def test_a_race_is_run_on_one_clock_stopped_and_run_again(tab, monkeypatch):
    view(tab, "Race")
    choose(tab, "Race", "The network and")
    tab.get_by_role("button", name="The lanes, one by one").click()
    expect(tab.get_by_label("Denoiser of lane 2")).to_have_value("exact answer")
    for lane, steps in ((1, 40), (2, 8)):
        number(tab, f"Steps of lane {lane}", steps)
    press(tab, "Race")
    tab.wait_for_selector("#denoise-race .race[data-state=done]")
    lanes = tab.locator("#denoise-race .lane")
    assert lanes.count() == 2
    expect(lanes.nth(0)).to_contain_text("network, 40 steps")
    expect(lanes.nth(1)).to_contain_text("8 evaluations")
    cells = [float(x) for x in tab.locator("#denoise-race td").all_inner_texts() if x]
    assert cells[0] == cells[2] > 0.05 and cells[3] < 0.02  # who remembers lands on an image
    end = pixels(tab, "thumbnail lane 1", "#denoise-race")
    tab.get_by_label("Time of computing").last.fill("0")
    start = [pixels(tab, f"thumbnail lane {i}", "#denoise-race") for i in (1, 2)]
    assert np.array_equal(*start) and not np.array_equal(start[0], end)  # from the same x_T
    press(tab, "Play the lanes")
    expect(lanes.nth(0)).to_contain_text("finished", timeout=180_000)
    assert np.array_equal(pixels(tab, "thumbnail lane 1", "#denoise-race"), end)
    number(tab, "Steps of lane 1", 1001)
    press(tab, "Race")
    expect(tab.locator("#denoise-race .error")).to_contain_text("1 to 1000")
    # A race beside a walk disturbs neither; stopped, it stays as it is.
    # Their steps are as slow as a larger model's: neither is done before it is stopped, and the
    # messages of both leave a page on a busy machine the time for a press.
    stopped = threading.Event()
    watch_steps(monkeypatch, lambda _: stopped.wait(0.5))
    choose(tab, "Race", "Ancestral")
    number(tab, "Steps", 300)
    press(tab, "Denoise")
    view(tab, "Race")
    press(tab, "Race")
    tab.wait_for_selector("#denoise-race .race[data-state=running]")
    press(tab, "Stop the race")
    tab.wait_for_selector("#denoise-race .race[data-state=stopped]")
    stopped.set()
    before = lanes.nth(2).inner_text()
    tab.wait_for_selector(f"{PLAYER}[data-state=done]", state="attached")
    assert tab.locator(PLAYER).get_attribute("data-frames") == "301"
    assert lanes.nth(2).inner_text() == before


def test_what_the_player_shows_is_begun_with_and_comes_back(tab):
    run(tab)
    tab.get_by_label("Image", exact=True).select_option("2")
    shown = pixels(tab, "x0_hat")
    press(tab, "Begin with this picture")
    expect(tab.locator(".prose.begins")).to_contain_text("noised to its t = 600")
    run(tab)
    expect(tab.locator(PLAYER)).to_have_attribute("data-shown", "x_t x0_hat first x0")
    true = pixels(tab, "x0, the")
    assert np.abs(true.astype(int) - shown).max() <= 1 and true.std() > 20
    view(tab, "Whose picture?")
    press(tab, "Noise it and walk back")
    tab.wait_for_selector("#denoise-return .gallery[data-state=done]")
    expect(tab.locator("#denoise-return .words")).to_contain_text("after one evaluation")
    back = pixels(tab, "thumbnail the whole walk t = 0", "#denoise-return")
    assert np.abs(back.astype(int) - true).max() < 40  # hardly any noise: the picture itself
    far = pixels(tab, "thumbnail the whole walk t = 999", "#denoise-return")
    assert not np.array_equal(far, back)
    tab.wait_for_selector("#denoise-return-plot .js-plotly-plot .main-svg")
    assert within(tab, "#denoise-view-return button.primary", "#denoise-return .words") == []
    press(tab, "Invert to noise and reconstruct")
    tab.wait_for_selector("#denoise-inversion .gallery[data-state=done]")
    expect(tab.locator("#denoise-return")).to_be_hidden()
    words = tab.locator("#denoise-inversion .words").inner_text()
    assert "The picture comes back with an error of" in words and "10 evaluations up" in words
    assert within(tab, "#denoise-inversion .words") == []


def test_a_hole_is_painted_on_the_stage_and_filled(tab):
    hole = tab.locator("#denoise-hole .hole")
    tabs = tab.locator("#denoise-views")
    expect(tabs.get_by_role("tab", name="Hole")).to_be_hidden()
    begin_with(tab, "a picture with a hole")
    expect(tabs.get_by_role("tab", name="Hole")).to_have_attribute("aria-selected", "true")
    tab.wait_for_selector("#denoise-hole .hole[data-open]")
    assert "view=hole" in tab.url
    press(tab, "Denoise")
    only(tab, "Walk")
    expect(tab.locator(f"{PLAYER} .error")).to_contain_text("Paint over")
    view(tab, "Hole")
    box = hole.locator("canvas").bounding_box()
    assert box["width"] > 400 and within(tab, "#denoise-hole canvas") == []
    tab.mouse.move(box["x"] + 100, box["y"] + 200)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    tab.mouse.up()
    assert 10 < int(hole.get_attribute("data-open")) < 120
    press(tab, "the left half")
    expect(hole).to_have_attribute("data-open", str(28 * 14))
    assert faults(tab) == []
    settle(tab, 300)
    run(tab)
    only(tab, "Walk")
    true, end = pixels(tab, "x0, the"), pixels(tab, "x_t")
    for top in (0, 30):
        for left in (0, 30):
            tile = end[top : top + 28, left : left + 28]
            assert np.array_equal(tile[:, 14:], true[:, 14:])
            assert np.abs(tile[:, :14].astype(int) - true[:, :14]).mean() > 5
    begin_with(tab, "noise")
    expect(tabs.get_by_role("tab", name="Hole")).to_be_hidden()


def test_on_a_phone_the_views_fit_and_the_table_scrolls_under_its_words(tab):
    tab.set_viewport_size({"width": 390, "height": 844})
    view(tab, "Race")
    press(tab, "Race")
    tab.wait_for_selector("#denoise-race .race[data-state=done]")
    wide = tab.locator("#denoise-race .wide")
    for share in (0, 1):  # at its left end and at its right
        wide.evaluate("(e, share) => { e.scrollLeft = share * e.scrollWidth; }", share)
        shown, words = wide.bounding_box(), wide.locator("caption span").bounding_box()
        assert words["x"] >= shown["x"] - 1
        assert words["x"] + words["width"] <= shown["x"] + shown["width"] + 1
    assert wide.evaluate("e => e.scrollLeft") > 50
    for name in PANELS:
        view(tab, name)
        assert beyond(tab) == [], name
    view(tab, "Race")
    for scheme in in_light_and_dark(tab):
        assert faults(tab) == [], scheme
