// What is seen of a walk's steps: sheets of pictures, and numbers, as `FrameMaker` of
// diffusion_core/generation/recording.py makes them.

import { GAP, toLevel } from "../lib/pixels.js";

/** @typedef {import("../lib/messages.js").WalkTable} WalkTable */
/** @typedef {import("./walk.js").Step} Step */
/** @typedef {Omit<import("../lib/messages.js").Frame, "px"> & { px: Uint8Array<ArrayBuffer>[] }} Frame */

const GREY = 128;
const BINS = 60;
const LOWEST = -3;
const HIGHEST = 3;

/**
 * @param {Float32Array} x
 * @returns {number} The mean of the squares.
 */
export function meanSquare(x) {
  let sum = 0;
  for (const value of x) sum += value * value;
  return sum / x.length;
}

/**
 * @param {Float32Array} x
 * @returns {number[]} Counts in equal bins from −3 to 3; what lies beyond is not counted.
 */
export function histogram(x) {
  const counts = new Array(BINS).fill(0);
  for (const value of x) {
    if (!(value >= LOWEST && value <= HIGHEST)) continue;
    const bin = Math.floor(((value - LOWEST) / (HIGHEST - LOWEST)) * BINS);
    counts[Math.min(bin, BINS - 1)] += 1;
  }
  return counts;
}

/**
 * Pictures (B, C, H, W) side by side, with a grey gap between them.
 *
 * @param {Float32Array | null} x Null is grey throughout.
 * @param {Pick<WalkTable, "images" | "shape" | "columns">} table
 * @param {number} [gain] Factor of every value.
 */
export function sheet(x, { images, shape: [channels, height, width], columns }, gain = 1) {
  const rows = Math.ceil(images / columns);
  const across = columns * (width + GAP) - GAP;
  const out = new Uint8Array(channels * across * (rows * (height + GAP) - GAP)).fill(GREY);
  if (!x) return out;
  const plane = height * width;
  for (let i = 0; i < images; i++) {
    const top = Math.floor(i / columns) * (height + GAP);
    const left = (i % columns) * (width + GAP);
    for (let c = 0; c < channels; c++) {
      const from = (i * channels + c) * plane;
      for (let p = 0; p < plane; p++) {
        const pixel = (top + Math.floor(p / width)) * across + left + (p % width);
        out[pixel * channels + c] = toLevel(x[from + p] * gain);
      }
    }
  }
  return out;
}

/**
 * @param {Float32Array} a
 * @param {Float32Array} b The same for each picture of a, where it is shorter.
 */
function distance(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i % b.length]) ** 2;
  return Math.sqrt(sum / a.length);
}

/**
 * The frame of a step.
 *
 * @param {WalkTable} table
 * @param {Step} step
 * @param {number} ms Milliseconds of all steps so far.
 * @param {Float32Array | null} x0 The picture (C, H, W) that the walk began with.
 * @returns {Frame}
 */
export function frameOf(table, { index, row, x_t, x0_hat, eps_hat, noise, x_prev, nfe }, ms, x0) {
  const change = x_prev.map((value, i) => value - x_t[i]);
  const gain = 1 / Math.max(3 * Math.sqrt(meanSquare(change)), 1e-6);
  /** @type {Record<string, [Float32Array, number]>} */
  const pictures = {
    x_t: [x_t, 1],
    x0_hat: [x0_hat, 1],
    eps_hat: [eps_hat, 1],
    change: [change, gain],
    noise: [noise ?? new Float32Array(x_t.length), 1],
  };
  return {
    i: index,
    t: row.t,
    tp: row.t_prev,
    ab: row.alpha_bar,
    nfe,
    ms,
    w: row.weights,
    h: histogram(x_t),
    n: { mean_square: meanSquare(x_t), gain, ...(x0 ? { x0: distance(x0_hat, x0) } : {}) },
    px: table.views.map((view) => sheet(pictures[view][0], table, pictures[view][1])),
  };
}

/**
 * The frame of the finished pictures.
 *
 * @param {WalkTable} table
 * @param {Step} step The last one.
 * @param {number} ms Milliseconds in all.
 * @param {Float32Array | null} x0
 * @returns {Frame}
 */
export function endOf(table, { x_prev, nfe }, ms, x0) {
  return {
    i: table.steps.length,
    t: -1,
    tp: -1,
    ab: 1,
    nfe,
    ms,
    w: {},
    h: histogram(x_prev),
    n: { mean_square: meanSquare(x_prev), gain: 1, ...(x0 ? { x0: distance(x_prev, x0) } : {}) },
    px: table.views.map((view) => sheet(/^x(_t|0_hat)$/.test(view) ? x_prev : null, table)),
  };
}
