// What the controls of the view "Space" ask the server for: a walk, a branch, a replay, a stop.

import { newRun, stage, withLast } from "../lib/runs.js";

const STAGE = "#points-space .points-space";

/**
 * Name a walk and have the stage wait for it.
 *
 * @param {{ parent?: string, card?: string, step?: number }} asked
 * @returns {string} What the server is asked for, JSON.
 */
export function asking(asked) {
  const run = newRun();
  const shown = stage(STAGE);
  if (shown) Object.assign(shown.dataset, { run, state: "waiting" });
  return JSON.stringify({ run, ...asked });
}

/**
 * A walk by the controls.
 *
 * @param {unknown[]} inputs Of the event; the last one holds the question's place.
 */
export function freshClouds(...inputs) {
  return withLast(inputs, asking({}));
}

/**
 * What the stage's own buttons ask for, which they have written beside it.
 *
 * @param {unknown[]} inputs Of the event; the last one holds the question's place.
 */
export function askedClouds(...inputs) {
  return withLast(inputs, stage(STAGE)?.dataset.asked ?? "{}");
}

/** @returns {string} The name of the walk that the stage shows. */
export function shownClouds() {
  return stage(STAGE)?.dataset.run ?? "";
}
