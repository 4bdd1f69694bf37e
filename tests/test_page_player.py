"""The player in Chromium: a walk live and again, keys, what is kept, what is heard."""

import re

import numpy as np
import pytest
from pagelib import WATCH, number, pixels, press, run
from playwright.sync_api import expect

from tabs.shared.components import served

pytestmark = pytest.mark.browser
PLAYER = "#denoise-player .player"

# Controls by their markup, with the keys that each uses itself: _ is space, < an arrow key.
CONTROLS = {
    '<input type="text">': "_<",
    '<input type="number">': "_<",
    '<input type="range">': "<",
    '<input type="checkbox">': "_",
    '<input type="radio">': "_<",
    '<input role="listbox">': "_<",
    "<textarea></textarea>": "_<",
    "<select></select>": "_<",
    "<button>Denoise</button>": "_",
    '<button role="tab">Noise</button>': "_<",
    "<details><summary>More</summary></details>": "_",
    '<div contenteditable="true"></div>': "_<",
    '<div role="slider" tabindex="0"></div>': "_<",
    '<canvas tabindex="0"></canvas>': "",
    '<a href="#">source</a>': "",
    "<dialog><button>Close</button></dialog>": "_<",
}
USED = """async ([module, controls]) => {
  const { usesKey } = await import(new URL(module, document.baseURI).href);
  return controls.map((markup) => {
    const place = document.createElement("div");
    place.innerHTML = markup;
    const control = place.querySelector("summary, dialog button") ?? place.firstElementChild;
    return (usesKey(control, " ") ? "_" : "") + (usesKey(control, "ArrowLeft") ? "<" : "");
  });
}"""
HEARD = """() => {
  const place = document.querySelector("#denoise-player .heard");
  window.heard = [];
  new MutationObserver(() => window.heard.push(place.textContent))
    .observe(place, { childList: true });
}"""
# When a replay begins and when it ends, as the page itself has it.
REPLAYED = """() => {
  const player = document.querySelector("#denoise-player .player");
  window.replay = [];
  new MutationObserver(() => window.replay.push(performance.now()))
    .observe(player, { attributes: true, attributeFilter: ["data-replay"] });
}"""


def frame(page) -> int:
    return int(page.locator(PLAYER).get_attribute("data-frame"))


def test_a_finished_walk_is_shown_again_until_something_is_pressed(page):
    page.emulate_media(reduced_motion="no-preference")
    player, film = page.locator(PLAYER), page.locator(f"{PLAYER} .film")
    number(page, "Steps", 10)
    page.get_by_label("Speed").select_option("in 2 s")
    opened = pixels(page, "x_t")
    page.evaluate(WATCH)
    page.evaluate(HEARD)
    page.evaluate(REPLAYED)
    run(page)
    page.wait_for_selector(f"{PLAYER}[data-replay]")
    expect(film).to_have_text(re.compile(r"^replay of the walk computed in [\d.]+ m?s$"))
    page.wait_for_selector(f"{PLAYER}:not([data-replay])")
    assert 1200 < page.evaluate("window.replay.at(-1) - window.replay[0]") < 6000  # of two seconds
    run_id = player.get_attribute("data-run")
    assert page.evaluate("window.seen.slice(-11)") == [f"{run_id}:{i}" for i in range(11)]
    expect(player).to_have_attribute("data-state", "done")
    expect(film).to_have_text("")
    end = pixels(page, "x_t")
    assert not np.array_equal(end, opened)
    assert page.evaluate("window.heard[0]") == "The walk begins."
    assert page.evaluate("window.heard.at(-1)").startswith("The walk is finished: 10 steps, ")
    # Again: the same film, which is said; a key that moves nothing shows its end.
    expect(page.locator(f"{PLAYER} .note")).to_be_hidden()
    press(page, "Denoise")
    page.wait_for_selector(f"{PLAYER}[data-replay]")
    expect(page.locator(f"{PLAYER} .note")).to_contain_text("the same walk. Press the die")
    page.keyboard.press("Escape")
    assert frame(page) == 10 and player.get_attribute("data-replay") is None
    assert np.array_equal(pixels(page, "x_t"), end)  # nothing was drawn since
    number(page, "Seed", 8)
    press(page, "Denoise")
    page.wait_for_selector(f"{PLAYER}[data-replay]")
    expect(page.locator(f"{PLAYER} .note")).to_be_hidden()
    # Pause stops it where it stands, as a step does; a press elsewhere shows the end.
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert player.get_attribute("data-replay") is None and frame(page) < 10
    press(page, "Denoise")
    page.wait_for_selector(f"{PLAYER}[data-replay]")
    page.locator(f"{PLAYER} .status").click()
    assert frame(page) == 10


def test_keys_act_on_the_whole_tab_and_what_is_kept_can_be_taken_away(page):
    number(page, "Steps", 10)
    run(page)
    assert page.locator(PLAYER).get_attribute("data-replay") is None  # little motion is wanted
    page.keyboard.press("ArrowLeft")
    assert frame(page) == 9
    page.get_by_role("button", name="Denoise", exact=True).focus()
    page.keyboard.press("Home")
    assert frame(page) == 0
    page.keyboard.press("ArrowRight")
    assert frame(page) == 1
    page.get_by_label("Seed", exact=True).first.press("End")
    assert frame(page) == 1  # the field's own
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('#denoise-player .player').dataset.frame > 1")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.keyboard.press("End")
    assert frame(page) == 10
    module = f"gradio_api/file={(served() / 'lib' / 'keys.js').as_posix()}"
    used = page.evaluate(USED, [module, list(CONTROLS)])
    assert dict(zip(CONTROLS, used, strict=True)) == CONTROLS
    # The image that is shown large stays with the same pictures, and goes with others.
    image = page.get_by_label("Image", exact=True)
    image.select_option("2")
    number(page, "Steps", 5)
    run(page)
    expect(image).to_have_value("1")
    assert pixels(page, "x_t").shape == (28, 28, 3)
    number(page, "Seed", 30)
    run(page)
    expect(image).to_have_value("-1")
    assert pixels(page, "x_t").shape == (58, 58, 3)
    # The charts' axes.
    numbers = page.locator(f"{PLAYER} .histogram .scale text").all_text_contents()
    assert numbers[:7] == ["−3", "−2", "−1", "0", "1", "2", "3"] and numbers[-1].endswith("%")
    assert page.locator(f"{PLAYER} .norm .scale text").all_text_contents()[:3] == ["0", "3", "5"]
    # Where the clipboard is refused, as in a frame of another site, the link is there to copy.
    page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('refused')); }"
    )
    press(page, "Link")
    link = page.get_by_label("Link to this walk")
    assert "run=" in link.input_value() and link.get_attribute("readonly") is not None
    chosen = link.evaluate("e => [document.activeElement === e, e.selectionStart, e.selectionEnd]")
    assert chosen == [True, 0, len(link.input_value())]
    press(page, "QR code")
    expect(page.locator(f"{PLAYER} .kept")).to_contain_text("There is no QR code, because a phone")
    # In another tab nothing is heard.
    page.get_by_role("tab", name="Noise", exact=True).click()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Home")
    page.get_by_role("tab", name="Denoise", exact=True).click()
    assert frame(page) == 5
