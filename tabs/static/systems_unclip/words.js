// The words of the view "DALL·E 2", and the place of a frame in the film of prior and decoder.

import { arrowOf, boxOf } from "../systems/stage.js";

/** @typedef {import("../lib/messages.js").UnclipMessage} Message */
/** @typedef {import("../lib/messages.js").PriorMessage} Prior */

/** Steps of the prior's walk, which is the first part of the film. @param {Message} message */
export const before = ({ prior }) => prior?.t.length ?? 0;

/** Frames of the film: those of the decoder once it has drawn. @param {Message} message */
export const frames = (message) => before(message) + (message.items?.[0]?.x0_hat.length ?? 0);

/**
 * Where the film is.
 *
 * @param {Message} message
 * @param {number} k Of the frame.
 */
export function filmWords(message, k) {
  const { prior, t = [] } = message;
  const first = before(message);
  if (prior && k < first) return `prior: step ${k + 1} of ${first} · t = ${prior.t[k]}`;
  const last = t.length - 1;
  const j = k - first;
  return j >= last ? `finished · ${last} steps` : `decoder: step ${j} of ${last} · t = ${t[j]}`;
}

/** @param {number} number */
const two = (number) => number.toFixed(2);

/**
 * What the prior did, in one or two sentences.
 *
 * @param {Prior} prior
 * @param {number} k Of the frame.
 */
export function priorWords({ distances, similarities, taken, t }, k) {
  const at = Math.min(k, t.length - 1);
  const others = similarities.filter((_, i) => i !== taken).map(two);
  const than = others.length ? `, more than the other (${others.join(", ")})` : "";
  return (
    `The prior’s estimate is ${two(distances[taken][at])} from where it ends. The sample that is taken ` +
    `is ${two(similarities[taken])} like the caption${than}.`
  );
}

/** Which picture is shown large at first. @param {string} task @param {number} many */
export const firstItem = (task, many) => (["interpolation", "difference"].includes(task) ? Math.floor(many / 2) : 0);

/**
 * The picture of boxes: what is shipped, and what goes from one to the other.
 *
 * @param {Message} message
 * @returns {HTMLElement[]}
 */
export function boxesOf({ boxes = [], task = "words" }) {
  const [clip, prior, decoder] = boxes;
  if (!clip || !prior || !decoder) return [];
  const end = { key: "end", title: "Sampler", lines: ["from noise", "to a picture"] };
  const words = [boxOf(clip), arrowOf("caption →"), boxOf(prior), arrowOf("zᵢ →")];
  const picture = [boxOf(clip), arrowOf("picture: zᵢ →")];
  return [...(task === "words" ? words : picture), boxOf(decoder), arrowOf("ε̂ →"), boxOf(end)];
}
