"""Speed as ratios, side by side in one run: `python -m bench`. Absolute times drift; ratios hold.

walk    a 50-step DDIM walk in the page, from the click until the last frame has arrived and is
        drawn, against the bare loop over `sample()` in the same process
unet    our UNet against diffusers' UNet2DModel, same configuration, weights and inputs
train   a training step of ours against diffusers' and lucidrains' loops, see training.py
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

ROUNDS = 5


def alternate(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[float, float, float]:
    """Run two things in turn; median seconds of each, and the median of the pairs' ratios."""
    pairs = []
    for _ in range(ROUNDS):
        took = []
        for run in (first, second):
            start = time.perf_counter()
            given = run()
            took.append(given if isinstance(given, float) else time.perf_counter() - start)
        pairs.append(took)
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), ratio


def bench_unet() -> None:
    """Forward, and forward with backward, against diffusers."""
    from diffusers import UNet2DModel

    from diffusion_core.unet import UNet, UNetConfig

    cfg = UNetConfig(
        image_size=(32, 32), channels=(64, 128, 128), attention=(False, True, True), head_dim=32
    )
    blocks = [("Attn" if a else "") for a in cfg.attention]
    theirs = UNet2DModel(
        sample_size=32,
        in_channels=3,
        out_channels=3,
        block_out_channels=cfg.channels,
        layers_per_block=cfg.blocks_per_level,
        attention_head_dim=cfg.head_dim,
        down_block_types=tuple(f"{b}DownBlock2D" for b in blocks),
        up_block_types=tuple(f"{b}UpBlock2D" for b in reversed(blocks)),
    )
    ours = UNet(cfg)
    ours.load_state_dict(theirs.state_dict())
    for batch in (1, 16):
        x, t = torch.randn(batch, 3, 32, 32), torch.full((batch,), 500)

        def forward(model: torch.nn.Module, x: torch.Tensor = x, t: torch.Tensor = t) -> None:
            with torch.no_grad():
                for _ in range(3):
                    model(x, t)

        def both(model: torch.nn.Module, x: torch.Tensor = x, t: torch.Tensor = t) -> None:
            out = model(x, t)
            (out if isinstance(out, torch.Tensor) else out.sample).square().mean().backward()

        for name, run in (("forward", forward), ("forward and backward", both)):
            run(ours), run(theirs)
            a, b, ratio = alternate(lambda r=run: r(ours), lambda r=run: r(theirs))
            report(f"unet, batch {batch}, {name}: ours / diffusers", a, b, ratio)


def bench_walk() -> None:
    """The page against the bare loop, both in this process."""
    from playwright.sync_api import sync_playwright

    import app
    from diffusion_core.generation import SamplingRequest, walk
    from tabs.shared import models

    checkpoint = models.get(models.available()[0][1])
    demo = app.build()
    _, url, _ = app.launch(demo, prevent_thread_lock=True, quiet=True)
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    with sync_playwright() as p:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        page = p.chromium.launch(executable_path=found, args=flags).new_page()
        page.goto(url)
        page.wait_for_selector("#denoise-player .player[data-state=done]")
        steps = page.get_by_label("Steps").first
        steps.fill("50")
        steps.press("Tab")

        for images in (1, 4, 16):
            page.get_by_label(str(images), exact=True).first.check()

            def in_page() -> float:
                return float(page.evaluate(CLICK_AND_WAIT % WHOLE)) / 1000

            def bare(images: int = images) -> None:
                for _ in walk(
                    checkpoint, SamplingRequest(num_images=images, num_steps=50, seed=7, label=8)
                ):
                    pass

            in_page(), bare()
            a, b, ratio = alternate(in_page, bare)
            report(f"walk of 50 DDIM steps, {images} images: page / bare loop", a, b, ratio)
            page.wait_for_timeout(2500)  # until what was seen has been played
            first = statistics.median(
                page.evaluate(CLICK_AND_WAIT % "player.dataset.frame === '0'") / 1000
                for _ in range(3)
                if page.wait_for_timeout(4000) is None
            )
            report(
                f"{images} images: from the click to the first frame / one step",
                first,
                b / 50,
                first / (b / 50),
            )
    demo.close()


def bench_train() -> None:
    """A training step; the ratio is of times, its inverse how many times as fast ours is."""
    from .training import STEPS, cases

    for what, mine, theirs in cases():
        mine(), theirs()
        a, b, ratio = alternate(mine, theirs)
        report(f"train: {what}, {1 / ratio:.2f} times as fast", a / STEPS, b / STEPS, ratio)


WHOLE = 'player.dataset.state === "done"'
# From the click until the new run has come so far: until the page holds every frame of it.
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


def report(what: str, a: float, b: float, ratio: float) -> None:
    """One line a human reads, which is JSON too."""
    values = {
        "what": what,
        "ratio": round(ratio, 3),
        "ms": [round(1000 * a, 1), round(1000 * b, 1)],
    }
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    chosen = sys.argv[1:] or ["walk", "unet", "train"]
    for name in chosen:
        {"walk": bench_walk, "unet": bench_unet, "train": bench_train}[name]()
