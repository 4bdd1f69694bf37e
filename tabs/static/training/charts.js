// The two charts of the loss, as SVG.

import { line } from "../lib/curves.js";
import { thousands } from "../lib/format.js";
import { BASE, frame, LEFT, logAxis, RIGHT, rules, short } from "./axis.js";

const WIDTH = RIGHT - LEFT;

/** @param {number | null} v */
const positive = (v) => v !== null && v > 0;

/**
 * Loss by training step.
 *
 * @param {[number, number][]} loss Step and loss.
 * @param {number} total Steps that there will be.
 * @param {number} here The step that is looked at.
 * @returns {{ svg: string, now: number } | null} null where there are fewer than two points.
 */
export function lossChart(loss, total, here) {
  const points = loss.filter(([, v]) => v > 0);
  if (points.length < 2) return null;
  const axis = logAxis(points.map(([, v]) => v));
  /** @param {number} step */
  const x = (step) => LEFT + (WIDTH * step) / total;
  const [last, now] = points[points.length - 1];
  const path = line(points.map(([step, v]) => [x(step), axis.y(v)]));
  const svg =
    `${rules(axis)}<line class="here" x1="${x(here)}" x2="${x(here)}" y1="6" y2="${BASE}"/>` +
    `<path class="curve" d="${path}"/>` +
    frame(
      [0, 0.5, 1].map((part) => [LEFT + WIDTH * part, thousands(Math.round(total * part))]),
      "training step",
      "loss (log scale)",
    ) +
    `<text class="end" x="${Math.max(LEFT + 36, x(last))}" y="${Math.max(16, axis.y(now) - 7)}" ` +
    `text-anchor="end">${short(now)}</text>`;
  return { svg, now };
}

/**
 * Loss by timestep, now as bars and after 100 steps as lines.
 *
 * @param {(number | null)[]} bins
 * @param {(number | null)[]} first
 * @param {number} T Timesteps.
 * @returns {string | null} null where nothing is known yet.
 */
export function binsChart(bins, first, T) {
  const values = [...bins, ...first].filter((v) => v !== null && v > 0);
  if (!values.length) return null;
  const axis = logAxis(/** @type {number[]} */ (values));
  const n = bins.length;
  /** @param {number} i */
  const x = (i) => LEFT + (WIDTH * i) / n;
  const bars = bins.map((v, i) => {
    if (!positive(v)) return "";
    const y = axis.y(Number(v));
    const height = Math.max(0, BASE - y);
    return `<rect class="bar" x="${x(i) + 1}" width="${WIDTH / n - 2}" y="${y}" height="${height}"/>`;
  });
  const before = first.map((v, i) =>
    positive(v) ? `M${x(i)} ${axis.y(Number(v))}H${x(i + 1)}` : "",
  );
  return (
    `${rules(axis)}${bars.join("")}<path class="first" d="${before.join("")}"/>` +
    frame(
      [0, 0.5, 1].map((part) => [LEFT + WIDTH * part, String(Math.round((T - 1) * part))]),
      "timestep t",
      "loss (log scale)",
    ) +
    key(first.some(positive))
  );
}

/**
 * What bars and lines are, above the plot.
 *
 * @param {boolean} both Whether there are lines yet.
 */
const key = (both) =>
  `<text class="key" x="${RIGHT}" y="-2" text-anchor="end">bars: now` +
  `${both ? " · dashed: after 100 steps" : ""}</text>`;
