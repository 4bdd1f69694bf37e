// Chain or jump: draws what the server computed; see `chain_messages` in noise/compute.py.

import { bytes } from "../lib/bytes.js";
import { find, findAll } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { paintLevels } from "../lib/pixels.js";
import { rows } from "./rows.js";

/** @type {import("../lib/messages.js").Mount} */
export function mount(element) {
  const root = find(element, ".chain", HTMLElement);
  /** @param {string} selector */
  const $ = (selector) => find(root, selector, HTMLElement);
  const canvases = findAll(root, "canvas", HTMLCanvasElement);

  return (value) => {
    /** @type {import("../lib/messages.js").ChainMessage | null} */
    const message = parse(value);
    if (!message?.chain) return;
    const { size, channels, k, of } = message;
    [message.chain, message.jump].forEach((text, i) => {
      const levels = bytes(text);
      paintLevels(canvases[i], size, size, channels, (p) => levels[p]);
    });
    $(".k").textContent = String(k);
    $(".line i").style.width = `${(100 * k) / of}%`;
    $(".line").setAttribute("aria-valuenow", String(Math.round((100 * k) / of)));
    for (const [row, words] of Object.entries(rows(message))) {
      findAll(root, `.${row} td`, HTMLElement).forEach((td, i) => {
        td.textContent = words[i];
      });
    }
    $(".why").textContent = message.words;
    root.dataset.k = String(k);
    root.dataset.state = message.done ? "done" : "running";
  };
}
