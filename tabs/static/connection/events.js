// What the page's own events hand to the connection's module, as events of the document.

import { cameBack, remembered } from "../lib/storage.js";

// Read before the first tab is told of, which the window would then remember in its place.
const tabOfBefore = cameBack() ? remembered("tab", "") : "";

/**
 * Hand the values of controls over.
 *
 * @param {string} event Its name: page:settings or page:restore.
 * @param {string[]} names Of the controls.
 * @param {unknown[]} values
 * @returns {unknown[]} What the module answers: the controls' values to be, or nothing.
 */
export function tell(event, names, ...values) {
  /** @type {{ names: string[], values: unknown[], answer: unknown[] }} */
  const detail = { names, values, answer: [] };
  document.dispatchEvent(new CustomEvent(event, { detail }));
  return detail.answer;
}

/**
 * Tell that a tab was opened.
 *
 * @param {string} tab
 */
export function tellTab(tab) {
  document.dispatchEvent(new CustomEvent("page:tab", { detail: tab }));
}

/**
 * Open the tab that was open before the page was loaded again, else the one that the address names.
 *
 * @param {string[]} known The ids of all tabs.
 * @returns {Record<string, unknown>} An update of the tabs, as Gradio's own have it.
 */
export function openTab(known) {
  const name = tabOfBefore || (new URLSearchParams(location.search).get("tab") ?? "");
  return { __type__: "update", ...(known.includes(name) ? { selected: name } : {}) };
}

/** The parameters of the page's address, as text; empty where there are none. */
export function addressParameters() {
  return location.search;
}
