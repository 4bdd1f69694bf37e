// The film strip as one picture: the same picture at several timesteps, side by side.

import { mixer } from "../lib/mixing.js";
import { toLevel } from "../lib/pixels.js";

const GAP = 2; // pixels between the pictures, clear

/**
 * @param {import("../lib/mixing.js").PictureAndNoise & { alphaBars: number[] }} data
 * @param {number[]} times
 * @returns {{ width: number, height: number, level: (p: number) => number }} Of four numbers a
 *   pixel, RGB and how opaque.
 */
export function strip(data, times) {
  const { size, channels, alphaBars } = data;
  const mixes = times.map((t) => mixer(data, alphaBars[t]));
  const width = times.length * (size + GAP) - GAP;
  /** @param {number} p */
  const level = (p) => {
    const pixel = Math.floor(p / 4);
    const across = pixel % width;
    const x = across % (size + GAP);
    if (x >= size) return 0;
    if (p % 4 === 3) return 255;
    const at = (Math.floor(pixel / width) * size + x) * channels;
    return toLevel(mixes[Math.floor(across / (size + GAP))](at + (channels > 1 ? p % 4 : 0)));
  };
  return { width, height: size, level };
}
