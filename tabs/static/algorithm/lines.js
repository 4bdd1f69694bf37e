// Which lines of algorithm 2 of Ho et al. 2020 made a frame, and what to say of it.

/**
 * What the player tells of the frame that it shows.
 *
 * @typedef {object} ShownFrame
 * @property {number} t Timestep; -1 of the finished picture.
 * @property {number} index Of the frame.
 * @property {boolean} noise Whether fresh noise is drawn in this step.
 * @property {string} sampler
 * @property {boolean} picture Whether the walk began with a picture.
 */

/**
 * @param {ShownFrame} frame
 * @returns {Set<string>} Numbers of lines.
 */
export function linesOf({ t, index, noise, picture }) {
  if (t < 0) return new Set(["6"]);
  const lit = new Set(["4"]);
  if (noise) lit.add("3");
  if (index === 0 && !picture) lit.add("1");
  return lit;
}

/** @param {ShownFrame} frame */
export function wordsOf({ t, noise, sampler }) {
  if (t < 0) return "Finished.";
  let words = `t = ${t + 1} as the paper counts, from 1: ${t} here.`;
  if (sampler !== "ddpm") {
    words += ` ${sampler} has a line 4 of its own: the equation under the pictures.`;
  }
  return noise ? words : `${words} No z is drawn in this step.`;
}
