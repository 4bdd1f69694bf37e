// What the controls of the Train tab do in the page itself.

import { SKIP, stage } from "../lib/runs.js";

/**
 * Fill controls in with what was found for a preset. Finding takes a while, in which somebody may
 * type or choose another preset: values for a preset that is no longer chosen are dropped, and
 * what they typed stays.
 *
 * @param {string[]} names Of the controls.
 * @param {string} found JSON: the preset, and values by name; empty where nothing was found.
 * @param {string} preset The one that is chosen now.
 * @returns {unknown[]} Their values to be, or what leaves them as they are.
 */
export function fillIn(names, found, preset) {
  const { preset: of, values } = found ? JSON.parse(found) : {};
  return names.map((name) => (of === preset ? values[name] : SKIP));
}

/**
 * The preset's name once a setting was typed: at once, so that no answer that is under way finds
 * the preset still chosen.
 *
 * @param {string} own The name for settings of one's own.
 */
export function leavePreset(own) {
  return own;
}

/**
 * Ask before a model is deleted.
 *
 * @param {string} path Its folder.
 * @returns {string} The path; empty if it is to stay.
 */
export function confirmDelete(path) {
  const name = path?.split(/[\\/]/).pop();
  return name && confirm(`Delete ${name} for good?`) ? path : "";
}

/**
 * Train was pressed: it may take a while until the pictures are read and a plan is measured.
 *
 * @param {unknown[]} inputs
 */
export function askTraining(...inputs) {
  stage("#train-stage .training")?.setAttribute("data-asked", "");
  return inputs;
}

/** The training is over, or could not begin. */
export function endAsking() {
  stage("#train-stage .training")?.removeAttribute("data-asked");
}
