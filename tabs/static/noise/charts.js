// The Noise stage's numbers: histogram, moments, and the two curves of the schedule.

import { BINS, bars, line } from "../lib/curves.js";
import { decibels, fixed, powerOfTen } from "../lib/format.js";

const NORMAL_TOP = 0.9; // a density of this height reaches 110 of the box's 120

/**
 * Histogram, mean and standard deviation of a picture.
 *
 * @param {(p: number) => number} value
 * @param {number} n How many numbers it has.
 */
export function measure(value, n) {
  const counts = new Float64Array(BINS);
  let sum = 0;
  let squares = 0;
  for (let p = 0; p < n; p++) {
    const v = value(p);
    const bin = Math.floor((v + 3) * 10);
    sum += v;
    squares += v * v;
    if (bin >= 0 && bin < BINS) counts[bin]++;
  }
  const mean = sum / n;
  return { counts, mean, deviation: Math.sqrt(Math.max(0, squares / n - mean * mean)) };
}

/**
 * The histogram as bars of density, on the scale of `normalCurve`.
 *
 * @param {Float64Array} counts
 * @param {number} n
 */
export const densityBars = (counts, n) =>
  bars(counts.map((count) => 120 - Math.min(118, (110 * count) / (n * 0.1) / NORMAL_TOP)));

/** The standard normal density, which noising leads to. */
export function normalCurve() {
  /** @type {[number, number][]} */
  const points = Array.from({ length: BINS + 1 }, (_, i) => {
    const v = -3 + i / 10;
    const density = Math.exp((-v * v) / 2) / Math.sqrt(2 * Math.PI);
    return [5 * i, 120 - (110 * density) / NORMAL_TOP];
  });
  return line(points);
}

/**
 * A curve over the timesteps, 1000 by 100, of about 200 points.
 *
 * @param {number[]} alphaBars
 * @param {(alphaBar: number) => number} f From ᾱ to a height of 0 to 1.
 */
export function scheduleCurve(alphaBars, f) {
  const n = alphaBars.length;
  const step = Math.max(1, Math.floor(n / 200));
  /** @type {[number, number][]} */
  const points = [];
  for (let i = 0; i < n; i += step) points.push([(1000 * i) / (n - 1), 97 - 94 * f(alphaBars[i])]);
  return line(points);
}

/**
 * Timesteps of the film strip, evenly from first to last.
 *
 * @param {number} T
 * @param {number} [count]
 */
export const stripTimes = (T, count = 8) =>
  Array.from({ length: count }, (_, k) => Math.round((k * (T - 1)) / (count - 1)));

/**
 * Ticks of the axis of timesteps: round ones from 0, and the last one, none too near it.
 *
 * @param {number} last
 */
export function ticks(last) {
  const steps = [1, 10, 100, 1000].flatMap((power) => [power, 2 * power, 5 * power]);
  const step = steps.find((s) => last / s <= 5.5) ?? last;
  const round = Array.from({ length: Math.ceil(last / step) }, (_, i) => i * step);
  return [...round.filter((t) => t === 0 || last - t > 0.6 * step), last];
}

/** @param {number} alphaBar */
export function signalToNoise(alphaBar) {
  const decibel = decibels(alphaBar);
  const small = alphaBar < 0.001 ? powerOfTen(alphaBar, 1) : alphaBar.toFixed(3);
  return `Signal to noise ${decibel > 0 ? "+" : ""}${fixed(decibel, 1)} dB, ᾱ = ${small}`;
}

/**
 * Where playing stands.
 *
 * @param {number} from Timestep at which it began.
 * @param {number} ms Since then.
 * @param {number} T
 * @param {number} seconds From the picture to noise.
 */
export const playedTo = (from, ms, T, seconds) => from + (ms / 1000 / seconds) * (T - 1);
