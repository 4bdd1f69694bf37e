// What the Inside tab's controls tell the page: which view is seen, and the address.

import { writeQuery } from "../lib/dom.js";

const VIEWS = "#inside-views .stage-views";
/** The view that is seen first, of which the address says nothing. */
export const FIRST = "network";
/** The address's name for the view. */
export const PARAMETER = "inside";

/** @returns {string} The view that is seen. */
export function seenView() {
  const row = document.querySelector(VIEWS);
  return (row instanceof HTMLElement && row.dataset.view) || FIRST;
}

/**
 * The query with the tab's state.
 *
 * @param {string} search The query as it is.
 * @param {{ model: string, label: unknown, t: unknown, seed: unknown, view: string }} state
 */
export function stateQuery(search, { model, label, t, seed, view }) {
  const query = new URLSearchParams(search);
  query.set("tab", "inside");
  if (model) query.set("model", model);
  query.set("class", String(label ?? ""));
  query.set("t", String(t ?? ""));
  query.set("seed", String(seed ?? ""));
  if (view === FIRST) query.delete(PARAMETER);
  else query.set(PARAMETER, view);
  return query;
}

/**
 * Write what the controls hold into the address.
 *
 * @param {unknown} label
 * @param {unknown} t
 * @param {unknown} seed
 */
export function writeState(label, t, seed) {
  const stage = document.querySelector("#inside-stage .inside");
  const model = (stage instanceof HTMLElement && stage.dataset.model) || "";
  writeQuery(stateQuery(location.search, { model, label, t, seed, view: seenView() }));
}
