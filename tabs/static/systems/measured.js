// What was measured of a system, as tables with a sentence each.

import { find, make } from "../lib/dom.js";

/** @typedef {import("../lib/messages.js").MeasuredTable} Table */

/**
 * A table with its title and its sentence.
 *
 * @param {Table} table
 */
export function tableOf({ title, columns, rows, says }) {
  const head = make("tr");
  head.append(...columns.map((words) => make("th", { words })));
  const table = make("table");
  table.append(
    head,
    ...rows.map((row) => {
      const line = make("tr");
      line.append(...row.map((words) => make("td", { words })));
      return line;
    }),
  );
  const wide = make("div", { className: "wide" });
  Object.assign(wide, { tabIndex: 0, role: "region", ariaLabel: title });
  wide.append(table);
  const made = make("div");
  made.append(make("h4", { words: title }), wide, make("p", { words: says, className: "says" }));
  return made;
}

/**
 * Show what was measured, or hide its place where nothing was.
 *
 * @param {HTMLElement} root With .measured, in it .tables and .words-of.
 * @param {{ tables: Table[], words: string } | undefined} results
 */
export function layMeasured(root, results) {
  const place = find(root, ".measured", HTMLElement);
  place.hidden = !results;
  if (!results) return;
  find(place, ".tables", HTMLElement).replaceChildren(...results.tables.map(tableOf));
  find(place, ".words-of", HTMLElement).textContent = results.words;
}
