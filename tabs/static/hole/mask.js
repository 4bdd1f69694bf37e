// What is painted: a mask of a picture's pixels, 1 where it is to be made anew.

/** @type {Record<string, (x: number, y: number, w: number, h: number) => boolean>} */
const SHAPES = {
  centre: (x, y, w, h) => x >= w / 4 && x < (3 * w) / 4 && y >= h / 4 && y < (3 * h) / 4,
  left: (x, _y, w) => x < w / 2,
  top: (_x, y, _w, h) => y < h / 2,
  none: () => false,
};

/**
 * The mask of a named shape: centre, left, top or none.
 *
 * @param {string} name
 * @param {number} width
 * @param {number} height
 */
export function shape(name, width, height) {
  const inside = SHAPES[name];
  return Uint8Array.from({ length: width * height }, (_, i) =>
    inside(i % width, Math.floor(i / width), width, height) ? 1 : 0,
  );
}

/**
 * Paint a round dab into a mask.
 *
 * @param {Uint8Array} mask Changed.
 * @param {number} width
 * @param {[number, number]} centre In pixels.
 * @param {number} size Diameter in pixels.
 * @param {0 | 1} open 1 paints, 0 erases.
 */
export function dab(mask, width, [cx, cy], size, open) {
  for (let i = 0; i < mask.length; i++) {
    const x = i % width;
    const y = (i - x) / width;
    if (Math.hypot(x + 0.5 - cx, y + 0.5 - cy) <= size / 2 + 0.25) mask[i] = open;
  }
}

/** @param {Uint8Array} mask */
export const openPixels = (mask) => mask.reduce((sum, open) => sum + open, 0);

/**
 * The level that the page shows for a number of the picture: its own, hatched where it is open.
 *
 * @param {number} p
 * @param {Uint8Array} px
 * @param {Uint8Array} mask
 * @param {number} width
 * @param {number} channels
 */
export function hatched(p, px, mask, width, channels) {
  const pixel = Math.floor(p / channels);
  if (!mask[pixel]) return px[p];
  const x = pixel % width;
  return (x + (pixel - x) / width) % 2 ? 245 : 150;
}
