"""The Noise tab in Chromium."""

import numpy as np
import pytest
from pagelib import (
    beyond,
    delay,
    faults,
    in_light_and_dark,
    number,
    pixels,
    press,
    quiet,
    run,
    settle,
)
from PIL import Image
from playwright.sync_api import expect

from diffusion_core.data import read_picture, to_uint8
from diffusion_core.process import q_sample
from tabs.noise import compute
from tabs.noise import layout as noise
from tabs.noise.form import NoiseForm

pytestmark = pytest.mark.browser
STAGE = "#noise-stage"
# The page opens with a model of Fashion-MNIST.
OPENING = NoiseForm(read_picture(noise.PICTURES / "ankle-boot.png"), 28)
# One move of the slider; answers after the next animation frame with what is drawn then.
MOVE = """(t) => new Promise((done) => {
  const slider = document.querySelector('#noise-stage input[aria-label="Timestep"]');
  slider.value = t;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  requestAnimationFrame(() => setTimeout(
    () => done(document.querySelector("#noise-stage .noise").dataset.t), 0));
})"""


@pytest.fixture
def tab(page):
    page.get_by_role("tab", name="Noise", exact=True).click()
    page.wait_for_selector(f"{STAGE} .noise[data-t]")
    return page


def change(page, act):
    """Do something that brings new data, and wait for it."""
    before = page.locator(f"{STAGE} .noise").get_attribute("data-id")
    act()
    page.wait_for_function(
        "old => document.querySelector('#noise-stage .noise').dataset.id !== old", arg=before
    )


def test_the_slider_draws_q_sample_in_one_frame_and_asks_nobody(tab):
    in_view(tab)
    delay(tab, 150)
    x0, eps, schedule = compute.parts(OPENING)
    quiet(tab)
    requests = []
    tab.on("request", lambda r: requests.append(r.url))
    for t in (0, 1, 137, 500, 999):
        assert tab.evaluate(MOVE, t) == str(t)
        want = to_uint8(q_sample(x0, t, eps, schedule))[0]
        got = pixels(tab, "x_t", STAGE)
        assert np.abs(got.astype(int) - want).max() <= 1
    assert (pixels(tab, "x0", STAGE) == to_uint8(x0)[0]).all()  # grey
    assert np.abs(pixels(tab, "eps", STAGE).astype(int) - to_uint8(eps)[0]).max() <= 1
    expect(tab.locator(f"{STAGE} .moments")).to_contain_text(
        f"standard deviation {float(eps.std(correction=0)):.2f}"
    )
    now = tab.locator(f"{STAGE} .now")
    tab.get_by_label("Timestep").press("ArrowLeft")
    expect(now).to_have_text("998")
    # The numbers under the picture are this timestep's.
    ab = float(schedule.alpha_bar(300))
    tab.evaluate(MOVE, 300)
    expect(tab.locator(f"{STAGE} .a")).to_have_text(f"{ab**0.5:.2f}")
    expect(tab.locator(f"{STAGE} .b")).to_have_text(f"{(1 - ab) ** 0.5:.2f}")
    decibel = 10 * np.log10(ab / (1 - ab))
    expect(tab.locator(f"{STAGE} .snr")).to_contain_text(f"{decibel:.1f} dB".replace("-", "−"))
    # The film strip goes where it says, and play arrives at noise.
    thumbnails = tab.locator(f"{STAGE} .strip button")
    assert thumbnails.count() == 8
    thumbnails.nth(3).click()
    expect(now).to_have_text("428")
    assert np.array_equal(pixels(tab, "x_t", STAGE), pixels(tab, "thumbnail t = 428", STAGE))
    tab.evaluate(MOVE, 900)
    tab.keyboard.press("Space")  # on a thumbnail, its own
    expect(now).to_have_text("428")
    tab.evaluate(MOVE, 900)
    tab.locator(f"{STAGE} .play").click()
    expect(now).to_have_text("999")
    assert requests == []


def in_view(tab):
    """All of the stage: the formula under the curve, and play beside the timestep."""
    box = {
        part: tab.locator(f"{STAGE} {part}").first.bounding_box()
        for part in (".view.x_t canvas", ".play", ".time", ".rail", ".equation", ".strip")
    }
    assert all(b["y"] > 0 and b["y"] + b["height"] <= 900 for b in box.values()), box
    play, time = box[".play"], box[".time"]
    assert abs(play["y"] + play["height"] / 2 - time["y"] - time["height"] / 2) < 12
    assert 0 <= box[".equation"]["y"] - box[".rail"]["y"] - box[".rail"]["height"] < 40
    assert box[".view.x_t canvas"]["width"] >= 280


def test_keys_act_on_the_whole_tab_but_not_where_one_types(tab):
    now = tab.locator(f"{STAGE} .now")
    tab.locator(".lead p").first.click()
    for key, t in (("Home", 0), ("ArrowRight", 1), ("End", 999), ("ArrowLeft", 998)):
        tab.keyboard.press(key)
        expect(now).to_have_text(str(t))
    seed = tab.get_by_label("Seed", exact=True).first
    seed.click()
    tab.keyboard.press("Home")
    expect(now).to_have_text("998")
    # Emptied, it says what is wrong beside it, and the stage stays.
    seed.fill("")
    told = tab.locator(".told p.error").first
    expect(told).to_contain_text("whole number")
    below = told.bounding_box()["y"] - seed.bounding_box()["y"]
    assert 0 < below < 120 and tab.locator(".toast-body").count() == 0
    seed.fill("0")
    expect(tab.locator(".told p.error")).to_have_count(0)
    tab.locator(".lead p").first.click()
    tab.keyboard.press("Home")
    tab.keyboard.press("Space")
    expect(tab.locator(f"{STAGE} .play")).to_have_attribute("aria-label", "Pause")
    tab.keyboard.press("Space")
    expect(tab.locator(f"{STAGE} .play")).to_have_attribute("aria-label", "Play")
    chain_and_jump_differ_and_agree_in_mean_and_variance(tab)


def test_pictures_shipped_and_of_ones_own_come_in_and_a_broken_one_is_a_sentence(tab, tmp_path):
    red = np.zeros((40, 60, 3), np.uint8)
    red[..., 0] = 255
    Image.fromarray(red).save(tmp_path / "red.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    # The shipped ones are served from where they lie: what is copied to Gradio's cache is gone
    # after an hour.
    shown = tab.locator(".shipped img")
    expect(shown).to_have_count(len(noise.SHIPPED))
    for image, file in zip(shown.all(), noise.SHIPPED.values(), strict=True):
        assert image.get_attribute("src").endswith(f"/file={noise.PICTURES / file}")
        assert image.evaluate("(e) => e.decode().then(() => e.naturalWidth)") > 0
    opening = pixels(tab, "x0", STAGE)
    change(tab, lambda: tab.get_by_role("button", name="Bag").click())
    bag = pixels(tab, "x0", STAGE)
    assert (bag[..., 0] == bag[..., 1]).all() and bag.std() > 30 and (bag != opening).any()
    eps = pixels(tab, "eps", STAGE)
    change(tab, lambda: press(tab, "New noise"))
    assert not np.array_equal(eps, pixels(tab, "eps", STAGE))
    assert np.array_equal(bag, pixels(tab, "x0", STAGE))
    door = tab.locator("[data-testid=file-upload]").first
    press_clear = tab.get_by_label("Clear").or_(tab.get_by_label("Remove Image"))
    press_clear.first.click()
    change(tab, lambda: door.set_input_files(tmp_path / "red.png"))
    assert (pixels(tab, "x0", STAGE) == [255, 0, 0]).all()
    press_clear.first.click()
    door.set_input_files(tmp_path / "broken.png")
    message = tab.get_by_role("alert").filter(has_text="Choose another picture.")
    expect(message).to_have_count(1)
    expect(message).to_be_visible()
    assert tab.locator(".toast-body").count() == 0  # once, beside the field
    assert "Traceback" not in message.inner_text() and "/tmp" not in message.inner_text()
    assert (pixels(tab, "x0", STAGE) == [255, 0, 0]).all()  # what was there stays


def chain_and_jump_differ_and_agree_in_mean_and_variance(tab):
    tab.evaluate(MOVE, 400)
    tab.get_by_role("button", name="Markov chain or one jump?").click()
    tab.wait_for_selector("#noise-chain .chain[data-state=done]")  # it has walked when it opens
    assert tab.locator("#noise-chain .chain").get_attribute("data-k") == "401"
    chain, jump = (pixels(tab, name, "#noise-chain") for name in ("chain", "jump"))
    assert np.abs(chain.astype(int) - jump).mean() > 20
    variance = float(tab.locator("#noise-chain .theory td").nth(1).inner_text())
    for row in (".of-chain", ".of-jump"):
        mean, spread = (
            [float(x.replace("−", "-")) for x in cell.split("±")]
            for cell in tab.locator(f"#noise-chain {row} td").all_inner_texts()
        )
        assert abs(mean[0]) < 4 * mean[1] + 1e-4
        assert abs(spread[0] - variance) < 4 * spread[1] + 1e-4
    expect(tab.locator("#noise-chain .why")).to_contain_text("a sum of Gaussians is Gaussian")


def test_what_is_seen_can_be_kept_and_denoise_from_here_takes_the_picture_along(tab):
    tab.evaluate(MOVE, 600)
    with tab.expect_download() as download:
        press(tab, "Save picture")
    assert download.value.suggested_filename == "boot-linear-t600.png"
    kept = np.asarray(Image.open(download.value.path()).convert("RGB"))
    shown = pixels(tab, "x_t", STAGE)
    assert np.array_equal(kept, shown.repeat(19, axis=0).repeat(19, axis=1))  # 532 pixels, crisp
    with tab.expect_download() as download:
        press(tab, "Save strip")
    assert download.value.suggested_filename == "boot-linear-strip.png"
    strip = np.asarray(Image.open(download.value.path()).convert("RGB"))
    assert strip.shape == (532 + 54, 8 * 534 - 2, 3)
    assert (strip[532:, :532] < 99).any()  # the timesteps below
    tab.get_by_role("button", name="More").first.click()
    press(tab, "Make animation")
    link = tab.locator("a[download='boot-linear-noising.gif']").first
    link.wait_for()
    with tab.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "boot-linear-noising.gif"
    tab.evaluate(MOVE, 350)
    press(tab, "Denoise from here")
    begins = tab.locator(".prose.begins")
    expect(begins).to_contain_text("From your picture")
    expect(begins).to_contain_text("t = 350 of the linear schedule")
    expect(begins).to_contain_text("28 × 28 and grey")
    number(tab, "Steps", 10)
    run(tab)
    expect(tab.locator("#denoise-player .caption")).to_contain_text("from t = 350")
    press(tab, "Begin with noise again")
    expect(begins).to_be_hidden()
    run(tab)
    expect(tab.locator("#denoise-player .caption")).not_to_contain_text("from t")


def test_it_fits_and_can_be_read(tab):
    for fold in ("More", "Markov chain", "Why?"):
        tab.get_by_role("button", name=fold).first.click()
    tab.wait_for_selector("#noise-chain .chain[data-state=done]")
    for width in (1280, 390):
        tab.set_viewport_size({"width": width, "height": 844})
        settle(tab, 500)
        if width < 500:  # a phone: the stage first, and all controls soon
            strip = tab.locator(f"{STAGE} .strip").bounding_box()
            assert strip["y"] + strip["height"] < 844 * 2
        assert beyond(tab) == []
        for scheme in in_light_and_dark(tab):
            assert faults(tab) == [], scheme
    for width, height in ((1280, 720), (1366, 768), (1920, 1080)):  # of projectors
        tab.set_viewport_size({"width": width, "height": height})
        settle(tab, 100)
        assert beyond(tab) == [], width
