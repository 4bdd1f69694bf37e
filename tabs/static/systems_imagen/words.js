// The words of the view "Imagen", and the place of a frame in the film of both walks.

import { arrowOf, boxOf } from "../systems/stage.js";

/** @typedef {import("../lib/messages.js").ImagenMessage} Message */
/** @typedef {import("../lib/messages.js").ImagenItem} Item */

/** Frames of the first walk, which is the first part of the film: its steps and its end. @param {Message} message */
export const before = ({ t_small: t = [] }) => t.length;

/** Frames of the film: those of the second walk once it has been done. @param {Message} message */
export const frames = (message) => before(message) + (message.items?.[0]?.large_x0_hat.length ?? 0);

/**
 * Where the film is.
 *
 * @param {Message} message
 * @param {number} k Of the frame.
 */
export function filmWords(message, k) {
  const { t_small: small = [], t_large: large = [] } = message;
  if (k < small.length) {
    const last = small.length - 1;
    return k >= last ? "the small picture is there" : `first walk: step ${k} of ${last} · t = ${small[k]}`;
  }
  const j = k - small.length;
  const last = large.length - 1;
  const steps = small.length ? `${small.length - 1} + ${last}` : `${last}`;
  return j >= last ? `finished · ${steps} steps` : `second walk: step ${j} of ${last} · t = ${large[j]}`;
}

/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`; // never broken

/**
 * What stands under a picture of a row.
 *
 * @param {string} task
 * @param {Item} item
 */
export function itemWords(task, { words, saturated, away }) {
  if (saturated.length < 2) return words;
  return task === "thresholds" ? `${words}: ${percent(saturated[1])} saturated` : `${words}: ${away.toFixed(2)} away`;
}

/**
 * What is counted in the pictures that are seen large, in one or two sentences.
 *
 * @param {Message} message
 * @param {Item} item
 */
export function countedWords({ saturated_real: real, small = [0, 0] }, { saturated, away }) {
  const [first, second] = saturated;
  const of = real === undefined ? "" : `, of real avatars ${percent(real)}`;
  const beside = second === undefined ? "" : `, of the large one ${percent(second)}`;
  const far =
    second === undefined
      ? ""
      : ` Shrunk to ${small[0]} × ${small[1]} again, the large picture is ${away.toFixed(2)} away from the small one.`;
  return `Saturated: ${percent(first)} of the small picture${beside}${of}.${far}`;
}

/** Which picture is shown large at first: of levels the second one, which is the usual one. @param {string} task */
export const firstItem = (task) => (task === "levels" ? 1 : 0);

/**
 * The picture of boxes: what is shipped, and what goes from one to the other.
 *
 * @param {Message} message
 * @returns {HTMLElement[]}
 */
export function boxesOf({ boxes = [] }) {
  const [text, base, trunk, branch] = boxes;
  if (!text || !base || !trunk || !branch) return [];
  const [words, picture] = ["caption →", "small picture + noise →"].map(arrowOf);
  return [boxOf(text), words, boxOf(base), picture, boxOf(trunk), arrowOf("⇄"), boxOf(branch)];
}
