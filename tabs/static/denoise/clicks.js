// What the buttons of the Denoise tab do at once, before any answer of the server.

import { stage } from "../lib/runs.js";
import { newSeed } from "../lib/seeds.js";
import { startRun } from "../player/clicks.js";

/**
 * Begin a run with another seed.
 *
 * @param {number} seed The place of the seed among the inputs.
 * @param {unknown[]} inputs Those of `startRun`.
 */
export function startAnew(seed, ...inputs) {
  return startRun(...inputs.map((value, i) => (i === seed ? newSeed() : value)));
}

/** Denoise what another tab has handed over, as soon as this tab is seen, from the page's top. */
export function denoiseNow() {
  const player = stage("#denoise-player");
  const button = stage("#denoise-run");
  if (!player?.offsetParent || !button) {
    requestAnimationFrame(denoiseNow);
    return;
  }
  window.scrollTo(0, 0);
  requestAnimationFrame(() => requestAnimationFrame(() => button.click()));
}
