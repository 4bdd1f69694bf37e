// What the view "Timestep" draws: numbers as colours, rows as curves, the error by what is told.

import { line } from "../lib/curves.js";
import { BASE, frame, LEFT, logAxis, RIGHT, rules } from "../training/axis.js";

// Blue below 0, orange above, nearly white at 0: told apart by colour-blind eyes too.
/** @type {[number, number, number][]} */
const ENDS = [
  [0, 84, 150],
  [250, 249, 245],
  [196, 78, 0],
];

/**
 * A number from −1 to 1 as a colour.
 *
 * @param {number} share
 * @returns {[number, number, number]} Red, green, blue.
 */
export function diverging(share) {
  const size = Math.min(1, Math.abs(share));
  const end = ENDS[share < 0 ? 0 : 2];
  /** @param {0 | 1 | 2} k */
  const mixed = (k) => Math.round(ENDS[1][k] + size * (end[k] - ENDS[1][k]));
  return [mixed(0), mixed(1), mixed(2)];
}

/**
 * The number that a byte of a picture stands for, as a share of the largest.
 *
 * @param {number} level 1 … 255, 128 is 0.
 */
export const shareOf = (level) => (level - 128) / 127;

/**
 * A row of numbers as a curve in a box of 300 by 60.
 *
 * @param {number[]} row
 * @param {number} most The size that reaches the box's edge.
 */
export function rowCurve(row, most) {
  const points = row.map((v, i) => {
    const share = Math.max(-1, Math.min(1, v / most));
    return /** @type {[number, number]} */ ([(300 * (i + 0.5)) / row.length, 30 - 27 * share]);
  });
  return `<line class="zero" x1="0" x2="300" y1="30" y2="30"/><path class="own" d="${line(points)}"/>`;
}

/**
 * The error by the timestep that the network is told, as SVG.
 *
 * @param {import("../lib/messages.js").InsideTimestepMessage} message
 */
export function wrongChart({ curve, T, t, told, error }) {
  const points = curve.filter(([, e]) => e > 0);
  if (points.length < 2) return "";
  const axis = logAxis([...points.map(([, e]) => e), Math.max(error, 1e-6)]);
  /** @param {number} at */
  const x = (at) => LEFT + ((RIGHT - LEFT) * at) / Math.max(1, T - 1);
  const path = line(points.map(([at, e]) => [x(at), axis.y(e)]));
  const [cx, cy] = [x(told), axis.y(Math.max(error, 1e-6))];
  const left = cx > (LEFT + RIGHT) / 2;
  return (
    `${rules(axis)}<line class="here" x1="${x(t)}" x2="${x(t)}" y1="6" y2="${BASE}"/>` +
    `<path class="curve" d="${path}"/><circle class="now" cx="${cx}" cy="${cy}" r="5"/>` +
    `<text class="mark" x="${cx + (left ? -8 : 8)}" y="${Math.max(4, cy - 7)}" ` +
    `text-anchor="${left ? "end" : "start"}">${error.toFixed(3)}</text>` +
    frame(
      [0, 0.5, 1].map((part) => [LEFT + (RIGHT - LEFT) * part, String(Math.round((T - 1) * part))]),
      "timestep that it is told, t′",
      "error (log scale)",
    )
  );
}
