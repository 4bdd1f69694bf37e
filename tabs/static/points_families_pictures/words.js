// The words and cells of the view "Pictures", without the page.

import { thousands } from "../lib/format.js";

/**
 * A number, or nothing where there is none.
 *
 * @param {number | null} value
 * @param {(value: number) => string} written
 */
const known = (value, written) => (value === null ? "" : written(value));

/** @param {number} share */
const percent = (share) => `${Math.round(100 * share)} %`;

/** Columns of the table: heading, and the cell of a row. @type {[string, (row: import("../lib/messages.js").PointsStripsRow) => string][]} */
export const COLUMNS = [
  ["Family", (row) => row.title],
  ["Distance", (row) => row.distance.toFixed(2)],
  ["Precision", (row) => percent(row.precision)],
  ["Recall", (row) => percent(row.recall)],
  ["ms an image", (row) => known(row.milliseconds, (ms) => ms.toFixed(ms < 9.95 ? 2 : 0))],
  ["Evaluations", (row) => known(row.evaluations, String)],
  ["Parameters", (row) => known(row.parameters, thousands)],
  ["Bits a dimension", (row) => known(row.bits, (bits) => bits.toFixed(2))],
  ["Training, core minutes", (row) => known(row.seconds, (seconds) => (seconds / 60).toFixed(0))],
];

/**
 * What the rows are, and whether more of them come.
 *
 * @param {import("../lib/messages.js").PointsStripsMessage} message
 */
export function stateWords({ state, words }) {
  if (state === "empty") return "";
  if (state === "waiting") return `${words}: waiting for its turn …`;
  return state === "running" ? `${words} …` : `${words}.`;
}

/** Between two pictures of a strip, in pixels. */
export const GAP = 1;

/**
 * Where pictures stand in a strip: for each pixel of it, row after row, the number of its level among
 * those of the pictures, one after the other; -1 in a gap.
 *
 * @param {number} count
 * @param {number} side
 */
export function layout(count, side) {
  const width = count * (side + GAP) - GAP;
  const places = new Int32Array(width * side);
  for (let i = 0; i < places.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const [which, column] = [Math.floor(x / (side + GAP)), x % (side + GAP)];
    places[i] = column < side ? (which * side + y) * side + column : -1;
  }
  return { width, places };
}
