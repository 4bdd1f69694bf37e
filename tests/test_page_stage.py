"""The Denoise tab as a stage in Chromium: what is in view, and what its controls do at once."""

import re

import pytest
from pagelib import beyond, choose, faults, in_light_and_dark, number, press, run, settle
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

# A usual walk: its pictures, curve and play row, and its controls.
SEEN = (
    "#denoise-player .view.x_t canvas",
    "#denoise-player .view.x0_hat canvas",
    "#denoise-player .track",
    "#denoise-player .buttons",
    "#denoise-run",
    "#denoise-die",
    "#denoise-stop",
    "[aria-label='Model']",
    "[aria-label='Class']",
    "[aria-label='number input for Steps']",
    "[aria-label='number input for Guidance']",
    "[aria-label='Seed']",
    "[aria-label='Sampler']",
    "input[type=radio][value='16']",
    "#denoise-begin button",
)
OUT_OF_VIEW = """selectors => selectors.filter((s) => {
  const box = document.querySelector(s).getBoundingClientRect();
  return !box.height || box.top < 0 || box.bottom > innerHeight || box.right > innerWidth;
})"""
BOX = "s => document.querySelector(s).getBoundingClientRect().toJSON()"


def test_a_usual_walk_is_seen_without_scrolling(open_page, url):
    page = open_page()
    page.goto(url)
    page.wait_for_selector("#denoise-player .player[data-state=done]")
    for width, height in ((1280, 900), (1366, 768), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(f"s => ({OUT_OF_VIEW})(s).length === 0", arg=list(SEEN))
        assert beyond(page) == []
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_function(  # and the pictures are as large as the window lets them be
        "() => document.querySelector('#denoise-player canvas').offsetWidth > 280"
    )
    # The stage stays where it is while the controls scroll to their end.
    page.locator(".controls").get_by_text("More", exact=True).click()
    page.get_by_label("Clipping").scroll_into_view_if_needed()
    expect(page.get_by_label("Clipping")).to_be_in_viewport()
    assert page.evaluate(OUT_OF_VIEW, ["#denoise-player .track", "#denoise-player .buttons"]) == []
    for scheme in in_light_and_dark(page):
        assert faults(page) == [], scheme


def test_the_die_draws_a_seed_shows_it_and_runs(page):
    run_button, die, stop = (
        page.evaluate(BOX, f"#denoise-{name}") for name in ("run", "die", "stop")
    )
    assert run_button["top"] == die["top"] == stop["top"]
    assert run_button["right"] < die["left"] < die["right"] < stop["left"]
    number(page, "Steps", 3)
    seen = {"7"}
    for _ in range(2):
        before = page.locator("#denoise-player .player").get_attribute("data-run")
        press(page, "New seed and run")
        page.wait_for_function(
            """before => { const p = document.querySelector("#denoise-player .player");
            return p.dataset.run !== before && p.dataset.state === "done"; }""",
            arg=before,
        )
        seed = page.get_by_label("Seed", exact=True).input_value()
        assert re.fullmatch(r"\d+", seed) and seed not in seen
        expect(page.locator("#denoise-player .caption")).to_contain_text(f"seed {seed} to")
        seen.add(seed)
    box = page.get_by_label("Seed", exact=True)
    box.fill("4294967295")  # ten digits are seen
    assert box.evaluate("e => e.scrollWidth <= e.clientWidth")


def test_what_follows_from_a_choice_is_said(page):
    choose(page, "Model", "two")
    expect(page.locator("#denoise-model")).to_contain_text("million parameters")
    assert page.evaluate(BOX, "#denoise-run")["bottom"] < 450  # it does not go below the fold
    choose(page, "Sampler", "ddpm")
    press(page, "Set 250 steps")
    expect(page.get_by_label("number input for Steps")).to_have_value("250")
    expect(page.get_by_role("button", name="Set 250 steps")).to_have_count(0)
    page.locator("#denoise-begin button.label-wrap").click()
    choose(page, "Sampler", "heun")
    page.get_by_label("a picture with a hole").check()
    expect(page.get_by_label("Sampler", exact=True).first).to_have_value(re.compile("^ddim"))
    expect(page.locator("#denoise-sampler-words")).to_contain_text("A hole takes ddim or ddpm")
    page.get_by_label("two seeds").check()
    expect(page.get_by_role("radio", name="16", exact=True)).to_be_disabled()
    page.get_by_label("noise", exact=True).check()
    expect(page.get_by_role("radio", name="16", exact=True)).to_be_enabled()
    number(page, "Steps", 3)
    run(page)


def test_an_open_list_stays_beside_its_menu_while_the_page_grows(page):
    menu = page.get_by_label("Model", exact=True)
    menu.click()
    page.get_by_role("option").first.wait_for()
    settle(page, 400)  # it slides open
    apart = """() => {
      const [list, menu] = ["[data-testid=dropdown-option]", "[aria-label='Model']"].map(
        (each) => document.querySelector(each).getBoundingClientRect().top);
      return list - menu;
    }"""
    before = page.evaluate(apart)
    page.evaluate(
        """() => {
          const more = Object.assign(document.createElement("div"), { style: "height: 180px" });
          document.querySelector("main").prepend(more);
        }"""
    )
    page.wait_for_function(
        f"before => Math.abs(({apart})() - before) < 2", arg=before, timeout=20_000
    )
    page.get_by_role("option").first.click()
