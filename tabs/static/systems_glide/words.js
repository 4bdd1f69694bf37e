// The words of the view "GLIDE": which of a caption are seen when, and what is written of a walk.

import { arrowOf, boxOf } from "../systems/stage.js";

/** @typedef {import("../lib/messages.js").GlideMessage} Message */
/** @typedef {import("../lib/messages.js").GlideLane} Lane */
/** @typedef {import("../lib/messages.js").CaptionPart} Part */

/** @param {number} share */
export const percent = (share) => {
  const of100 = 100 * share;
  return `${of100 >= 10 || of100 === 0 ? Math.round(of100) : of100.toFixed(1)}\u00a0%`; // never broken
};

/**
 * The part of a walk that a frame belongs to.
 *
 * @param {Part[]} parts
 * @param {number} k Of the frame.
 */
export function partAt(parts, k) {
  return parts.reduce((found, part) => (part.first <= k ? part : found), parts[0]);
}

/**
 * The word that is looked at, in another part or walk: the same word, at the same place if it is there.
 *
 * @param {Part} part
 * @param {{ word: string, index: number } | null} wanted
 * @returns {number} Its index in the part's words; -1 is none.
 */
export function indexOf(part, wanted) {
  if (!wanted) return -1;
  const { word, index } = wanted;
  const found = part.words[index] === word ? index : part.words.indexOf(word);
  return found >= 0 && part.places[found] >= 0 ? found : -1;
}

/**
 * Where the walks are.
 *
 * @param {Message} message
 * @param {number} k Of the frame.
 */
export function filmWords({ t = [], branch = -1 }, k) {
  const last = t.length - 1;
  if (k >= last) return `finished · ${last} steps`;
  const other = branch < 0 ? "" : k < branch ? ` · another caption at ${branch}` : " · with the other caption";
  return `step ${k} of ${last} · t = ${t[k]}${other}`;
}

/**
 * What the map shows, or how one gets it, in one or two sentences.
 *
 * @param {Message} message
 * @param {Part | null} part With the word.
 * @param {number} index Of the word in it; -1 is none.
 */
export function looksWords({ attends = false, map_size: size = [0, 0], layers = 0 }, part, index) {
  if (!attends) {
    return (
      "This model does not attend to single words yet: its attention to words still adds zero, so " +
      "that there is no map to show. The whole caption reaches it as one vector."
    );
  }
  if (!part || index < 0) return "Choose a word of a caption to see which positions attend to it.";
  const place = part.places[index];
  const [least, most] = [part.least[place], part.most[place]];
  const mean = layers > 1 ? `, the mean of ${layers} layers` : "";
  return (
    `“${part.words[index]}” gets from ${percent(least)} (dark) to ${percent(most)} (bright) of a position's ` +
    `attention in this walk; an even share would be ${percent(1 / part.most.length)}. ` +
    `${size[0]} × ${size[1]} positions, enlarged${mean}.`
  );
}

/**
 * What stands under a walk.
 *
 * @param {Lane} lane
 */
export function laneWords({ scale, clip_scale: byClip, nfe, caption, parts }) {
  const clip = byClip ? ` · CLIP ${byClip}` : "";
  const guided = parts[0].words.length === 1 && parts.length === 1 ? caption : `guidance ${scale}`;
  return `${guided}${clip} · ${nfe} evaluations`;
}

/**
 * The picture of boxes: what is loaded, and what goes from one to the other.
 *
 * @param {Message} message
 * @returns {HTMLElement[]}
 */
export function boxesOf({ boxes = [], sampler }) {
  const [text, attention, model, clip] = boxes;
  if (!text || !attention || !model) return [];
  const step = sampler ? `a step of ${sampler}` : "a step of the sampler";
  const lines = ["ε̂(∅) + s (ε̂(c) − ε̂(∅))", "c: the caption, ∅: none", step];
  return [
    boxOf(text),
    arrowOf("→"),
    boxOf(attention),
    arrowOf("⇄"),
    boxOf(model),
    arrowOf("ε̂ →"),
    boxOf({ key: "sum", title: "Guidance", lines }),
    ...(clip ? [arrowOf("← ∇"), boxOf(clip)] : []),
  ];
}
