// Tables of the families, on points and on pictures.

import { make } from "../lib/dom.js";
import { looksOf } from "./words.js";

/**
 * What is usually said, and whether it holds by the figures.
 *
 * @param {HTMLElement} table
 * @param {import("../lib/messages.js").PointsClaim[]} claims
 */
export function fillClaims(table, claims) {
  table.replaceChildren(line(["Usually said", "Here", "Figures"], "th"));
  for (const { claim, verdict, figures } of claims) {
    const row = line([claim, verdict, figures]);
    row.children[1].className = looksOf(verdict);
    table.append(row);
  }
}

/**
 * @param {string[]} cells
 * @param {"td" | "th"} [kind]
 */
export function line(cells, kind = "td") {
  const row = make("tr");
  row.append(...cells.map((words) => make(kind, { words })));
  return row;
}
