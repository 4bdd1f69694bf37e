// What the view "Loss" draws: every draw of the loss by its timestep, and what a step moves.

import { line } from "../lib/curves.js";
import { frame, LEFT, logAxis, RIGHT, rules } from "../training/axis.js";

/** @typedef {import("../lib/messages.js").InsideLossMessage} Message */

/**
 * The draws and the average curve, as a weighting counts them. Of those that are 0 nothing is shown
 * on a logarithmic axis.
 *
 * @param {Message} message
 * @param {string} name The weighting's.
 * @returns {{ points: [number, number][], curve: [number, number][] }}
 */
export function weighted({ points, curve, weightings }, name) {
  const found = weightings.find((each) => each.name === name);
  /**
   * @param {[number, number][]} pairs
   * @param {number[] | undefined} weights
   */
  const times = (pairs, weights) =>
    pairs.map(
      ([t, loss], i) => /** @type {[number, number]} */ ([t, loss * (weights?.[i] ?? 1)]),
    );
  return { points: times(points, found?.points), curve: times(curve, found?.curve) };
}

/**
 * Mean of the draws with its standard error, the smallest and the largest.
 *
 * @param {[number, number][]} points
 */
export function summary(points) {
  const losses = points.map(([, loss]) => loss).filter(Number.isFinite);
  const n = losses.length;
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / Math.max(1, n);
  const squares = losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0);
  const error = n > 1 ? Math.sqrt(squares / (n - 1) / n) : 0;
  return { n, mean, error, least: Math.min(...losses), most: Math.max(...losses) };
}

/**
 * The chart as SVG.
 *
 * @param {ReturnType<typeof weighted>} shown
 * @param {number} T
 */
export function drawsChart({ points, curve }, T) {
  const drawn = points.filter(([, loss]) => loss > 0);
  const known = curve.filter(([, loss]) => loss > 0);
  if (!drawn.length) return "";
  const axis = logAxis([...drawn, ...known].map(([, loss]) => loss));
  /** @param {number} t */
  const x = (t) => LEFT + ((RIGHT - LEFT) * t) / Math.max(1, T - 1);
  const dots = drawn
    .map(([t, loss]) => `<circle class="draw" cx="${x(t).toFixed(1)}" cy="${axis.y(loss).toFixed(1)}" r="2.6"/>`)
    .join("");
  const [t, loss] = drawn[drawn.length - 1];
  const path = known.length > 1 ? line(known.map(([at, l]) => [x(at), axis.y(l)])) : "";
  return (
    rules(axis) +
    dots +
    (path && `<path class="curve" d="${path}"/>`) +
    `<circle class="last" cx="${x(t)}" cy="${axis.y(loss)}" r="5"/>` +
    frame(
      [0, 0.5, 1].map((part) => [LEFT + (RIGHT - LEFT) * part, String(Math.round((T - 1) * part))]),
      "timestep t, drawn at random",
      "loss (log scale)",
    )
  );
}
