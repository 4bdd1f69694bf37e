// What the stages of the tab Systems have in common: boxes, run cards, words while they wait.

import { find, make, saveBlob } from "../lib/dom.js";

/** @typedef {import("../lib/messages.js").SystemBox} SystemBox */

/** A part of the picture of boxes. @param {SystemBox} part */
export function boxOf({ key, title, lines }) {
  const made = make("div", { className: `box ${key}` });
  made.append(make("b", { words: title }), ...lines.map((words) => make("div", { words })));
  return made;
}

/** What goes from one box to the next. @param {string} words */
export const arrowOf = (words) => make("span", { words, className: "arrow" });

/**
 * Let the browser save a run card.
 *
 * @param {string | undefined} card
 * @param {string | undefined} file Its name, without an ending.
 */
export function saveCard(card, file) {
  if (card) saveBlob(new Blob([card], { type: "application/json" }), `${file}.json`);
}

/**
 * Wire what opens a run card, and the words while a walk waits for its turn.
 *
 * @param {HTMLElement} root
 * @param {import("../lib/messages.js").Host} host
 */
export function wireOpening(root, host) {
  const file = find(root, ".open input", HTMLInputElement);
  file.addEventListener("change", async () => {
    const opened = file.files?.[0];
    if (!opened) return;
    root.dataset.opened = await opened.text();
    file.value = "";
    host.trigger("submit", {});
  });
}

/**
 * Take a message's state, and say it; whether the message is of the walk that is waited for.
 *
 * @param {HTMLElement} root
 * @param {{ state?: string, run?: string } | null} message
 */
export function takeState(root, message) {
  if (!message?.state) return false;
  if (message.run && root.dataset.run && message.run !== root.dataset.run) return false;
  root.dataset.state = message.state;
  find(root, ".waiting", HTMLElement).textContent = message.state === "stopped" ? "Stopped." : "";
  return true;
}

/** Say that a walk waits. @param {HTMLElement} root */
export function sayWaiting(root) {
  find(root, ".waiting", HTMLElement).textContent = "Waiting for its turn …";
}
