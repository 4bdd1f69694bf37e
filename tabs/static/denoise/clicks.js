// What the buttons of the Denoise tab do at once, before any answer of the server.

import { SKIP, stage } from "../lib/runs.js";
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

/**
 * Correct the controls of a page that was just opened. The answer takes a while, in which somebody
 * may choose a model or type, or their settings of before may be put back: if the model or any of
 * the values is no longer as it was laid out, all of them stay.
 *
 * @param {string[]} names Of the controls.
 * @param {string} found JSON: the model, and by name what a value was and what it is to be.
 * @param {string} model The one that is chosen now.
 * @param {unknown[]} now The controls' values.
 * @returns {unknown[]} Their values to be, or what leaves them as they are.
 */
export function correct(names, found, model, ...now) {
  /** @type {{ model: string, changed: Record<string, [unknown, unknown]> }} */
  const { model: of, changed } = found ? JSON.parse(found) : { model, changed: {} };
  const asLaidOut = names.every((name, i) => !(name in changed) || changed[name][0] === now[i]);
  return names.map((name) => {
    return of === model && asLaidOut && name in changed ? changed[name][1] : SKIP;
  });
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
