// What the buttons of the Noise tab do at once.

import { stage, withLast } from "../lib/runs.js";

/** The last input becomes the timestep, which lives in the browser. @param {unknown[]} inputs */
export function withTimestep(...inputs) {
  return withLast(inputs, Number(stage("#noise-stage .noise")?.dataset.t));
}
