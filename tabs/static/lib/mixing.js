// A picture and its noise, mixed in the browser: the other side is picture_and_noise.py.

import { bytes } from "./bytes.js";

/** eps comes as int16 in units of 1 / EPS_SCALE; picture_and_noise.py has the same number. */
export const EPS_SCALE = 4096;

/**
 * @typedef {object} PictureAndNoise
 * @property {number} size Side of the square.
 * @property {number} channels 1 or 3.
 * @property {Float64Array} x0 In [-1, 1].
 * @property {Float64Array} eps
 */

/**
 * @param {import("./messages.js").PictureAndNoiseMessage} message
 * @returns {PictureAndNoise}
 */
export function unpack(message) {
  return {
    size: message.size,
    channels: message.channels,
    x0: Float64Array.from(bytes(message.x0), (k) => k / 127.5 - 1),
    eps: Float64Array.from(new Int16Array(bytes(message.eps).buffer), (k) => k / EPS_SCALE),
  };
}

/**
 * The amplitudes of picture and noise in x_t: √ᾱ and √(1 − ᾱ) (Ho et al. 2020, eq. 4). On the
 * straight path of flow matching both are divided by their sum, so that they add up to 1.
 *
 * @param {number} alphaBar
 * @param {boolean} [straight]
 * @returns {[number, number]}
 */
export function amplitudes(alphaBar, straight) {
  const [a, b] = [Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar)];
  return straight ? [a / (a + b), b / (a + b)] : [a, b];
}

/**
 * x_t, number by number: picture and noise by their amplitudes.
 *
 * @param {PictureAndNoise} parts
 * @param {number} alphaBar
 * @param {boolean} [straight]
 * @returns {(p: number) => number}
 */
export function mixer({ x0, eps }, alphaBar, straight) {
  const [a, b] = amplitudes(alphaBar, straight);
  return (p) => a * x0[p] + b * eps[p];
}
