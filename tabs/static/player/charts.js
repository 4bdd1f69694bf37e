// What theory expects of x_t, and the two charts that compare it with what is there.

import { BINS, bars, line } from "../lib/curves.js";
import { trueMinus } from "../lib/format.js";
import { amplitudes } from "../lib/mixing.js";

/**
 * Standard normal distribution function, to 1e-7 (Abramowitz and Stegun 26.2.17).
 *
 * @param {number} z
 */
export function normalBelow(z) {
  const k = 1 / (1 + 0.2316419 * Math.abs(z));
  const series =
    k *
    (0.31938153 +
      k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))));
  const tail = 0.3989422804 * Math.exp((-z * z) / 2) * series;
  return z > 0 ? 1 - tail : tail;
}

/**
 * Shares of 60 bins from -3 to 3 of √ᾱ·x0 + √(1−ᾱ)·ε, where x0 has the levels of a picture.
 *
 * @param {Float64Array} levels Share of each of the 256 levels.
 * @param {number} alphaBar
 * @param {boolean} [straight] Whether the path is that of flow matching; see `amplitudes`.
 */
export function expected(levels, alphaBar, straight) {
  const [signal, deviation] = amplitudes(alphaBar, straight);
  const noise = Math.max(deviation, 1e-6);
  const bins = new Float64Array(BINS);
  levels.forEach((share, level) => {
    if (!share) return;
    if (alphaBar > 1 - 1e-9) {
      // No noise is left: a level lies in the bin that it is counted in.
      bins[Math.min(BINS - 1, Math.floor((level / 127.5 - 1 + 3) * 10 + 1e-9))] += share;
      return;
    }
    const centre = signal * (level / 127.5 - 1);
    let before = normalBelow((-3 - centre) / noise);
    for (let i = 0; i < BINS; i++) {
      const after = normalBelow((-2.9 + i / 10 - centre) / noise);
      bins[i] += share * (after - before);
      before = after;
    }
  });
  return bins;
}

/**
 * Share of each of the 256 levels among the numbers that are kept.
 *
 * @param {Uint8Array} pixels
 * @param {(p: number) => boolean} keep
 */
export function levelsOf(pixels, keep) {
  const levels = new Float64Array(256);
  let n = 0;
  for (let p = 0; p < pixels.length; p++) {
    if (keep(p)) {
      levels[pixels[p]]++;
      n++;
    }
  }
  return levels.map((count) => count / n);
}

/**
 * E[x0²], of values in [-1, 1].
 *
 * @param {Float64Array} levels Share of each level.
 */
export const meanSquare = (levels) =>
  levels.reduce((sum, share, level) => sum + share * (level / 127.5 - 1) ** 2, 0);

/**
 * E[x_t²], by the amplitudes of picture and noise: ᾱ E[x0²] + 1 − ᾱ, or as `amplitudes` has it.
 *
 * @param {number} alphaBar
 * @param {number} square E[x0²].
 * @param {boolean} [straight] Whether the path is that of flow matching.
 */
export function expectedSquare(alphaBar, square, straight) {
  const [signal, noise] = amplitudes(alphaBar, straight);
  return signal ** 2 * square + noise ** 2;
}

/** A place along an axis, and the number there. @typedef {[number, string]} Tick */

/**
 * The largest of 1, 2 and 5 times a power of ten that is not above a number.
 *
 * @param {number} x Above 0.
 */
export function roundBelow(x) {
  const power = 10 ** Math.floor(Math.log10(x));
  return [5, 2, 1].map((step) => step * power).find((step) => step <= x) ?? power;
}

/**
 * Axes of a chart whose box is 300 by 120, with their ticks, as SVG.
 *
 * @param {Tick[]} across By x.
 * @param {Tick[]} up By y.
 */
export function axes(across, up) {
  const [left, top] = BOX;
  const bottom = top + 120;
  let svg = `<path d="M${left} ${top}V${bottom}H${left + 300}"></path>`;
  for (const [x, number] of across) {
    const at = (left + x).toFixed(1);
    svg += `<path d="M${at} ${bottom}v5"></path><text x="${at}" y="${bottom + 18}">${number}</text>`;
  }
  for (const [y, number] of up) {
    const at = (top + y).toFixed(1);
    svg += `<path d="M${left} ${at}h-5"></path>`;
    svg += `<text class="up" x="${left - 8}" y="${at}">${number}</text>`;
  }
  return svg;
}

const BOX = [44, 12]; // where the box begins in the drawing, as the markup moves it

/**
 * The chart of x_t's histogram.
 *
 * @param {number[]} counts
 * @param {Float64Array} theory Shares.
 */
export function histogramPaths(counts, theory) {
  const total = counts.reduce((a, b) => a + b, 0) || 1;
  const top = Math.max(...theory, ...counts.map((c) => c / total)) * 1.08;
  /** @param {number} share */
  const height = (share) => 118 - 112 * (share / top);
  const most = roundBelow(top);
  const percent = Number((100 * most).toPrecision(1));
  return {
    across: /** @type {Tick[]} */ ([-3, -2, -1, 0, 1, 2, 3].map((v) => [50 * (v + 3), trueMinus(`${v}`)])),
    up: /** @type {Tick[]} */ ([[height(0), "0"], [height(most), `${percent} %`]]),
    bars: bars(counts.map((count) => height(count / total))),
    theory: line(Array.from(theory, (share, i) => [5 * i + 2.5, height(share)])),
  };
}

/**
 * The chart of x_t's mean square over the walk.
 *
 * @param {(number | null)[]} values One a frame; null where it is not here yet.
 * @param {number} at Index of the present frame.
 * @param {number} total Frames that there will be.
 * @param {number[]} theory
 * @param {number} steps Of the walk, which may be more than its frames.
 */
export function squarePaths(values, at, total, theory, steps) {
  const known = values.filter((v) => v !== null);
  const top = 1.08 * Math.max(1, ...known, ...theory);
  /** @param {number} i */
  const x = (i) => (300 * i) / Math.max(1, total - 1);
  /** @param {number} v */
  const y = (v) => 116 - 108 * (v / top);
  /** @type {[number, number][]} */
  const points = [];
  values.forEach((v, i) => {
    if (v !== null) points.push([x(i), y(v)]);
  });
  const named = steps > 1 ? [0, Math.round(steps / 2), steps] : [0, steps];
  return {
    across: /** @type {Tick[]} */ (named.map((step) => [(300 * step) / steps, String(step)])),
    up: /** @type {Tick[]} */ ([0, 0.5, 1].map((v) => [y(v), String(v)])),
    line: line(points),
    theory: line(theory.map((v, i) => [x(i), y(v)])),
    dot: /** @type {[number, number]} */ ([x(at), y(values[at] ?? 0)]),
  };
}
