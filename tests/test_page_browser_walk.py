"""A walk in the visitor's browser: the same as the server's, live, stopped, and offered."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pagelib import choose, faults, number, pixels, press, run
from playwright.sync_api import expect

from diffusion_core.generation import Recording, RunCard
from tabs.denoise import browser_walk
from tabs.denoise.form import DenoiseForm
from tabs.shared import models
from tabs.shared.components import served_address

pytestmark = pytest.mark.browser
PLAYER = "#denoise-player .player"
# Walks by the page's own modules, in its own worker: the numbers of the result.
WALK = """async ([module, text, pieces]) => {
  const { startWalk, floats } = await import(new URL(module, document.baseURI).href);
  const { run, walk } = JSON.parse(text);
  const result = await new Promise((done, fail) => startWalk(run, walk, null, {
    loading() {}, frame() {}, done,
    failed: (words) => fail(new Error(words)),
    noise: async (first) => floats(pieces[first]),
  }));
  return [...result];
}"""


def walked_by_both(page, **settings) -> float:
    """How far the browser's result is from the server's, at most, in units of a picture's range."""
    form = DenoiseForm(model="one", label="Bag", images=1, steps=25, guidance=2.0, **settings)
    checkpoint = form.checkpoint()
    record = Recording(checkpoint, form.walk(checkpoint)[0])
    text = browser_walk.message(record, f"both-{form.sampler}", "")
    piece = json.loads(text)["walk"]["table"]["piece"]
    pieces = {}
    for first in range(0, browser_walk.WALKS.get(f"both-{form.sampler}").steps, piece):
        request = {"run": f"both-{form.sampler}", "first": first, "count": piece}
        pieces[first] = json.loads(browser_walk.walk_noise(request))["values"]
    result = page.evaluate(WALK, [served_address("walker/walker.js"), text, pieces])
    for _ in record.run():
        pass
    return float(np.abs(np.array(result) - record.result.numpy().ravel()).max())


def test_a_walk_in_the_browser(page, monkeypatch):
    requests: list[str] = []
    page.on("request", lambda r: requests.append(r.url))
    monkeypatch.setattr(browser_walk, "PIECE_BYTES", 40_000)  # of 25 steps, in several pieces
    for sampler in ("ddim", "dpmpp_2m_sde"):
        assert walked_by_both(page, sampler=sampler) < 1e-3
    # Chosen on the page, it is the walk that the server makes, and its card names what walked.
    choose(page, "Model", "one")
    choose(page, "Sampler", "ddpm")
    number(page, "Steps", 12)
    run(page)
    servers, status = pixels(page, "x0_hat"), page.locator(f"{PLAYER} .status")
    page.keyboard.press("ArrowLeft")
    last = pixels(page, "x0_hat")
    page.locator("button.label-wrap", has_text="More").first.click()
    page.get_by_label("this browser", exact=True).check()
    requests.clear()
    run(page)
    assert len([url for url in requests if "/queue/join" in url]) == 1
    assert all(url.startswith(("blob:", page.url.split("?")[0])) for url in requests)
    caption = page.locator(f"{PLAYER} .caption")
    assert caption.text_content().startswith("walked by this browser · one")
    assert np.abs(pixels(page, "x0_hat").astype(int) - servers).max() <= 1
    expect(status).to_contain_text("step 12 of 12 · signal 1.00, noise 0.00 · 12 evaluations")
    page.keyboard.press("ArrowLeft")
    assert np.abs(pixels(page, "x0_hat").astype(int) - last).max() <= 1
    expect(page.locator(f"{PLAYER} .chips")).to_contain_text("fresh noise z")
    with page.expect_download() as saved:
        press(page, "Run card")
    card = RunCard.from_json(Path(saved.value.path()).read_bytes())
    assert card.engine == "onnxruntime-web" and len(card.result) == 64
    with page.expect_download() as saved:  # which the server makes of a walk of its own
        press(page, "GIF")
    assert Path(saved.value.path()).read_bytes()[:3] == b"GIF"
    # Stopped, it stops; what the page's limits refuse is offered.
    choose(page, "Sampler", "ddim")
    number(page, "Steps", 1000)
    press(page, "Denoise")
    page.wait_for_selector(f"{PLAYER}[data-state=running]:not([data-frames='0'])")
    press(page, "Stop")
    page.wait_for_selector(f"{PLAYER}[data-state=stopped]")
    frames = page.locator(PLAYER).get_attribute("data-frames")
    page.get_by_label("this server", exact=True).check()
    number(page, "Steps", 3)
    monkeypatch.setenv("PLAYGROUND_MAX_ADDRESS", "0")
    press(page, "Denoise")
    expect(page.locator(f"{PLAYER} .error")).to_contain_text("As many computations of yours")
    assert page.locator(PLAYER).get_attribute("data-frames") == frames
    assert faults(page) == []
    press(page, "Run it in this browser")
    expect(status).to_contain_text("step 3 of 3 · signal 1.00")
    expect(page.get_by_label("this browser", exact=True)).to_be_checked()
    expect(page.locator(f"{PLAYER} .offer")).to_be_hidden()
    assert models.available()  # the server is well
