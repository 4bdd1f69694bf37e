// The words and cells of the view "Families": what is written of a message, without the page.

import { thousands } from "../lib/format.js";

/** Columns of the table: heading, and the cell of a row. @type {[string, (row: import("../lib/messages.js").PointsFamilyRow) => string][]} */
export const COLUMNS = [
  ["Family", (row) => row.title],
  ["Distance", (row) => `${short(row.distance)} ± ${short(row.error)}`],
  ["Precision", (row) => `${Math.round(100 * row.precision)} %`],
  ["Recall", (row) => `${Math.round(100 * row.recall)} %`],
  ["Modes", (row) => (row.modes === null ? "–" : `${row.modes} of ${row.of_modes}`)],
  ["Evaluations a sample", (row) => String(row.evaluations)],
  ["µs a sample", (row) => short(row.microseconds)],
  ["Likelihood", (row) => (row.likelihood === null ? "none" : row.likelihood.toFixed(2))],
  ["Latent", (row) => String(row.latent)],
  ["Parameters", (row) => thousands(row.parameters)],
  ["Steps", (row) => thousands(row.steps)],
  ["Training", (row) => `${row.seconds.toFixed(1)} s`],
];

/**
 * A number in about three digits.
 *
 * @param {number} value
 */
export function short(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.5 ? 0 : size >= 9.95 ? 1 : 2);
}

/**
 * The class of a cell with a verdict.
 *
 * @param {string} verdict
 */
export function looksOf(verdict) {
  return verdict.startsWith("holds") ? "holds" : verdict.startsWith("does not") ? "not" : "unclear";
}

/**
 * What the picture beside the samples shows.
 *
 * @param {import("../lib/messages.js").PointsFamily} family
 * @param {boolean} collapse Whether the GAN is provoked to lose modes.
 */
export function pictureWords({ key, picture }, collapse) {
  if (key === "gan") {
    const provoked = collapse ? " Mode collapse is provoked." : "";
    const [least, most] = (picture.range ?? [0, 1]).map((share) => share.toFixed(2));
    return `D(x), how surely the discriminator takes a point for data: from ${least}, pale, to ${most}.${provoked}`;
  }
  if (key === "vae") {
    return "The latent plane as the decoder bends it: lines between the data are what lies between modes. Right: where data lie in that plane.";
  }
  if (key === "flow") {
    return `The plane of noise as it is bent, over the exact density. There and back: error ${(picture.error ?? 0).toExponential(0)}.`;
  }
  return `From noisy points at t = ${picture.t}: where the network sees the data.`;
}

/**
 * How far a run has come.
 *
 * @param {import("../lib/messages.js").PointsFamiliesMessage} message
 */
export function progressWords({ state, seconds, of, words }) {
  if (state === "empty") return `${words}. Press Train all.`;
  if (state === "waiting") return "Waiting for its turn …";
  const done = `${seconds.toFixed(1)} of ${of} s of training for each`;
  if (state === "running") return `${done} …`;
  return state === "done" ? `Done: ${done}.` : `Stopped after ${done}.`;
}
