// The row of a tab's views, of which the chosen one stands in the page's address.

import { find, writeQuery } from "./dom.js";
import { tablist } from "./tablist.js";

/**
 * Show the view that the address names, and tell the server of each that is chosen.
 *
 * @param {HTMLElement} element Holds the row.
 * @param {{ tab: string, parameter: string, first: string }} named The tab's id, the parameter of
 *   the address, and the view that it has where it names none.
 * @param {() => void} tell Called when another view is shown than the server was told of.
 */
export function tabViews(element, { tab, parameter, first }, tell) {
  const root = find(element, ".stage-views", HTMLElement);
  const asked = new URLSearchParams(location.search).get(parameter) ?? first;
  const { names, show } = tablist(root, (view) => {
    const query = new URLSearchParams(location.search);
    query.set("tab", tab);
    if (view === first) query.delete(parameter);
    else query.set(parameter, view);
    writeQuery(query);
    tell();
  });
  const shown = names().includes(asked) ? asked : first;
  show(shown);
  if (shown !== first) tell(); // the server was told of the first one
}
