// Particles on their way: where they are between two frames, and their tails.

import { css, mixture, radiusFor } from "./plane.js";

const TAIL_PARTS = 10;
const TAIL = 0.14; // of the walk

/**
 * A walk as it is drawn: K + 1 frames of B points, x and y by turns.
 *
 * @typedef {object} Film
 * @property {Float32Array} x
 * @property {number} frames
 * @property {number} points
 * @property {number[]} alphas
 * @property {number[]} sigmas
 */

/**
 * @param {import("../lib/messages.js").PackedPoints} packed (K + 1, B, 2)
 * @param {Float32Array} x Its numbers.
 * @param {number[]} alphas
 * @param {number[]} sigmas
 * @returns {Film}
 */
export const filmOf = ({ shape }, x, alphas, sigmas) => ({
  x,
  frames: shape[0],
  points: shape[1],
  alphas,
  sigmas,
});

/**
 * Where all points are at a time between two frames.
 *
 * @param {Film} film
 * @param {number} at 0 … frames − 1
 * @param {Float32Array} [into]
 */
export function positions({ x, frames, points }, at, into = new Float32Array(2 * points)) {
  const held = Math.max(0, Math.min(frames - 1, at));
  const k = Math.min(frames - 2, Math.floor(held));
  if (k < 0) return into.fill(0);
  const share = held - k;
  const [from, to] = [2 * points * k, 2 * points * (k + 1)];
  for (let i = 0; i < 2 * points; i++) into[i] = x[from + i] + share * (x[to + i] - x[from + i]);
  return into;
}

/**
 * The signal's share of the variance at a time between two frames.
 *
 * @param {Pick<Film, "alphas" | "sigmas" | "frames">} film
 * @param {number} at
 */
export function signalAt({ alphas, sigmas, frames }, at) {
  const k = Math.max(0, Math.min(frames - 1, Math.round(at)));
  const [signal, noise] = [alphas[k] ** 2, sigmas[k] ** 2];
  return signal / (signal + noise);
}

/**
 * Draw particles with tails.
 *
 * @param {import("./plane.js").Plane} plane
 * @param {Film} film
 * @param {number} at
 */
export function drawParticles(plane, film, at) {
  const { context, colours, ratio } = plane;
  const colour = mixture(colours, signalAt(film, at));
  const length = Math.max(1.5, TAIL * (film.frames - 1));
  let here = positions(film, at);
  const now = here;
  context.lineWidth = 1.2 * ratio;
  for (let part = 0; part < TAIL_PARTS; part++) {
    const until = at - ((part + 1) / TAIL_PARTS) * length;
    if (until < -length / TAIL_PARTS) break;
    const there = positions(film, until);
    context.strokeStyle = css(colour, 0.42 * (1 - part / TAIL_PARTS));
    context.beginPath();
    for (let i = 0; i < here.length; i += 2) {
      context.moveTo(plane.x(here[i]), plane.y(here[i + 1]));
      context.lineTo(plane.x(there[i]), plane.y(there[i + 1]));
    }
    context.stroke();
    here = there;
  }
  plane.dots(now, colour, { opacity: 0.92, radius: Math.max(1.7, radiusFor(film.points)) });
}

/**
 * Draw the whole paths of some points, up to a time.
 *
 * @param {import("./plane.js").Plane} plane
 * @param {Film} film
 * @param {number} at
 * @param {number} count Of the first points.
 */
export function drawPaths(plane, film, at, count) {
  const { context, colours, ratio } = plane;
  const last = Math.floor(at);
  context.lineWidth = 1.3 * ratio;
  for (let k = 0; k < last; k++) {
    context.strokeStyle = css(mixture(colours, signalAt(film, k + 0.5)), 0.6);
    context.beginPath();
    for (let b = 0; b < Math.min(count, film.points); b++) {
      const [i, j] = [2 * (k * film.points + b), 2 * ((k + 1) * film.points + b)];
      context.moveTo(plane.x(film.x[i]), plane.y(film.x[i + 1]));
      context.lineTo(plane.x(film.x[j]), plane.y(film.x[j + 1]));
    }
    context.stroke();
  }
}

/**
 * Draw the path of one point, with a dot at each step.
 *
 * @param {import("./plane.js").Plane} plane
 * @param {Film} film
 * @param {number} at
 * @param {number} which
 */
export function drawPicked(plane, film, at, which) {
  const { context, colours, ratio } = plane;
  context.strokeStyle = css(colours.text);
  context.fillStyle = css(colours.text);
  context.lineWidth = 2 * ratio;
  context.beginPath();
  for (let k = 0; k < film.frames; k++) {
    const i = 2 * (k * film.points + which);
    context.lineTo(plane.x(film.x[i]), plane.y(film.x[i + 1]));
  }
  context.stroke();
  const now = positions(film, at);
  context.beginPath();
  context.arc(plane.x(now[2 * which]), plane.y(now[2 * which + 1]), 7 * ratio, 0, 2 * Math.PI);
  context.stroke();
}

/**
 * The point that is nearest to a place.
 *
 * @param {Film} film
 * @param {number} at
 * @param {[number, number]} place
 */
export function nearestPoint(film, at, [x, y]) {
  const now = positions(film, at);
  let [best, far] = [0, Infinity];
  for (let b = 0; b < film.points; b++) {
    const d = (now[2 * b] - x) ** 2 + (now[2 * b + 1] - y) ** 2;
    if (d < far) [best, far] = [b, d];
  }
  return best;
}
