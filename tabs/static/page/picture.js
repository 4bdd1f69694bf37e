// A picture as x0 of the Noise and Schedules stages, and its noise.

import { base64 } from "../lib/bytes.js";
import { EPS_SCALE } from "../lib/mixing.js";
import { Generator } from "./generator.js";

const MOST_PIXELS = 64e6;

/**
 * The middle square of a picture, as levels.
 *
 * @param {ImageBitmap} picture
 * @param {number} size
 * @returns {{ size: number, channels: 1 | 3, levels: Uint8Array }} Grey where all colours are.
 */
export function squareOf(picture, size) {
  const { width, height } = picture;
  const side = Math.min(width, height);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) throw new Error("This browser draws no pictures; try another one.");
  pen.fillStyle = "#fff"; // below what is transparent
  pen.fillRect(0, 0, size, size);
  pen.imageSmoothingQuality = "high";
  pen.imageSmoothingEnabled = side > size;
  pen.drawImage(picture, (width - side) / 2, (height - side) / 2, side, side, 0, 0, size, size);
  const { data } = pen.getImageData(0, 0, size, size);
  let grey = true;
  for (let i = 0; grey && i < data.length; i += 4) {
    grey = data[i] === data[i + 1] && data[i] === data[i + 2];
  }
  const channels = grey ? 1 : 3;
  const levels = new Uint8Array(size * size * channels);
  for (let p = 0; p < size * size; p++) {
    for (let c = 0; c < channels; c++) levels[p * channels + c] = data[4 * p + c];
  }
  return { size, channels, levels };
}

/**
 * The message of a picture and the noise of a seed.
 *
 * @param {{ size: number, channels: number, levels: Uint8Array }} square
 * @param {bigint} seed
 */
export function pictureAndNoise({ size, channels, levels }, seed) {
  const normals = new Generator(seed).normals(levels.length);
  const packed = Int16Array.from(normals, (x) =>
    Math.max(-32768, Math.min(32767, Math.round(x * EPS_SCALE))),
  );
  return {
    id: String(seed),
    size,
    channels,
    x0: base64(levels),
    eps: base64(new Uint8Array(packed.buffer)),
  };
}

/**
 * @param {Blob | HTMLImageElement} file Of an element, all its own pixels, however large it is shown.
 * @returns {Promise<ImageBitmap>}
 * @throws {Error} With a sentence, if it is no picture that can be shown.
 */
export async function readPicture(file) {
  /** @type {ImageBitmap} */
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new Error("This file is no picture that this browser reads; choose a PNG, JPEG or WebP.");
  }
  if (picture.width * picture.height > MOST_PIXELS) {
    throw new Error(`This picture has ${picture.width} × ${picture.height} pixels; choose a smaller one.`);
  }
  return picture;
}

