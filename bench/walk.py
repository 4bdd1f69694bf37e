"""A walk in the page against the bare loop over `walk` in the same process: the same request."""

from __future__ import annotations

import os
import re
import shutil
import socket
import statistics
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from diffusion_core.generation import RunCard, walk

from .timing import alternate, report

__all__ = ["bench_walk"]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FIRSTS = 3  # the first frame is timed as often at the most
WHOLE = 'player.dataset.state === "done"'
FIRST = 'player.dataset.frame === "0"'
# From the click until the new run has come so far: until the page holds every frame of it, or
# shows the first.
CLICK_AND_WAIT = """() => new Promise((done) => {
  const player = document.querySelector("#denoise-player .player"), before = player.dataset.run;
  const start = performance.now();
  new MutationObserver((_, me) => {
    if (player.dataset.run !== before && %s) {
      me.disconnect();
      done(performance.now() - start);
    }
  }).observe(player, { attributes: true });
  document.querySelector("#denoise-run").click();
})"""
PLAYED = """() => {
  const { state, frame, frames } = document.querySelector("#denoise-player .player").dataset;
  return state === "done" && frame === String(frames - 1);
}"""


def bench_walk(model: str, label: str, images: list[int], steps: int, rounds: int) -> None:
    """Print the ratios of a whole walk, and of the first frame.

    The page is asked for the model, the class, DDIM and the number of steps; the bare loop then
    walks what the page's own run card says, so that both compute the same.

    Args:
        model: Name of a checkpoint that the page offers.
        label: One of its classes; empty is the one that the page opens with.
        images: How many are drawn at once, each measured by itself: of the page's choices.
        steps: Of the walk.
        rounds: How often each walks.

    Raises:
        ValueError: if there is no such model.
    """
    os.environ["PLAYGROUND_OPENS_WITH"] = model  # read as the page is built
    import app
    from tabs.shared import models

    checkpoint = models.for_walks(models.get(models.first()))
    demo = app.build()
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    _, url, _ = app.launch(
        demo, prevent_thread_lock=True, quiet=True, inbrowser=False, server_port=port
    )
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        with sync_playwright() as p:
            page = p.chromium.launch(executable_path=found, args=FLAGS).new_page()
            page.set_default_timeout(120_000)
            page.goto(url)
            page.wait_for_selector("#denoise-player .player[data-state=done]")
            _choose(page, "Sampler", "ddim")
            if label:
                _choose(page, "Class", label)
            field = page.get_by_label("Steps").first
            field.fill(str(steps))
            field.press("Tab")
            for number in images:
                page.get_by_label(str(number), exact=True).first.check()
                page.evaluate(CLICK_AND_WAIT % WHOLE)
                page.wait_for_function(PLAYED)
                with page.expect_download() as download:
                    page.get_by_role("button", name="Run card", exact=True).click()
                card = RunCard.from_json(Path(download.value.path()).read_text(encoding="utf-8"))
                asked = card.walk
                if card.weights != checkpoint.weights_hash:
                    raise ValueError(f"The page walked with {card.model}, not with {model}.")

                def in_page() -> float:
                    return float(page.evaluate(CLICK_AND_WAIT % WHOLE)) / 1000

                def bare() -> None:
                    for _ in walk(checkpoint, asked):  # noqa: B023
                        pass

                bare()
                times = alternate(in_page, bare, rounds)
                what = (
                    f"{model}, {asked.label}, guidance {asked.guidance_scale:g}, "
                    f"{asked.num_steps} {asked.sampler} steps, {asked.num_images} images"
                )
                report(f"walk of {what}: page / bare loop", *times)
                firsts = []
                for _ in range(min(FIRSTS, rounds)):
                    page.wait_for_function(PLAYED)
                    firsts.append(page.evaluate(CLICK_AND_WAIT % FIRST) / 1000)
                page.wait_for_function(PLAYED)
                first, step = statistics.median(firsts), times[1] / asked.num_steps
                report(f"walk of {what}: first frame / one step", first, step, first / step)
    finally:
        demo.close(verbose=False)  # stdout is for the lines alone


def shown_as(name: str) -> re.Pattern[str]:
    """What a menu shows for a name: `open-peeps` is there "Open peeps", after a mark if chosen."""
    words = map(re.escape, re.findall(r"\w+", name))
    return re.compile(r"^\W*" + r"\W+".join(words) + r"\b", re.IGNORECASE)


def _choose(page: Page, menu: str, option: str) -> None:
    page.get_by_label(menu, exact=True).first.click()
    page.get_by_role("option", name=shown_as(option)).first.click()
