// Buttons and keys that move through a walk.

import { find } from "../lib/dom.js";
import { wireKeys } from "../lib/keys.js";

/** @typedef {import("./player.js").Player} Player */
/** @typedef {import("../lib/keys.js").Move} Move */

/** Keys that by themselves do nothing: one who holds them has not pressed anything yet. */
const HELD = ["Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock"];
/** What moves through the walk, and so ends a replay where it stands. */
const OWN = ".buttons .move, .track";

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
  wireKeys(root, act, { own: scrub, ready: () => Boolean(player.run?.head) });
  // A replay is ended by any key or press. A press is heard as a click, since one who scrolls a
  // touch screen has not pressed anything; the keys above are heard first, and prevented.
  player.listen("keydown", (event) => {
    const { key, defaultPrevented } = /** @type {KeyboardEvent} */ (event);
    if (!defaultPrevented && !HELD.includes(key)) player.endReplay();
  });
  player.listen("click", ({ target: at }) => {
    if (!(at instanceof Element && root.contains(at) && at.closest(OWN))) player.endReplay();
  });
}
