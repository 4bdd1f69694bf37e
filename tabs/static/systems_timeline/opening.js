// What an entry of the time line opens, and which entry is that of the view that is seen.

import { findAll, writeQuery } from "../lib/dom.js";
import { until } from "../lessons/controls.js";

/** What leaves a component as it is. */
const SKIP = { __type__: "update" };
const LINE = "#systems-timeline .timeline";
const HOME = "systems";
const PATIENCE_MS = 5000; // until a tab is open

/** Of an entry what is said beside its name. @param {import("../lib/messages.js").TimelineEntry} entry */
export const entryWords = ({ name, added, paper }) => `${name} added ${added} (${paper}).`;

/**
 * Mark the entry of the system that is seen; an event of the menu gives its value on.
 *
 * @param {string} seen
 */
export function mark(seen) {
  for (const button of findAll(document, `${LINE} button`, HTMLElement)) {
    const here = button.dataset.tab === HOME && button.dataset.shown === seen;
    if (here) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  return seen;
}

/**
 * Open the view of an entry that was pressed.
 *
 * @returns {object[]} Updates of the page's tabs and of the menu of systems.
 */
export function opened() {
  const line = document.querySelector(LINE);
  const { tab = "", shown = "" } = line instanceof HTMLElement ? line.dataset : {};
  if (tab === HOME) return [SKIP, { ...SKIP, value: shown }];
  if (shown) openView(tab, shown);
  followWithFocus(tab);
  return [{ ...SKIP, selected: tab }, SKIP];
}

/**
 * Open a view of another tab: where that was never seen, its row of views reads the address as it comes.
 *
 * @param {string} tab
 * @param {string} view
 */
function openView(tab, view) {
  const query = new URLSearchParams(location.search);
  query.set("tab", tab);
  query.set(tab, view);
  writeQuery(query);
  document.getElementById(`${tab}-tab-${view}`)?.click();
}

/** Once a tab is open, go over to it with the focus. @param {string} tab */
async function followWithFocus(tab) {
  const name = () => document.querySelector(`[role=tab][data-tab-id="${tab}"][aria-selected=true]`);
  await until(name, AbortSignal.timeout(PATIENCE_MS)); // on a narrow page it may stand in a menu
  const found = name();
  if (found instanceof HTMLElement) found.focus();
}
