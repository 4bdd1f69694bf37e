// The timestep that the network is told, in the page's address.

import { seenView } from "../inside/clicks.js";
import { writeQuery } from "../lib/dom.js";

export const PARAMETER = "told";

/**
 * The query with the timestep that the network is told.
 *
 * @param {string} search The query as it is.
 * @param {unknown} told
 */
export function toldQuery(search, told) {
  const query = new URLSearchParams(search);
  query.set("tab", "inside");
  query.set(PARAMETER, String(told ?? ""));
  return query;
}

/** @param {unknown} told */
export function writeTold(told) {
  if (seenView() === "timestep") writeQuery(toldQuery(location.search, told));
}
