// "Reset everything": the page as if it were newly opened, for the same visitor.

import { remember } from "../lib/storage.js";

/** What a window remembers of what was done on the page; whose it is, it goes on remembering. */
const OF_THE_PAGE = ["settings", "tab", "walk"];

function forget() {
  for (const name of OF_THE_PAGE) remember(name, undefined);
}

/**
 * The address without what the page has written into it. What its host has written, as a Space does
 * for a page of its own, begins with two underscores and stays.
 *
 * @param {{ pathname: string, search: string }} address
 */
export function bare({ pathname, search }) {
  const kept = [...new URLSearchParams(search)].filter(([name]) => name.startsWith("__"));
  const query = new URLSearchParams(kept).toString();
  return query ? `${pathname}?${query}` : pathname;
}

/** Load the page again, with all controls as they are at first. */
export function resetEverything() {
  forget();
  addEventListener("pagehide", forget); // what is remembered while the page goes
  history.replaceState(null, "", bare(location));
  location.reload();
}
