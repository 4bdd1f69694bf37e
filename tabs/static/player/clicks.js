// What the buttons around the player do at once, before any answer of the server.

import { newRun, stage, withLast } from "../lib/runs.js";

const player = () => stage("#denoise-player .player");

/** @param {boolean} branch @returns {string} The new run's name. */
function begin(branch) {
  const id = newRun();
  player()?.dispatchEvent(new CustomEvent("player:start", { detail: { id, branch } }));
  return id;
}

/** Begin a run: its name is the last input. @param {unknown[]} inputs */
export function startRun(...inputs) {
  return withLast(inputs, begin(false));
}

/**
 * Begin a branch: the last inputs are the parent's name, its run card, the step, and the new name.
 *
 * @param {unknown[]} inputs
 */
export function startBranch(...inputs) {
  /** @type {{ run?: string, card?: string, step?: number }} */
  const ask = {};
  player()?.dispatchEvent(new CustomEvent("player:ask", { detail: ask }));
  return withLast(inputs, ask.run, ask.card, ask.step, begin(true));
}

/**
 * The last inputs become the run in the player: its name, its run card, and the step that is seen.
 *
 * @param {unknown[]} inputs
 */
export function withShownStep(...inputs) {
  /** @type {{ run?: string, card?: string, step?: number }} */
  const ask = {};
  player()?.dispatchEvent(new CustomEvent("player:ask", { detail: ask }));
  return withLast(inputs, ask.run ?? "", ask.card ?? "", ask.step ?? 0);
}

/** What did not even begin: a value that a control refuses, a full queue. */
export function failRun() {
  player()?.dispatchEvent(new Event("player:failed"));
}

/** @returns {string} The run to stop: that which the page waits for. */
export function stopRun() {
  player()?.dispatchEvent(new Event("player:stop"));
  return player()?.dataset.wanted || "";
}

/** The last input becomes the run in the player. @param {unknown[]} inputs */
export function withShownRun(...inputs) {
  return withLast(inputs, player()?.dataset.run || "");
}
