// The words of the view "Guided diffusion", and its boxes: what is written of a message.

import { fixed } from "../lib/format.js";
import { arrowOf, boxOf } from "../systems/stage.js";

/** @typedef {import("../lib/messages.js").GuidedMessage} Message */
/** @typedef {import("../lib/messages.js").GuidanceRowMessage} Row */

/** Columns of the table: heading, and the cell of a row. @type {[string, (row: Row) => string][]} */
export const COLUMNS = [
  ["Guidance", (row) => row.kind],
  ["Scale", (row) => String(row.scale)],
  ["Class read", (row) => percent(row.accuracy)],
  ["Frechet distance", (row) => fixed(row.distance, 2)],
  ["Precision", (row) => fixed(row.precision, 2)],
  ["Recall", (row) => fixed(row.recall, 2)],
];

/** @param {number} share */
export const percent = (share) => `${Math.round(100 * share)} %`;

/** @param {{ words: string, scale: number }} lane */
export const laneWords = ({ words, scale }) =>
  words === "scale 0" ? words : `${words}, scale ${scale}`;

/** A share as CSS has it. @param {number} share */
export const wide = (share) => `${(100 * share).toFixed(2)}%`;

/**
 * Where the walk is.
 *
 * @param {Message} message
 * @param {number} k Of the frame.
 */
export function filmWords({ t = [], log_snr: told = [], branch = -1 }, k) {
  const last = t.length - 1;
  if (k >= last) return `finished · ${last} steps`;
  const switched = branch >= 0 ? (k < branch ? ` · switches at ${branch}` : " · switched") : "";
  return `step ${k} of ${last} · t = ${t[k]} · log-SNR ${fixed(told[k], 1)}${switched}`;
}

/**
 * What one's own choice costs and gives.
 *
 * @param {Row | null} own
 * @param {{ words: string, scale: number } | undefined} guided
 */
export function saysOf(own, guided) {
  if (!guided) return "";
  if (!own) return `Nothing was measured for ${laneWords(guided)}.`;
  return (
    `Your choice, ${laneWords(guided)}, is the ring: the judge reads the class in ${percent(own.accuracy)} of the ` +
    `pictures; precision ${fixed(own.precision, 2)}, recall ${fixed(own.recall, 2)}, ` +
    "on a straight line between the measured scales."
  );
}

/**
 * The picture of boxes: what is loaded, and what goes from one to the other.
 *
 * @param {Message} message
 * @returns {HTMLElement[]}
 */
export function boxesOf({ boxes = [], sampler, algorithm }) {
  const [model, classifier] = boxes;
  if (!model || !classifier) return [];
  const step = algorithm === 1 ? "μ + s Σ ∇ log p" : "ε̂ − s σₜ ∇ log p";
  return [
    boxOf(model),
    arrowOf("ε̂ →"),
    boxOf({ key: "sum", title: step, lines: [sampler ? `a step of ${sampler}` : "a step of the sampler", "gives xₜ₋₁"] }),
    arrowOf("← ∇ log p"),
    boxOf(classifier),
  ];
}
