// Buttons and keys that move through a walk.

import { find } from "../lib/dom.js";

/** @typedef {import("./player.js").Player} Player */

/** @typedef {"toggle" | "back" | "on" | "first" | "last"} Move */

/** @type {Record<string, Move>} */
const KEYS = { " ": "toggle", ArrowLeft: "back", ArrowRight: "on", Home: "first", End: "last" };

/**
 * What a key does.
 *
 * @param {{ key: string, altKey?: boolean, ctrlKey?: boolean, metaKey?: boolean }} event
 * @returns {Move | null} null of a key that is another's affair.
 */
export function moveOf({ key, altKey, ctrlKey, metaKey }) {
  return altKey || ctrlKey || metaKey ? null : (KEYS[key] ?? null);
}

/**
 * The frame that a move leads to, within the frames that are here.
 *
 * @param {Exclude<Move, "toggle">} move
 * @param {number} at
 * @param {number} last
 */
export function target(move, at, last) {
  const wanted = { back: at - 1, on: at + 1, first: 0, last }[move];
  return Math.max(0, Math.min(last, wanted));
}

/** @param {Player} player */
export function wireTransport(player) {
  const { root, scrub } = player;
  /** @param {Move} move */
  const act = (move) => {
    if (move === "toggle") player.togglePlay();
    else player.show(target(move, player.at, player.last));
  };
  scrub.addEventListener("input", () => player.show(Number(scrub.value)));
  /** @type {[string, Move][]} */
  const buttons = [
    [".play", "toggle"],
    [".first-frame", "first"],
    [".back", "back"],
    [".next", "on"],
    [".last", "last"],
  ];
  for (const [selector, move] of buttons) {
    find(root, selector, HTMLButtonElement).addEventListener("click", () => act(move));
  }
  root.addEventListener("keydown", (event) => {
    const move = moveOf(event);
    const at = /** @type {Element} */ (event.target);
    if (!move || (at !== scrub && at.closest("input, select, button, label"))) return;
    event.preventDefault();
    act(move);
  });
}
