// What the buttons of the views of the tab Systems tell the server of the walk that is seen. Each
// function is given first where the view's stage is.

import { newRun, stage, withLast } from "../lib/runs.js";

/** Name a walk, and show that it waits. @param {string} where */
function begun(where) {
  const run = newRun();
  const shown = stage(where);
  if (shown) {
    Object.assign(shown.dataset, { run, state: "waiting" });
    shown.dispatchEvent(new CustomEvent("system:waiting"));
  }
  return run;
}

/**
 * @param {string} where
 * @param {unknown[]} inputs Of the event; the last one holds the run's place.
 */
export function beginWalk(where, ...inputs) {
  return withLast(inputs, begun(where));
}

/** Where the walk that comes by itself has begun: a view that is seen again shows what it showed. */
const seenBefore = new Set();

/**
 * The walk of a view that is seen for the first time; of another one nothing begins.
 *
 * @param {string} where
 * @param {string} name Of the view's system.
 * @param {unknown[]} inputs Of the event; the last three hold the system that is seen, a state, and the run's place.
 */
export function beginFirst(where, name, ...inputs) {
  if (inputs.at(-3) !== name || seenBefore.has(where)) return inputs;
  seenBefore.add(where);
  return beginWalk(where, ...inputs);
}

/**
 * @param {string} where
 * @param {unknown[]} inputs Of the event; the last three hold the places of card, step and run.
 */
export function beginBranch(where, ...inputs) {
  const { card = "", frame = "0" } = stage(where)?.dataset ?? {};
  return withLast(inputs, card, Number(frame), begun(where));
}

/**
 * @param {string} where
 * @param {unknown[]} inputs Of the event; the last two hold the places of card and run.
 */
export function beginReplay(where, ...inputs) {
  const opened = stage(where)?.dataset.opened ?? "";
  return withLast(inputs, opened, begun(where));
}

/**
 * @param {string} where
 * @returns {string} The name of the walk that is seen.
 */
export function shownWalk(where) {
  return stage(where)?.dataset.run ?? "";
}
