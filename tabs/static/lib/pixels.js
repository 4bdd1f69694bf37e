// Pictures are rows of pixels, from the top, each of 1 (grey) or 3 (RGB) numbers.
// `level(p)` is the 0 … 255 of number p, `value(p)` its value in [-1, 1].

/** The grey gap, in pixels, between the pictures of a sheet, as `grid` of diffusion_core.data lays it out. */
export const GAP = 2;

/**
 * The same rounding as to_uint8 of diffusion_core: values outside [-1, 1] are clipped.
 *
 * @param {number} value In [-1, 1].
 * @returns {number} 0 … 255.
 */
export const toLevel = (value) => Math.max(0, Math.min(255, Math.round((value + 1) * 127.5)));

/**
 * RGBA bytes of a picture, as ImageData holds them.
 *
 * @param {number} width
 * @param {number} height
 * @param {number} channels 1 or 3.
 * @param {(p: number) => number} level
 * @param {Uint8ClampedArray | Uint8Array} [out] Filled, where it is given.
 */
export function rgba(width, height, channels, level, out = new Uint8Array(4 * width * height)) {
  for (let i = 0, p = 0; i < width * height; i++, p += channels) {
    const first = level(p);
    out[4 * i] = first;
    out[4 * i + 1] = channels > 1 ? level(p + 1) : first;
    out[4 * i + 2] = channels > 1 ? level(p + 2) : first;
    out[4 * i + 3] = 255;
  }
  return out;
}

/**
 * Draw a picture at its native size; CSS enlarges it.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 * @param {number} channels
 * @param {(p: number) => number} level
 */
export function paintLevels(canvas, width, height, channels, level) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const image = new ImageData(width, height);
  rgba(width, height, channels, level, image.data);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number} size Side of a square picture.
 * @param {number} channels
 * @param {(p: number) => number} value
 */
export function paint(canvas, size, channels, value) {
  paintLevels(canvas, size, size, channels, (p) => toLevel(value(p)));
}

/**
 * Where picture i of a sheet begins.
 *
 * @param {number} i
 * @param {number} columns Pictures side by side.
 * @param {[number, number]} tile Width and height of one.
 */
export function tileOffset(i, columns, [width, height]) {
  return { left: (i % columns) * (width + GAP), top: Math.floor(i / columns) * (height + GAP) };
}

/**
 * Number p of one picture of a sheet, as an index into the numbers of the sheet.
 *
 * @param {number} p
 * @param {{ left: number, top: number }} offset
 * @param {number} tileWidth
 * @param {number} sheetWidth
 * @param {number} channels
 */
export function inSheet(p, offset, tileWidth, sheetWidth, channels) {
  const pixel = Math.floor(p / channels);
  const x = pixel % tileWidth;
  const y = (pixel - x) / tileWidth;
  return ((offset.top + y) * sheetWidth + offset.left + x) * channels + (p % channels);
}
