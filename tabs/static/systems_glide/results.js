// Words beside menus, as measured: a row an attribute, a dot for each way to ask.

import { make } from "../lib/dom.js";

/** @typedef {import("../lib/messages.js").GlideRowMessage} Row */
/** @typedef {import("../lib/messages.js").ClipRowMessage} ClipRow */

const [LEFT, RIGHT, ROW, TOP] = [104, 434, 26, 22];
const WIDTH = 460;

/**
 * Where the axis begins: at a tenth below all values.
 *
 * @param {Row[]} rows
 */
export function lowest(rows) {
  const least = Math.min(0.9, ...rows.flatMap(({ words, menus }) => [words, menus]));
  return Math.max(0, Math.floor(least * 10 + 1e-9) / 10);
}

/**
 * The drawing, and its size; names are escaped, all else is our own.
 *
 * @param {Row[]} rows
 * @returns {{ markup: string, viewBox: string }}
 */
export function drawing(rows) {
  const low = lowest(rows);
  const bottom = TOP + ROW * rows.length;
  /** @param {number} share */
  const x = (share) => (LEFT + ((share - low) / (1 - low)) * (RIGHT - LEFT)).toFixed(1);
  let markup = "";
  const ticks = Math.round((1 - low) * 10);
  for (let k = 0; k <= 2 * ticks; k++) {
    const share = low + k / 20;
    if (ticks > 2 && k % 2) continue;
    markup += `<path class="rule" d="M${x(share)} ${TOP - 4}V${bottom}"/>`;
    markup += `<text x="${x(share)}" y="${bottom + 18}" text-anchor="middle">${Math.round(100 * share)} %</text>`;
  }
  markup += `<circle class="words" cx="${LEFT}" cy="8" r="5"/><text x="${LEFT + 10}" y="13">in words</text>`;
  markup += `<rect class="menus" x="${LEFT + 92}" y="3.5" width="9" height="9"/><text x="${LEFT + 108}" y="13">by menus</text>`;
  rows.forEach(({ name, words, menus }, i) => {
    const y = TOP + ROW * (i + 0.5);
    markup += `<text class="name" x="${LEFT - 12}" y="${y + 5}" text-anchor="end">${escaped(name)}</text>`;
    markup += `<path class="between" d="M${x(words)} ${y}H${x(menus)}"/>`;
    markup += `<rect class="menus" x="${(Number(x(menus)) - 4.5).toFixed(1)}" y="${y - 4.5}" width="9" height="9"/>`;
    markup += `<circle class="words" cx="${x(words)}" cy="${y}" r="5"/>`;
  });
  return { markup, viewBox: `0 0 ${WIDTH} ${bottom + 26}` };
}

/** @param {string} text */
const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** @param {number} share */
const tenths = (share) => `${(100 * share).toFixed(1)} %`;

/** Columns of the table: heading, and the cell of a row. @type {[string, (row: Row) => string][]} */
export const COLUMNS = [
  ["Told", (row) => row.name],
  ["In words", (row) => tenths(row.words)],
  ["By menus", (row) => tenths(row.menus)],
  ["Captions", (row) => String(row.told)],
];

/** Those of the table of guidance. @type {[string, (row: ClipRow) => string][]} */
export const CLIP_COLUMNS = [
  ["Guidance", (row) => row.kind],
  ["Scale", (row) => String(row.scale)],
  ["Obeyed", (row) => tenths(row.obedience)],
  ["Frechet distance", (row) => row.distance.toFixed(1)],
];

/**
 * The rows of a table, the first with the headings.
 *
 * @template T
 * @param {T[]} rows
 * @param {[string, (row: T) => string][]} columns
 */
export function tableOf(rows, columns) {
  const head = make("tr");
  head.append(...columns.map(([heading]) => make("th", { words: heading })));
  const body = rows.map((row) => {
    const line = make("tr");
    line.append(...columns.map(([, cell]) => make("td", { words: cell(row) })));
    return line;
  });
  return [head, ...body];
}

/**
 * The measure in one sentence: where words are obeyed least, beside menus.
 *
 * @param {Row[]} rows
 */
export function saysOf(rows) {
  const known = rows.filter(({ menus }) => menus > 0);
  if (!known.length) return "";
  const relative = (/** @type {Row} */ row) => row.words / row.menus;
  const least = known.reduce((a, b) => (relative(b) < relative(a) ? b : a));
  return (
    `Furthest behind menus is ${least.name.toLowerCase()}: ${tenths(least.words)} of the captions that tell it are ` +
    `obeyed, ${tenths(relative(least))} of what menus reach.`
  );
}
