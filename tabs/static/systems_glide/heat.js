// Which positions attend to a word, laid over a picture.

import { warmth } from "../lib/warmth.js";

/**
 * A map enlarged to a picture, bilinearly between the middles of its cells.
 *
 * @param {ArrayLike<number>} map Rows from the top.
 * @param {[number, number]} from Rows and columns of the map.
 * @param {[number, number]} to Rows and columns of the picture.
 * @returns {Float32Array}
 */
export function enlarged(map, [h, w], [H, W]) {
  const out = new Float32Array(H * W);
  /** Two cells and the share of the second. @param {number} i @param {number} n @param {number} N */
  const between = (i, n, N) => {
    const at = Math.max(0, Math.min(n - 1, ((i + 0.5) * n) / N - 0.5));
    const a = Math.floor(at);
    return /** @type {const} */ ([a, Math.min(n - 1, a + 1), at - a]);
  };
  for (let y = 0; y < H; y++) {
    const [top, bottom, down] = between(y, h, H);
    for (let x = 0; x < W; x++) {
      const [left, right, over] = between(x, w, W);
      const above = map[top * w + left] * (1 - over) + map[top * w + right] * over;
      const below = map[bottom * w + left] * (1 - over) + map[bottom * w + right] * over;
      out[y * W + x] = above * (1 - down) + below * down;
    }
  }
  return out;
}

/**
 * A picture with a map laid over it: grey where the word is not attended to, amber where it is.
 *
 * @param {Uint8Array} px RGB.
 * @param {Float32Array} map 0 … 255, one a pixel.
 * @returns {Uint8Array} RGB.
 */
export function laidOver(px, map) {
  const out = new Uint8Array(px.length);
  for (let i = 0; i < map.length; i++) {
    const [r, g, b] = [px[3 * i], px[3 * i + 1], px[3 * i + 2]];
    const grey = 0.6 * (0.299 * r + 0.587 * g + 0.114 * b);
    const share = 0.15 + (0.65 * map[i]) / 255;
    warmth(map[i]).forEach((level, c) => {
      out[3 * i + c] = Math.round(grey + share * (level - grey));
    });
  }
  return out;
}

/**
 * The map of one token at one step.
 *
 * @param {Uint8Array} maps Of all tokens of the step.
 * @param {number} place Of the token.
 * @param {[number, number]} size Rows and columns.
 */
export const mapOf = (maps, place, [h, w]) => maps.subarray(place * h * w, (place + 1) * h * w);
