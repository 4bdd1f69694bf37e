// The film strip as one picture: the same picture at several timesteps, which stand below.

import { mixer } from "../lib/mixing.js";
import { toLevel } from "../lib/pixels.js";
import { enlargement } from "../lib/png.js";

const GAP = 2; // pixels between the pictures, clear
// Digits of 3 by 5 pixels, a row a number of three bits, for the timesteps under the strip.
const FONT = /** @type {Record<string, number[]>} */ ({
  0: [7, 5, 5, 5, 7],
  1: [2, 6, 2, 2, 7],
  2: [7, 1, 7, 4, 7],
  3: [7, 1, 7, 1, 7],
  4: [5, 5, 7, 1, 1],
  5: [7, 4, 7, 1, 7],
  6: [7, 4, 7, 5, 7],
  7: [7, 1, 2, 2, 2],
  8: [7, 5, 7, 5, 7],
  9: [7, 5, 7, 1, 7],
  t: [2, 7, 2, 2, 3],
  "=": [0, 7, 0, 7, 0],
  " ": [0, 0, 0, 0, 0],
});
const DOT = 6; // pixels of the file a pixel of a letter
const LINE = 9 * DOT; // height of the line of timesteps

/**
 * Whether a place in a line of text is ink; the text is in the middle of the line.
 *
 * @param {string} text
 * @param {number} width Of the line, in pixels.
 * @param {number} x
 * @param {number} y From the top of the line.
 */
export function ink(text, width, x, y) {
  const left = Math.floor((width - (text.length * 4 - 1) * DOT) / 2);
  const column = Math.floor((x - left) / DOT);
  const row = Math.floor(y / DOT) - 2;
  const letter = FONT[text[Math.floor(column / 4)]];
  if (column < 0 || !letter || column % 4 === 3 || row < 0 || row > 4) return false;
  return Boolean(letter[row] & (4 >> column % 4));
}

/**
 * The same picture at several timesteps, side by side, each with its timestep below.
 *
 * @param {import("../lib/mixing.js").PictureAndNoise & { alphaBars: number[], straight: boolean }} data
 * @param {number[]} times
 * @returns {import("../lib/png.js").Picture} Of four numbers a pixel, RGB and how opaque.
 */
export function strip(data, times) {
  const { size, channels, alphaBars, straight } = data;
  const larger = enlargement(size, size);
  const side = size * larger;
  const mixes = times.map((t) => mixer(data, alphaBars[t], straight));
  const width = times.length * (side + GAP) - GAP;
  /** @param {number} p */
  const level = (p) => {
    const pixel = Math.floor(p / 4);
    const across = pixel % width;
    const x = across % (side + GAP);
    const y = Math.floor(pixel / width);
    const i = Math.floor(across / (side + GAP));
    if (y >= side) {
      const dark = ink(`t = ${times[i]}`, side, x, y - side);
      return p % 4 === 3 ? 255 : dark ? 40 : 255;
    }
    if (x >= side) return p % 4 === 3 ? 0 : 255;
    if (p % 4 === 3) return 255;
    const at = (Math.floor(y / larger) * size + Math.floor(x / larger)) * channels;
    return toLevel(mixes[i](at + (channels > 1 ? p % 4 : 0)));
  };
  return { width, height: side + LINE, channels: 4, level };
}
