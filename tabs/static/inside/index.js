// The pictures above the views of the Inside tab: x_t, the network's guess, the one to compare it
// with, the truth, the error.

import { bytes } from "../lib/bytes.js";
import { find } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { paintLevels } from "../lib/pixels.js";
import "./clicks.js"; // here before the first click
import { warmth } from "../lib/warmth.js";

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".inside", HTMLElement);
  /** @param {string} selector */
  const $ = (selector) => find(root, selector, HTMLElement);

  return (value) => {
    /** @type {import("../lib/messages.js").InsideStageMessage | null} */
    const message = parse(value);
    if (!message?.x_t) return;
    const { width, height, channels } = message;
    for (const name of /** @type {const} */ (["x_t", "x0_hat", "x0"])) {
      const levels = bytes(message[name]);
      const canvas = find(root, `.view.${name} canvas`, HTMLCanvasElement);
      paintLevels(canvas, width, height, channels, (p) => levels[p]);
    }
    const apart = bytes(message.apart);
    const canvas = find(root, ".view.apart canvas", HTMLCanvasElement);
    paintLevels(canvas, width, height, 3, (p) => warmth(apart[Math.floor(p / 3)])[p % 3]);
    const error = message.error.toFixed(3);
    canvas.setAttribute("aria-label", `error ${error}, how far the guess is from the truth`);
    $(".apart .number").textContent = error;
    $(".end").textContent = message.truth ? "the truth" : "the walk's end";
    for (const words of root.querySelectorAll(".wrong")) words.textContent = message.truth ? "error" : "from its end";
    $(".x0_hat .guess").textContent = message.guess;
    $(".plain").hidden = !message.plain;
    $(".views").dataset.pictures = message.plain ? "5" : "4";
    if (message.plain) {
      const levels = bytes(message.plain);
      paintLevels(find(root, ".plain canvas", HTMLCanvasElement), width, height, channels, (p) => levels[p]);
      $(".plain .guess").textContent = message.plain_guess;
      $(".plain .number").textContent = message.plain_error.toFixed(3);
    }
    find(root, ".view.x0 canvas", HTMLCanvasElement).setAttribute(
      "aria-label",
      message.truth ? "x0, the truth" : "x0, where the walk ended",
    );
    const none = "A walk from noise has no truth: the guess stands beside the picture in which it ended. ";
    $(".no-truth").textContent = message.truth ? "" : none;
    $(".words").textContent = message.caption;
    $(".changed").hidden = !message.changed;
    $(".changed").textContent = message.changed && `Changed network: ${message.changed}.`;
    Object.assign(root.dataset, {
      t: String(message.t),
      model: message.model,
      error,
      changed: message.changed,
    });
  };
}
