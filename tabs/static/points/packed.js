// Numbers of points as int16: the other side is tabs/shared/wire.py.

import { base64, bytes } from "../lib/bytes.js";

const LARGEST = 32767;

/**
 * @param {import("../lib/messages.js").PackedPoints} packed
 * @returns {Float32Array<ArrayBuffer>}
 */
export function unpackPoints({ most, values }) {
  const view = new DataView(bytes(values).buffer);
  const out = new Float32Array(view.byteLength / 2);
  for (let i = 0; i < out.length; i++) out[i] = (view.getInt16(2 * i, true) / LARGEST) * most;
  return out;
}

/**
 * Points of the square from −1 to 1, x and y by turns, as text for the server.
 *
 * @param {ArrayLike<number>} points
 */
export function packDrawn(points) {
  const view = new DataView(new ArrayBuffer(2 * points.length));
  for (let i = 0; i < points.length; i++) {
    const held = Math.max(-1, Math.min(1, points[i]));
    view.setInt16(2 * i, Math.round(held * LARGEST), true);
  }
  return base64(new Uint8Array(view.buffer));
}

/**
 * The way back from `packDrawn`.
 *
 * @param {string} text
 * @returns {number[]}
 */
export const unpackDrawn = (text) => [...unpackPoints({ shape: [], most: 1, values: text })];
