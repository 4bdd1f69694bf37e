// What the Points tab's controls tell the page: which view is seen, and the address.

import { writeQuery } from "../lib/dom.js";

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
  writeQuery(stateQuery(location.search, seenView(), values));
}

/** @returns {string} What was drawn on the plane, as the server reads it. */
export function drawnPoints() {
  const stage = document.querySelector("#points-data .points-data");
  return (stage instanceof HTMLElement && stage.dataset.drawn) || "";
}
