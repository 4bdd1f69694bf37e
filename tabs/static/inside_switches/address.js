// What is changed in the network, in the page's address.

import { writeQuery } from "../lib/dom.js";

export const PARAMETER = "switches";

/**
 * The query with the switches; without them where nothing is changed.
 *
 * @param {string} search The query as it is.
 * @param {string} switches Their JSON, or empty.
 */
export function switchesQuery(search, switches) {
  const query = new URLSearchParams(search);
  if (switches) query.set(PARAMETER, switches);
  else query.delete(PARAMETER);
  return query;
}

/** @param {unknown} switches Their JSON, or empty. */
export function writeSwitches(switches) {
  writeQuery(switchesQuery(location.search, String(switches ?? "")));
}
