// What the Points tab's controls tell the page: which view is seen, and the address.

import { openTab, writeQuery } from "../lib/dom.js";
import { newRun, stage, withLast } from "../lib/runs.js";

const VIEWS = "#points-views .stage-views";
/** The view that is seen first, of which the address says nothing. */
export const FIRST = "data";
/** The address's name for the view. */
export const PARAMETER = "points";
/** The controls that stand in the address, in the order of their event's inputs. */
export const NAMED = ["data", "word", "count", "denoiser", "sampler", "beside", "steps", "particles", "seed"];

/** @returns {string} The view that is seen. */
export function seenView() {
  const row = document.querySelector(VIEWS);
  return (row instanceof HTMLElement && row.dataset.view) || FIRST;
}

/**
 * The query with the tab's state.
 *
 * @param {string} search The query as it is.
 * @param {string} view
 * @param {unknown[]} values Of the controls in `NAMED`.
 */
export function stateQuery(search, view, values) {
  const query = new URLSearchParams(search);
  query.set("tab", "points");
  NAMED.forEach((name, i) => query.set(name, String(values[i] ?? "")));
  if (view === FIRST) query.delete(PARAMETER);
  else query.set(PARAMETER, view);
  return query;
}

/**
 * Write what the controls hold into the address.
 *
 * @param {unknown[]} values Of the controls in `NAMED`.
 */
export function writeState(...values) {
  if (openTab() !== "points") return; // what fills the controls as a page opens says nothing new
  writeQuery(stateQuery(location.search, seenView(), values));
}

/** @returns {string} What was drawn on the plane, as the server reads it. */
export function drawnPoints() {
  const stage = document.querySelector("#points-data .points-data");
  return (stage instanceof HTMLElement && stage.dataset.drawn) || "";
}

/**
 * Show the view in which a network is seen to learn, and name the run.
 *
 * @param {unknown[]} inputs Of the event; the last one holds the run's place.
 */
export function beginTraining(...inputs) {
  stage("#points-tab-learn")?.click();
  const run = newRun();
  const learning = stage("#points-learn .points-learn");
  if (learning) Object.assign(learning.dataset, { run, state: "waiting" });
  return withLast(inputs, run);
}

/** @returns {string} The name of the training that the page shows. */
export function shownTraining() {
  return stage("#points-learn .points-learn")?.dataset.run ?? "";
}

/**
 * Name the run in which both paths are learnt.
 *
 * @param {unknown[]} inputs Of the event; the last one holds the run's place.
 */
export function beginComparison(...inputs) {
  const run = newRun();
  const shown = stage("#points-paths .points-paths");
  if (shown) Object.assign(shown.dataset, { run, state: "waiting" });
  return withLast(inputs, run);
}

/** @returns {string} The name of the comparison that the page shows. */
export function shownComparison() {
  return stage("#points-paths .points-paths")?.dataset.run ?? "";
}
