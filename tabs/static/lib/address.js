// The values of controls in the page's address.

import { writeQuery } from "./dom.js";

/**
 * Write every control's value into the address; a list becomes text with commas.
 *
 * @param {string} tab Which tab they are in.
 * @param {string[]} names Of the parameters, in the order of the values.
 * @param {unknown[]} values
 */
export function writeControls(tab, names, ...values) {
  const query = new URLSearchParams(location.search);
  query.set("tab", tab);
  names.forEach((name, i) => query.set(name, [values[i]].flat().join(",")));
  writeQuery(query);
}
