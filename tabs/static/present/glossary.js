// The glossary's panel: one line a symbol, from docs/glossary.md.

import { make } from "../lib/dom.js";

/** @typedef {import("../lib/messages.js").GlossarySymbol} GlossarySymbol */

/** The page's colours of symbols, by names of the --c- tokens. @type {Record<string, string>} */
const TONES = { x_0: "x0", x_t: "x-t", ε: "eps", "ε̂": "eps-hat", "x̂_0": "x0-hat" };

/**
 * The parts of a text of the glossary, in order.
 *
 * @param {string} text
 * @returns {{ tag: "span" | "sub" | "code", words: string }[]}
 */
export function parts(text) {
  const found = text.match(/`[^`]*`|_[\p{L}\d]|(?:(?!`|_[\p{L}\d]).)+/gu) ?? [];
  return found.map((part) => {
    if (part.startsWith("`")) return { tag: "code", words: part.slice(1, -1) };
    if (/^_[\p{L}\d]$/u.test(part)) return { tag: "sub", words: part.slice(1) };
    return { tag: "span", words: part };
  });
}

/**
 * @param {GlossarySymbol} line
 * @returns {HTMLTableRowElement}
 */
export function row({ symbol, code, words }) {
  const made = make("tr");
  for (const [tag, text] of /** @type {["th" | "td", string][]} */ ([
    ["th", symbol],
    ["td", words],
    ["td", code],
  ])) {
    const cell = make(tag);
    cell.append(...parts(text).map((part) => make(part.tag, { words: part.words })));
    made.append(cell);
  }
  const head = /** @type {HTMLTableCellElement} */ (made.firstElementChild);
  head.scope = "row";
  if (TONES[symbol]) head.style.setProperty("--tone", `var(--c-${TONES[symbol]})`);
  return made;
}
