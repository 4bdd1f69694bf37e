// What the buttons of the Denoise tab do at once, before any answer of the server.

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
