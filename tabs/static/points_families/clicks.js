// What the buttons of the view "Families" tell the server of the run that is seen.

import { newRun, stage, withLast } from "../lib/runs.js";

const STAGE = "#points-families .points-families";

/**
 * Name a run, and show that it waits.
 *
 * @param {unknown[]} inputs Of the event; the last one holds the run's place.
 */
export function beginFamilies(...inputs) {
  const run = newRun();
  const shown = stage(STAGE);
  if (shown) Object.assign(shown.dataset, { run, state: "waiting" });
  return withLast(inputs, run);
}

/** @returns {string} The name of the run that is seen. */
export function shownFamilies() {
  return stage(STAGE)?.dataset.run ?? "";
}
