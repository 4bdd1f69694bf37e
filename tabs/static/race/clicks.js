// What the buttons of lanes do at once.

import { newRun, stage, withLast } from "../lib/runs.js";

/** @param {string} id Of the component. */
const race = (id) => stage(`#${id} .race`);

/**
 * Begin walks side by side: their name is the last input.
 *
 * @param {string} id Of the component that shows them.
 * @param {unknown[]} inputs
 */
export function startRace(id, ...inputs) {
  const run = newRun();
  race(id)?.dispatchEvent(new CustomEvent("race:start", { detail: run }));
  return withLast(inputs, run);
}

/**
 * @param {string} id Of the component.
 * @returns {string} The run to stop.
 */
export function stopRace(id) {
  race(id)?.dispatchEvent(new Event("race:stop"));
  return race(id)?.dataset.wanted || "";
}
