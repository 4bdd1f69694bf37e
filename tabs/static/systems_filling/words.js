// The words of the view "GLIDE: inpainting".

import { arrowOf, boxOf } from "../systems/stage.js";

/** @typedef {import("../lib/messages.js").FillingMessage} Message */

/**
 * Where the film is.
 *
 * @param {Message} message
 * @param {number} k Of the frame.
 */
export function filmWords({ t = [] }, k) {
  const last = t.length - 1;
  return k >= last ? `finished · ${last} steps` : `step ${k} of ${last} · t = ${t[k]}`;
}

/**
 * The picture of boxes: what is shipped, and what goes from one to the other.
 *
 * @param {Message} message
 * @returns {HTMLElement[]}
 */
export function boxesOf({ boxes = [] }) {
  const [text, unet, plain] = boxes;
  return text && unet && plain ? [boxOf(text), arrowOf("→"), boxOf(unet), arrowOf("beside"), boxOf(plain)] : [];
}
