// Lights the line of algorithm 2 that made the player's present frame.

import { find, findAll } from "../lib/dom.js";
import { linesOf, wordsOf } from "./lines.js";

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".algorithms", HTMLElement);

  /** @param {import("./lines.js").ShownFrame} frame */
  function light(frame) {
    const lit = linesOf(frame);
    for (const line of findAll(root, "[data-line]", HTMLElement)) {
      if (lit.has(line.dataset.line ?? "")) line.setAttribute("aria-current", "step");
      else line.removeAttribute("aria-current");
    }
    find(root, ".now", HTMLElement).textContent = wordsOf(frame);
    root.dataset.lit = [...lit].sort().join(" ");
  }

  /** @param {Event} event */
  const listener = (event) => {
    if (root.isConnected) light(/** @type {CustomEvent} */ (event).detail);
    else document.removeEventListener("player:frame", listener);
  };
  document.addEventListener("player:frame", listener);
  document.dispatchEvent(new CustomEvent("player:tell"));
}
