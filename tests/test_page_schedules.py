"""The Schedules tab in Chromium."""

import json
import re

import numpy as np
import pytest
from pagelib import beyond, choose, delay, faults, in_light_and_dark, pixels, press, quiet, settle
from PIL import Image
from playwright.sync_api import expect

from diffusion_core.data import read_picture, to_uint8
from diffusion_core.process import q_sample
from diffusion_core.schedule import make_schedule
from tabs.noise import compute
from tabs.noise import layout as noise
from tabs.noise.form import NoiseForm

pytestmark = pytest.mark.browser
STAGE = "#schedule-stage"
READY = f"{STAGE} .compare[data-t]"


@pytest.fixture
def tab(page):
    page.get_by_role("tab", name="Schedules").click()
    page.wait_for_selector(READY)
    page.wait_for_selector("#schedule-plot .js-plotly-plot .main-svg")
    return page


def changed(page, act):
    before = page.locator(f"{STAGE} .compare").get_attribute("data-id")
    act()
    page.wait_for_function(
        "old => document.querySelector('#schedule-stage .compare').dataset.id !== old", arg=before
    )


def test_pictures_stand_under_every_schedule_and_the_cursor_asks_nobody(tab, tmp_path):
    x0, eps, _ = compute.parts(
        NoiseForm(read_picture(noise.PICTURES / "ankle-boot.png"), 64, "centre", 0, "linear")
    )
    slider = tab.locator(f'{STAGE} input[aria-label="Timestep"]')
    for t in (0, 400, 999):
        slider.fill(str(t))
        tab.wait_for_selector(f"{STAGE} .compare[data-t='{t}']")
        for name in ("linear", "cosine", "sigmoid"):
            want = to_uint8(q_sample(x0, t, eps, make_schedule(name)))[0]
            got = pixels(tab, f"x_t, {name}", STAGE)
            assert np.abs(got.astype(int) - want).max() <= 1
    row = tab.locator(f"{STAGE} tbody tr").first.locator("td")
    assert float(row.nth(0).inner_text()) == pytest.approx(0.02)
    pointing_at_the_plot_moves_the_cursor_and_asks_nobody(tab)
    # The table comes as a file.
    press(tab, "Make CSV")
    link = tab.locator("a[download]", has_text="").filter(has=tab.locator("xpath=.")).first
    link.wait_for()
    with tab.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "schedules.csv"
    # The Noise tab's picture stands here too.
    Image.new("RGB", (30, 30), (0, 0, 255)).save(tmp_path / "blue.png")
    tab.get_by_role("tab", name="Noise", exact=True).click()
    tab.wait_for_selector("#noise-stage .noise[data-t]")
    tab.get_by_label("Clear").or_(tab.get_by_label("Remove Image")).first.click()
    tab.locator("[data-testid=file-upload]").first.set_input_files(tmp_path / "blue.png")
    tab.wait_for_function(
        """() => document.querySelector("#noise-stage .view.x0 canvas")
            .getContext("2d").getImageData(0, 0, 1, 1).data[2] === 255"""
    )
    changed(tab, lambda: tab.get_by_role("tab", name="Schedules").click())
    slider.fill("0")
    tab.wait_for_selector(f"{STAGE} .compare[data-t='0']")
    assert pixels(tab, "x_t, cosine", STAGE)[..., 2].mean() > 240
    assert pixels(tab, "x_t, cosine", STAGE)[..., 0].mean() < 30


def pointing_at_the_plot_moves_the_cursor_and_asks_nobody(tab):
    quiet(tab)
    requests = []

    def note(request):
        requests.append(f"{request.method} {request.resource_type} {request.url}")

    tab.on("request", note)
    box = tab.locator("#schedule-plot .nsewdrag").first.bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2)
    tab.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)
    tab.wait_for_function(
        """() => Math.abs(Number(
            document.querySelector("#schedule-stage .compare").dataset.t) - 800) < 15"""
    )
    cursor = tab.locator(".plot-cursor").bounding_box()
    assert abs(cursor["x"] - (box["x"] + box["width"] * 0.8)) < 15
    # A drag zooms into nothing: the axes are as they were, and there is no toolbar.
    ranges = """() => {
      const { xaxis, yaxis } = document.querySelector("#schedule-plot .js-plotly-plot")._fullLayout;
      return [...xaxis.range, ...yaxis.range];
    }"""
    before = tab.evaluate(ranges)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.2, steps=4)
    tab.mouse.up()
    assert tab.evaluate(ranges) == before == [0, 999, *before[2:]]
    assert tab.locator("#schedule-plot .modebar-btn").count() == 0
    touch = """e => getComputedStyle(e).touchAction"""
    assert tab.locator("#schedule-plot .nsewdrag").first.evaluate(touch) == "pan-y"
    assert requests == []
    tab.remove_listener("request", note)
    # Its parts refer to each other in this page, also where the address is not that of the drawing.
    clips = tab.locator("#schedule-plot [clip-path]").evaluate_all(
        "parts => parts.map((e) => e.getAttribute('clip-path'))"
    )
    assert clips and all(re.match(r"url\(['\"]?#", clip) for clip in clips), clips


def test_a_choice_changes_plot_table_words_and_address_and_a_link_reopens_it(tab, open_page):
    changed(tab, lambda: tab.get_by_label("drawn", exact=True).check())
    changed(tab, lambda: tab.get_by_label("linear", exact=True).uncheck())
    expect(tab.locator(f"{STAGE} tbody th")).to_have_text(["cosine", "sigmoid", "drawn"])
    names = tab.locator("#schedule-plot .annotation-text")
    expect(names.filter(has_text="cosine")).to_have_count(1)  # at the end of its curve
    expect(names.filter(has_text="linear")).to_have_count(0)
    changed(tab, lambda: tab.get_by_label("Zero terminal SNR: end in pure noise").check())
    expect(tab.locator(".prose.meaning")).to_contain_text("ends in pure noise")
    tab.wait_for_function("() => location.search.includes('zero=true')")
    slider = tab.locator(f'{STAGE} input[aria-label="Timestep"]')
    slider.fill("123")
    tab.wait_for_function("() => location.search.includes('t=123')")
    tab.get_by_label("number input for T", exact=True).fill("500")
    tab.wait_for_function("() => location.search.includes('T=500')")
    tab.locator(f"{STAGE} .end").filter(has_text="499").wait_for()
    slider.fill("123")
    tab.wait_for_function("() => location.search.includes('t=123')")
    link = tab.evaluate("location.href")
    other = open_page()
    delay(other, 150)  # a slow line
    other.goto(f"{link}&p4=-12&what=log-SNR, natural")
    other.wait_for_selector(f"{STAGE} .compare[data-t='123']")
    expect(other.locator(f"{STAGE} tbody th")).to_have_text(["cosine", "sigmoid", "drawn"])
    zero = other.get_by_label("Zero terminal SNR: end in pure noise")
    expect(zero).to_be_checked()
    expect(other.locator(f"{STAGE} .now")).to_have_text("123")
    expect(other.locator(f"{STAGE} .end")).to_have_text("499")
    other.wait_for_selector("#schedule-plot .js-plotly-plot .main-svg")
    other.wait_for_selector(".plot-cursor", state="attached")
    changed(other, zero.uncheck)
    other.locator(f'{STAGE} input[aria-label="Timestep"]').fill("499")
    row = other.locator(f"{STAGE} tbody tr").filter(has_text="drawn").locator("td")
    expect(row.nth(4)).to_have_text("−12.00")
    a_number_typed_slowly_ends_on_the_right_value(other)


def a_number_typed_slowly_ends_on_the_right_value(slow):
    field = slow.get_by_label("number input for T", exact=True)
    field.fill("")
    field.press_sequentially("1234", delay=120)
    field.press("Tab")
    expect(slow.locator(f"{STAGE} .end")).to_have_text("1233")
    expect(field).to_have_value("1234")
    settle(slow, 600)
    expect(field).to_have_value("1234")


def a_drag_of_a_parameter_ends_on_the_right_value(tab):
    tab.get_by_role("button", name="Parameters").click()
    slider = (
        tab.get_by_role("slider", name="range slider for beta_end")
        .or_(tab.locator("input[type=range][aria-label*='beta_end']"))
        .first
    )
    for value in np.linspace(0.021, 0.05, 12):
        slider.fill(f"{value:.3f}")
    slider.fill("0.051")
    tab.locator(f'{STAGE} input[aria-label="Timestep"]').fill("999")
    first = tab.locator(f"{STAGE} tbody tr").first.locator("td").first
    expect(first).to_have_text("0.05100")


def drawn_points(page):
    return json.loads(page.locator("#draw-stage .draw").get_attribute("data-points"))


def test_a_parameter_is_dragged_and_a_schedule_drawn_which_is_kept_monotone(tab):
    a_drag_of_a_parameter_ends_on_the_right_value(tab)
    changed(tab, lambda: tab.get_by_role("button", name="Draw your own").click())
    expect(tab.get_by_label("drawn", exact=True)).to_be_checked()  # who opens it wants to see it
    handles = tab.locator("#draw-stage .handle")
    plot = tab.locator("#schedule-plot .nsewdrag").first

    def centre(i):
        box = handles.nth(i).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    tab.wait_for_function("() => document.querySelectorAll('#draw-stage .handle[cx]').length === 5")
    area = plot.bounding_box()
    for i, share in enumerate((0, 0.25, 0.5, 0.75, 1)):  # they lie on the plot, at even times
        assert centre(i)[0] == pytest.approx(area["x"] + share * area["width"], abs=3)
    assert centre(2)[1] == pytest.approx(area["y"] + area["height"] / 2, abs=3)  # ᾱ = 0.5

    def drag():
        x, y = centre(2)
        tab.mouse.move(x, y)
        tab.mouse.down()
        tab.mouse.move(x, area["y"] - 40, steps=8)  # far above the point before it
        tab.mouse.up()

    changed(tab, drag)
    assert drawn_points(tab) == [9, 3, 3, -3, -9]
    expect(tab.get_by_label("number input for log-SNR at 2/4")).to_have_value("3")
    tab.wait_for_function("() => location.search.includes('p2=3')")
    # the last point, by keyboard
    changed(tab, lambda: handles.nth(4).press("PageDown"))
    assert drawn_points(tab)[-1] == -12
    tab.locator(f'{STAGE} input[aria-label="Timestep"]').fill("999")
    row = tab.locator(f"{STAGE} tbody tr").filter(has_text="drawn").locator("td")
    expect(row.nth(4)).to_have_text("−12.00")
    # and in numbers, which move the drawing; one that rises is said to be taken down
    field = tab.get_by_label("number input for log-SNR at 4/4")
    field.fill("-10")
    field.press("Tab")
    tab.wait_for_function(
        "() => document.querySelector('#draw-stage .draw').dataset.points.endsWith('-10]')"
    )
    field.fill("-1")
    field.press("Tab")
    told = tab.locator(".told p.error")
    expect(told).to_contain_text("log-SNR at 4/4 is −1, above the point before it")
    tab.wait_for_function(
        "() => document.querySelector('#draw-stage .draw').dataset.points.endsWith('-3]')"
    )
    # A number that is emptied is told beside it, and nothing in a message elsewhere.
    tab.get_by_label("number input for T", exact=True).fill("")
    expect(tab.locator(".told p.error").first).to_contain_text("T is empty")
    assert tab.locator(".toast-body").count() == 0
    # On the plot of β there is no place for the points.
    changed(tab, lambda: choose(tab, "Plot", "β"))
    expect(tab.get_by_label("log axis")).to_be_checked()
    tab.wait_for_selector("#draw-stage .draw", state="hidden")


def test_it_fits_and_can_be_read(tab):
    for fold in ("Parameters", "Draw your own", "Code", "Why?"):
        tab.get_by_role("button", name=fold).first.click()
    for width in (1280, 390):
        tab.set_viewport_size({"width": width, "height": 844})
        settle(tab, 500)
        assert beyond(tab) == []
        for scheme in in_light_and_dark(tab):
            assert faults(tab) == [], scheme
